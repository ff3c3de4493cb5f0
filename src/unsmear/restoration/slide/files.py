"""A slide restored from file to file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from unsmear import __version__
from unsmear.choices import BEST_METHOD, Per
from unsmear.images import slides
from unsmear.images.slides import Sink, Slide
from unsmear.restoration import methods
from unsmear.restoration.base import Method
from unsmear.restoration.methods import NO_OPTIONS
from unsmear.restoration.settings import Job, Settings
from unsmear.restoration.slide.missing import Given, Missing
from unsmear.restoration.slide.run import Kernels, Progress, RestoredSlide, restore

MEMORY = 2e9
"""Memory of a process, bytes, unless more or less is given."""


def restore_slide(
    source: str | Path,
    result: str | Path,
    kernel: Kernels = None,
    *,
    axes: str | None = None,
    method: str | Method = BEST_METHOD,
    options: Mapping[str, Any] = NO_OPTIONS,
    per: Per = "auto",
    force: bool = False,
    dtype: DTypeLike | None = None,
    no_data: Given = None,
    memory: float = MEMORY,
    progress: Progress | None = None,
) -> RestoredSlide:
    """Restore an image of any size from file to file, block by block.

    The movement, the noise and the flux of each plane are measured on windows of it; then all
    blocks are restored by them. A call that was stopped goes on with the block where it was.

    Parameters
    ----------
    source
        An OME-Zarr or a tiled TIFF.
    result
        Where the result comes to stand, a path that ends in .zarr or .tif; it appears when it is
        complete. Nothing is written where the slide is left alone.
    kernel
        As in `restore`, but for stacks of kernels.
    axes
        Letters of "PSTCZYX" where the file does not say them.
    method
        deep-wiener, deep-wiener-lean, deep-wiener-fast, wiener, or the path of weights of such a
        network.
    options, per, force, dtype
        As in `restore`.
    no_data
        A value that stands for no data, or a mask that is not 0 there: a bool array (y, x) or in
        the image's shape, or a slide that `unsmear.images.slides.open` gives. NaN never is data.
    memory
        What the process may take, bytes. Blocks of the largest side that fits are worked on.
    progress
        Called with what is done ("reading", "restoring"), the blocks done and all blocks.

    Returns
    -------
    RestoredSlide
        What was found and done.

    Raises
    ------
    ImageError
        For a file that cannot be read in blocks, and a result that cannot be written.
    AxesError
        For axes that are missing or do not fit.
    KernelError
        For a kernel that no camera could have made, or of a part that the image does not have.
    OptionError
        For a method that needs the whole image, and for too little memory.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.write("slide.ome.zarr", unsmear.Image(np.full((64, 64), 7, np.uint8), "YX"))
    ()
    >>> unsmear.restore_slide("slide.ome.zarr", "restored.ome.zarr").touched
    False
    """
    slide = slides.open(Path(source), axes)
    settings = Settings(methods.find(method), options, force=force, dtype=dtype)
    job = Job(settings, per)
    opened = partial(open_sink, Path(result), slide, key_of(job, kernel, no_data))
    with slides.given_back(Path(result)):
        restored = restore(
            slide, opened, job, kernel, no_data=no_data, memory=memory, progress=progress
        )
        if restored.sink is not None:
            restored.sink.finish()
    return restored


def open_sink(
    path: Path, slide: Slide, key: str, dtype: np.dtype[Any], side: tuple[int, int]
) -> Sink:
    """Return a result to which the blocks are written; key: see `key_of`."""
    return Sink.create(path, slide, dtype, side, key)


def key_of(job: Job, kernel: Kernels, no_data: Given) -> str:
    """Return by what a stopped run is known to be the same: a digest of all but the input."""
    settings = job.settings
    parts = [
        __version__,
        settings.method.cited or settings.method.name,
        sorted(settings.options.items()),
        settings.force,
        settings.check,
        settings.uncertainty,
        None if settings.dtype is None else np.dtype(settings.dtype).name,
        job.per,
        Missing(no_data).key(),
        _as_text(kernel),
    ]
    return sha256(repr(parts).encode()).hexdigest()


def _as_text(kernel: Kernels) -> str:
    if isinstance(kernel, Mapping):
        return repr([(place, _as_text(one)) for place, one in kernel.items()])
    if kernel is None:
        return ""
    return repr((kernel if isinstance(kernel, np.ndarray) else kernel.kernel()).tolist())
