#!/usr/bin/env bash
# SciPy: `import scipy.ndimage` imports NumPy's Fortran wrapper generator and its test helpers.
#
# Guess: NumPy loads `numpy.f2py` and `numpy.testing` (and with it unittest) when they are first
#        used, as it has done since 2.0, so that a program which filters images does not pay for
#        them at its start.
# Seen:  SciPy 1.17.1 does `from numpy import *` in the layer through which its functions take
#        arrays of other libraries (array_api_compat), whatever SCIPY_ARRAY_API says; a star asks
#        for every lazy name. `scipy.ndimage` and `scipy.fft` bring both, `scipy.linalg.lapack` as
#        well, for its package does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
for name in numpy scipy scipy.ndimage scipy.fft scipy.linalg.lapack; do
    SCIPY_ARRAY_API=0 "$folder/env/bin/python" - "$name" <<'PYTHON'
import sys
from importlib import import_module, metadata

assert [metadata.version(name) for name in ("numpy", "scipy")] == ["2.4.6", "1.17.1"]
import_module(sys.argv[1])
lazy = [name for name in ("numpy.f2py", "numpy.testing", "unittest") if name in sys.modules]
print(f"{sys.argv[1]}: {' '.join(lazy) or 'none'}")
PYTHON
done | tee "$folder/seen.txt"
diff "$folder/seen.txt" - <<'SEEN'
numpy: none
scipy: none
scipy.ndimage: numpy.f2py numpy.testing unittest
scipy.fft: numpy.f2py numpy.testing unittest
scipy.linalg.lapack: numpy.f2py numpy.testing unittest
SEEN
