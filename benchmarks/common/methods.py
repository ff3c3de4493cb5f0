"""Compared restorers, each as a function from a blurred image to its restored image."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common import fdn, outside
from common.images import WHITE, Counts
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration import methods, pipeline


@dataclass(frozen=True)
class Task:
    """Input of a restorer: the blurred counts, and the true blur for non-blind ones.

    noise: standard deviation of each channel's noise in counts, for those that are told it.
    """

    blurred: Counts
    kernel: NDArray[np.float64]
    length: float
    angle: float
    noise: NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """Restored counts. error: half-width of the 90 % band. touched: whether it was changed."""

    restored: Counts
    error: NDArray[np.float32] | None = None
    touched: bool = True
    replaced: float = 0.0
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Way:
    """A restorer. needs: its inputs beside the image. slow: run on fewer images. ours: of Unsmear.

    weights: whether it uses a network of the package. file: path of other weights where it uses
    them, without an ending if they are ours.
    """

    name: str
    needs: str
    restore: Callable[[Task], Answer]
    ours: bool = True
    slow: bool = False
    weights: bool = False
    file: Path | None = None

    @property
    def classical(self) -> bool:
        """Whether it restores without a network, and is a restorer at all."""
        return "deep" not in self.name and self.file is None and self.name != BLURRED


BLURRED = "blurred"
ORACLE = "Wiener, best of six"
MAXIM = "MAXIM S-1, 16 features"
TRAINED = Path(__file__).parents[2] / "runs" / "maxim-motion" / "best"
"""Weights written by `recipes/maxim/run.py`; without them the row is left out."""
GANSCAN = "GANscan, as pix2pix"
SCANNED = Path(__file__).parents[2] / "runs" / "ganscan" / "best"
"""Weights written by the commands of `ganscan.md`; without them the row is left out."""
FDN, FDN_TWICE = "FDN", "FDN, twice the noise"
FDN_NOISE = 0.1, 12.75
"""Least and most noise that FDN's weights for many levels were trained for, in counts."""
BLIND, TRUE, FAST = "deep-wiener", "deep-wiener, true kernel", "deep-wiener-fast"


def non_blind(method: str, task: Task, **options: object) -> Answer:
    """Restore with a method of Unsmear and the true kernel."""
    kernel = task.kernel if methods.find(method).needs_kernel else None
    image = Image(task.blurred, "CYX")
    return Answer(pipeline.apply_method(image, method, kernel, None, options).image.pixels)


def blind(method: str, task: Task) -> Answer:
    """Restore as `unsmear restore` without a kernel: estimate it, or leave the image unchanged."""
    image = Image(task.blurred, "CYX")
    result = pipeline.restore(image, method=method, uncertainty=methods.find(method).guarded)
    band = None if result.uncertainty is None else result.uncertainty.pixels
    verdicts = result.verdicts
    replaced = 0.0 if verdicts is None else float((verdicts > 0).mean())
    return Answer(result.image.pixels, band, result.touched, replaced, result.estimate)


def by_others(restore: outside.Restore, task: Task) -> Answer:
    """Restore with a method of another package, in [0, 1], and round to 8 bit."""
    units = np.nan_to_num(restore(task.blurred / WHITE, task.kernel, task.length, task.angle))
    return Answer(np.rint(units * WHITE).clip(0, WHITE).astype(np.uint8))


def by_fdn(file: Path, factor: float, task: Task) -> Answer:
    """Restore with FDN, told the noise times a factor, and round to 8 bit."""
    stages = _stages(file)
    sigmas = (factor * task.noise).clip(*FDN_NOISE)
    planes = [
        fdn.restore(plane / WHITE, task.kernel, sigma, stages)
        for plane, sigma in zip(task.blurred, sigmas, strict=True)
    ]
    return Answer(np.rint(np.stack(planes) * WHITE).clip(0, WHITE).astype(np.uint8))


@cache
def _stages(file: Path) -> list[fdn.Stage]:
    return fdn.load(file)


def unchanged(task: Task) -> Answer:
    """Return the blurred image unchanged."""
    return Answer(task.blurred)


def ways(fdn_file: Path | None = None) -> list[Way]:
    """Return the restorers in the order of the tables; the oracle is `best_wiener`.

    fdn_file: FDN's published weights for many levels of noise; without them it is left out.
    """

    def other(name: str, needs: str, restore: outside.Restore, slow: bool = False) -> Way:
        return Way(name, needs, partial(by_others, restore), ours=False, slow=slow)

    lucy = partial(non_blind, "richardson-lucy", iterations=30)
    unsupervised = partial(non_blind, "unsupervised-wiener")
    trained = [
        Way(name, "nothing", partial(non_blind, str(file)), file=file)
        for name, file in ((MAXIM, TRAINED), (GANSCAN, SCANNED))
        if file.with_suffix(".safetensors").exists()
    ]
    inputs = "true kernel and noise"
    published = [
        Way(name, inputs, partial(by_fdn, fdn_file, factor), ours=False, slow=True, file=fdn_file)
        for name, factor in ((FDN, 1.0), (FDN_TWICE, 2.0))
        if fdn_file is not None
    ]
    return [
        Way(BLURRED, "-", unchanged),
        Way(BLIND, "nothing", partial(blind, BLIND), weights=True),
        Way(TRUE, "true kernel", partial(non_blind, BLIND), weights=True),
        Way(FAST, "nothing", partial(blind, FAST), weights=True),
        Way("wiener", "nothing", partial(blind, "wiener"), weights=True),
        Way("wiener, true kernel", "true kernel", partial(non_blind, "wiener")),
        Way("unsupervised-wiener", "true kernel", unsupervised, slow=True),
        Way("richardson-lucy", "true kernel", lucy, slow=True),
        Way("wiener-local", "nothing", partial(non_blind, "wiener-local")),
        *trained,
        Way(ORACLE, "true kernel and the sharp image", unchanged, ours=False),
        other(
            "scikit-image unsupervised_wiener", "true kernel", outside.skimage_unsupervised, True
        ),
        other("scikit-image richardson_lucy", "true kernel", outside.skimage_lucy, True),
        *published,
        other("OpenCV deconvolution.py", "true length and angle", outside.opencv_wiener),
        other("OpenCV unsharp mask", "nothing", outside.opencv_unsharp),
        other("blind Richardson-Lucy", "nothing", outside.blind_lucy, True),
    ]


def best_wiener(task: Task, sharp: Counts) -> Answer:
    """Return the oracle: of six regularisations the result nearest to the sharp image."""
    tried = outside.wieners(task.blurred / WHITE, task.kernel, task.length, task.angle)
    best = min(tried, key=lambda units: float(np.square(units * WHITE - sharp).mean()))
    return Answer(np.rint(best * WHITE).astype(np.uint8))


def run(way: Way, task: Task, sharp: Counts) -> tuple[Answer, float]:
    """Return the result of a restorer for a task, and the seconds it took."""
    begun = time.perf_counter()
    answer = best_wiener(task, sharp) if way.name == ORACLE else way.restore(task)
    return answer, time.perf_counter() - begun
