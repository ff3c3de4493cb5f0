#!/usr/bin/env bash
# threadpoolctl: a limit on OpenBLAS that one thread of Python sets can't be lifted by another.
#
# Guess: OpenBLAS has one number of threads for the process, so whoever is the last to need a limit
#        lifts it by `restore_original_limits()` of the object that set it, in whatever thread.
# Seen:  in 3.6.0 so it is. 3.8.0 gives OpenBLAS a controlling thread, the first one that sets a
#        limit; as long as it lives, limits that other threads set or lift are left out without a
#        word, and so a limit that was counted in and out across threads stays for good.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
for version in 3.6.0 3.8.0; do
    "$folder/env/bin/pip" install --quiet threadpoolctl==$version numpy==2.4.6
    "$folder/env/bin/python" - $version <<'PYTHON'
import sys
from threading import Thread

import numpy
import threadpoolctl

assert threadpoolctl.__version__ == sys.argv[1], threadpoolctl.__version__


def number():
    return max(found["num_threads"] for found in threadpoolctl.threadpool_info())


def elsewhere(call):
    thread = Thread(target=call)
    thread.start()
    thread.join()


threadpoolctl.threadpool_limits(2, "blas")
limit = threadpoolctl.threadpool_limits(1, "blas")
limited = number()
elsewhere(limit.restore_original_limits)
print(f"{sys.argv[1]}: {limited}, lifted elsewhere {number()}", end=", ")
limit.restore_original_limits()
print(f"lifted where it was set {number()}")
PYTHON
done | tee "$folder/seen.txt"
diff "$folder/seen.txt" - <<'SEEN'
3.6.0: 1, lifted elsewhere 2, lifted where it was set 2
3.8.0: 1, lifted elsewhere 1, lifted where it was set 2
SEEN
