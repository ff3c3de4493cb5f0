#!/usr/bin/env bash
# tifffile: the form of ImageJ's display ranges that imwrite takes changed between releases.
#
# Guess: metadata={"Ranges": ...} takes the numbers min, max, min, max in any sequence.
# Seen:  2025.6.11 takes a tuple, or a list with the tuple in it, and raises TypeError for a list of
#        numbers; 2026.3.3 takes a tuple or a list, and raises struct.error for the list with a tuple.
# Only the plain tuple, which imagej_metadata gives back, works with both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.3.5
for version in 2025.6.11 2026.3.3; do
  "$work/venv/bin/pip" install --quiet --no-deps --target "$work/$version" "tifffile==$version"
done
cat > "$work/try.py" <<'PYTHON'
import sys

version, folder = sys.argv[1:]
sys.path.insert(0, f"{folder}/{version}")
import numpy
import tifffile

assert tifffile.__version__ == version
pixels = numpy.zeros((2, 8, 8), "uint16")
flat = (0.0, 4000.0, 0.0, 3000.0)
for name, ranges in (("tuple", flat), ("list", list(flat)), ("nested", [flat])):
    path = f"{folder}/{version}-{name}.tif"
    try:
        tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "CYX", "Ranges": ranges})
        with tifffile.TiffFile(path) as file:
            print(version, name, file.imagej_metadata["Ranges"])
    except Exception as error:
        print(version, name, type(error).__name__)
PYTHON
for version in 2025.6.11 2026.3.3; do
  "$work/venv/bin/python" "$work/try.py" "$version" "$work"
done | tee "$work/seen.txt"
diff "$work/seen.txt" - <<'SEEN'
2025.6.11 tuple (0.0, 4000.0, 0.0, 3000.0)
2025.6.11 list TypeError
2025.6.11 nested (0.0, 4000.0, 0.0, 3000.0)
2026.3.3 tuple (0.0, 4000.0, 0.0, 3000.0)
2026.3.3 list (0.0, 4000.0, 0.0, 3000.0)
2026.3.3 nested error
SEEN
