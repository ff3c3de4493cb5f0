"""Cache of restored images on disk.

`FOLDER/<restorer>/<case>`: a folder for each restorer, with files of the blurred ones' ending.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unsmear import images
from unsmear.errors import ImageError
from unsmear.evaluate import BLURRED, SHARP, Case, MethodWithKernel, restore_all
from unsmear.images import Image


def keep(case: Case, contenders: Sequence[MethodWithKernel], folder: Path) -> dict[str, Image]:
    """Return the images of a pair: sharp, blurred, and restored by each method.

    Images already in the folder are read; the rest is restored and written there. A non-blind
    method with the true kernel has no image where the blur is not known.

    Raises UnsmearError where a file cannot be read, restored or written.
    """
    sharp, blurred = case.read()
    files = {contender.name: _file(folder, contender, case) for contender in contenders}
    lacking = [contender for contender in contenders if not files[contender.name].exists()]
    restored = restore_all(case, sharp, blurred, lacking).images if lacking else {}
    complete = {SHARP: sharp, BLURRED: blurred}
    for name, file in files.items():
        if name in restored:
            images.write(file, restored[name])
            complete[name] = restored[name]
        elif file.exists():
            complete[name] = _read(file, blurred)
    return complete


def _file(folder: Path, restorer: MethodWithKernel, case: Case) -> Path:
    """Return the file of a restored image; each set of weights has its own folder."""
    method_name = f"{restorer.name} {restorer.method.cited}".strip()
    restored, name = (re.sub(r"[^\w.-]+", "_", text) for text in (method_name, case.name))
    return folder / restored / (name + case.blurred.files[0].suffix)


def _read(file: Path, blurred: Image) -> Image:
    """Return a restored image; raises ImageError where shape or dtype differ from blurred."""
    restored = images.read(file)
    for expected, actual in (
        (blurred.planes().shape, restored.planes().shape),
        (blurred.pixels.dtype, restored.pixels.dtype),
    ):
        if expected != actual:
            raise ImageError(f"{file}: a restored image must be {expected}, got {actual}.")
    return restored
