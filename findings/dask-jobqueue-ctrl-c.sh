#!/usr/bin/env bash
# dask-jobqueue: to import it takes Ctrl-C from the program that imports it.
#
# Guess: an import leaves the program's signals alone; Ctrl-C raises KeyboardInterrupt as before, and
#        the import works in any thread.
# Seen:  0.9.0 sets a handler of its own for SIGINT when it is imported, whether its runners are used
#        or not: Ctrl-C then raises SystemExit without a code, so that what was broken off ends with
#        status 0 and passes `except KeyboardInterrupt` by. In a thread the import raises ValueError.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dask-jobqueue==0.9.0 distributed==2026.8.0 dask==2026.8.0
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

assert version("dask-jobqueue") == "0.9.0", version("dask-jobqueue")
PYTHON
cat > "$work/import.py" <<'PYTHON'
import os
import signal
import sys
import threading

if sys.argv[1] == "with":
    import dask_jobqueue
try:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(5)
except KeyboardInterrupt:
    sys.exit(130)
PYTHON
cat > "$work/thread.py" <<'PYTHON'
import threading


def imported():
    try:
        import dask_jobqueue
    except ValueError as error:
        print(f"in a thread: {error}")


thread = threading.Thread(target=imported)
thread.start()
thread.join()
PYTHON
{
  for how in without with; do
    status=0
    "$work/venv/bin/python" "$work/import.py" "$how" || status=$?
    echo "$how the import, Ctrl-C ends with $status"
  done
  "$work/venv/bin/python" "$work/thread.py"
} | tee "$work/seen.txt"
diff "$work/seen.txt" - <<'SEEN'
without the import, Ctrl-C ends with 130
with the import, Ctrl-C ends with 0
in a thread: signal only works in main thread of the main interpreter
SEEN
