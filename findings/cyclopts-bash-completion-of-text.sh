#!/usr/bin/env bash
# cyclopts: its completion for bash takes the shell's file names away where the input is text.
#
# Guess: with a program's completion script bash still completes file names, also for words without a
#        type of their own, such as images given as `list[str]`.
# Seen:  5.5.2 completes files for a `Path` alone. Its script registers `complete -F` without
#        `-o default`, so after `tool run fi<TAB>` nothing is offered for a `str`, where the shell
#        without the script offers file.txt. Registered again by hand with `complete -o default -F`
#        the shell's own completion is there where the function finds nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet cyclopts==5.5.2
cd "$folder"
touch file.txt
for kind in Path str; do
    "$folder/env/bin/python" - "$kind" > "$kind.bash" <<'PYTHON'
import sys
from pathlib import Path

import cyclopts

assert cyclopts.__version__ == "5.5.2", cyclopts.__version__
app = cyclopts.App(name="tool")


@app.command
def run(inputs: list[{"Path": Path, "str": str}[sys.argv[1]]], /):
    pass


print(app.generate_completion(prog_name="tool", shell="bash"))
PYTHON
done
completed() {
    bash -c 'source "$1"; COMP_WORDS=(tool run fi); COMP_CWORD=2; COMPREPLY=(); _tool
             echo "${COMPREPLY[*]:-}"' _ "$1"
}
path=$(completed Path.bash)
text=$(completed str.bash)
printf 'path: %s\ntext: %s\n' "$path" "$text" | tee seen.txt
grep -q '^complete -F _tool tool$' str.bash
diff seen.txt - <<'SEEN'
path: file.txt
text: 
SEEN
