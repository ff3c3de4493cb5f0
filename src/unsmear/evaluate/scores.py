"""Scores of restored images: one row per image and restorer, measured in the counts of the file."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unsmear import metrics
from unsmear.blur import Blur, from_dict
from unsmear.choices import Channels, KernelSource
from unsmear.errors import OptionError, UnsmearError, no_memory
from unsmear.estimate import Estimate, estimate_blur
from unsmear.evaluate.pairs import NUCLEI, SIDES, Case
from unsmear.images import Image, check_no_gaps
from unsmear.images.scaling import range_of
from unsmear.restoration import pipeline
from unsmear.restoration.base import Method
from unsmear.restoration.methods import METHODS, find, options_of, try_out

SHARP, BLURRED = "sharp", "blurred"
"""Names of the two reference rows of every table."""


@dataclass(frozen=True)
class MethodWithKernel:
    """A method with the kernel that it is given.

    kernel: "true", the manifest's; "estimated", found in the blurred image; "" for none.
    """

    method: Method
    kernel: Literal["true", "estimated", ""] = ""

    @property
    def name(self) -> str:
        """Name in tables, "wiener, true kernel"."""
        return f"{self.method.name}, {self.kernel} kernel" if self.kernel else self.method.name


@dataclass(frozen=True)
class ChannelScore:
    """Scores of one channel: PSNR in dB, SSIM."""

    channel: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Row:
    """Scores of one image by one restorer.

    name, group, split: of the pair. blur: name of the blur. family, length, angle: of the blur
    applied, pixels and degrees; None where the family has none or the blur is not known.
    estimated_length, estimated_angle: of the estimated motion; None with the true kernel.
    psnr: dB, over all channels. gain_psnr: scale-invariant PSNR, dB. ssim: mean over channels.
    gain: PSNR minus that of the blurred image, dB. worse: whether the PSNR is below the blurred.
    """

    name: str
    group: str
    split: str
    restorer: str
    blur: str
    family: str
    length: float | None
    angle: float | None
    estimated_length: float | None
    estimated_angle: float | None
    psnr: float
    gain_psnr: float
    ssim: float
    gain: float
    worse: bool
    channels: tuple[ChannelScore, ...] = ()


@dataclass(frozen=True)
class Scored:
    """Result for one pair: its rows, or an error message.

    seconds: by restorer. megapixels: of all channels and planes together. peak: the brightest sharp
    pixel, counts.
    """

    rows: tuple[Row, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    megapixels: float = 0.0
    peak: float = 0.0
    problem: str = ""


def contenders(
    methods: Sequence[str] = (),
    kernel: KernelSource = "both",
    cases: Sequence[Case] = (),
    channels: Channels = "auto",
) -> list[MethodWithKernel]:
    """Return every method, once for each kernel that it can be given.

    methods: names or paths as `methods.find` takes them; none for all built-in methods. Weights are
    named as in their card, or by their path where two cards have the same name.
    cases: the pairs to score; without a known blur there is no true kernel.
    channels: how image channels map to network channels; it is added to the names of networks.

    Raises OptionError for an unknown method, for true kernels where no blur is known, or for a
    channel rule where no method uses one, and WeightsError for weights that restore no images.
    """
    blur_known = any(case.blur is not None for case in cases)
    if kernel == "true" and not blur_known:
        raise OptionError("the true kernel must come from a manifest.csv, got none that has it.")
    kinds: tuple[Literal["true", "estimated"], ...]
    kinds = ("true", "estimated") if kernel == "both" else (kernel,)
    candidates = []
    for method in _ruled(_named_apart(methods or tuple(METHODS)), channels):
        if method.cited:
            try_out(method)
        if method.needs_kernel:
            candidates += [
                MethodWithKernel(method, kind) for kind in kinds if blur_known or kind != "true"
            ]
        else:
            candidates.append(MethodWithKernel(method))
    return candidates


def _named_apart(names: Sequence[str]) -> list[Method]:
    """Return each method once; weights are named by path where two cards have the same name."""
    by_name = {name: find(name) for name in dict.fromkeys(names)}
    name_counts = Counter(method.name for method in by_name.values()) + Counter((SHARP, BLURRED))
    return [
        method if name in METHODS or name_counts[method.name] == 1 else replace(method, name=name)
        for name, method in by_name.items()
    ]


def _ruled(methods: Sequence[Method], channels: Channels) -> list[Method]:
    """Return the methods, with this channel rule set for those that use one."""
    if channels == "auto":
        return list(methods)
    uses_channels = ["channels" in options_of(method) for method in methods]
    if not any(uses_channels):
        names = ", ".join(method.name for method in methods)
        raise OptionError(f"channels must come with a trained network, got {channels} for {names}.")
    return [
        replace(
            method,
            name=f"{method.name}, channels {channels}",
            fit=partial(method.fit, channels=channels),
        )
        if ruled
        else method
        for method, ruled in zip(methods, uses_channels, strict=True)
    ]


def score_case(
    case: Case,
    contenders: Sequence[MethodWithKernel],
    data_range: float | None = None,
    tile: int | None = None,
) -> Scored:
    """Return the rows sharp, blurred and one for each method.

    data_range: from black to white in the files' counts; None takes an integer dtype's own.
    A non-blind method with the true kernel has no row where the blur is not known. The blur is
    estimated once for all methods; its time counts for each that uses it. An error becomes a
    message in the result, so that the other pairs go on.
    """
    try:
        return _score(case, contenders, data_range, tile)
    except UnsmearError as error:
        return Scored(problem=name_case(case, str(error)))
    except MemoryError:
        return Scored(problem=no_memory(case.name))


def restore_case(
    case: Case, contender: MethodWithKernel, tile: int | None = None
) -> tuple[Image, ...]:
    """Return the sharp, the blurred and the restored image; raises what `score_case` catches."""
    sharp, blurred = case.read()
    estimate = estimate_blur(blurred) if contender.kernel == "estimated" else None
    return sharp, blurred, _restore(case, blurred, contender, estimate, tile)


@dataclass(frozen=True, eq=False)
class Restored:
    """All images of one pair: sharp, blurred and restored.

    images: by restorer, sharp and blurred first; without methods that need a true kernel where none
    is known. seconds: by method. estimate: the blur estimate; None where no method needed it.
    """

    images: dict[str, Image]
    seconds: dict[str, float]
    estimate: Estimate | None = None


def restore_all(
    case: Case,
    sharp: Image,
    blurred: Image,
    contenders: Sequence[MethodWithKernel],
    tile: int | None = None,
) -> Restored:
    """Return a pair restored once by each method; they share one blur estimate.

    sharp, blurred: as read from the pair. Raises what `score_case` catches.
    """
    estimate, searching = _estimate(blurred, contenders)
    images, seconds = {SHARP: sharp, BLURRED: blurred}, {}
    for contender in contenders:
        if contender.kernel == "true" and case.blur is None:
            continue
        start = time.perf_counter()
        images[contender.name] = _restore(case, blurred, contender, estimate, tile)
        seconds[contender.name] = time.perf_counter() - start
        seconds[contender.name] += searching if contender.kernel == "estimated" else 0.0
    return Restored(images, seconds, estimate)


def score_images(
    case: Case,
    images: Mapping[str, Image],
    data_range: float | None = None,
    estimates: Mapping[str, Estimate | None] | None = None,
) -> tuple[Row, ...]:
    """Return a row for each of a pair's images, by restorer; sharp and blurred are among them.

    data_range: as for `score_case`. estimates: the blur that was estimated, by restorer.
    """
    sharp, found = images[SHARP], estimates or {}
    data_range = range_of(sharp, data_range)
    before = metrics.psnr(sharp.planes(), images[BLURRED].planes(), data_range=data_range)
    return tuple(
        _row(case, name, sharp, image, data_range, before, found.get(name))
        for name, image in images.items()
    )


def name_case(case: Case, sentence: str) -> str:
    """Return the message with the name of the pair in front, unless it names a file already."""
    names = (f"{case.name}:", f"{case.name}.", *(f"{side}/" for side in (*SIDES, NUCLEI)))
    return sentence if sentence.startswith(names) else f"{case.name}: {sentence}"


def _score(
    case: Case, contenders: Sequence[MethodWithKernel], data_range: float | None, tile: int | None
) -> Scored:
    sharp, blurred = (check_no_gaps(image, "evaluate") for image in case.read())
    data_range = range_of(sharp, data_range)
    restored = restore_all(case, sharp, blurred, contenders, tile)
    estimates = {
        contender.name: restored.estimate
        for contender in contenders
        if contender.kernel == "estimated"
    }
    rows = score_images(case, restored.images, data_range, estimates)
    peak = float(sharp.planes().max())
    return Scored(rows, restored.seconds, sharp.pixels.size / 1e6, peak)


def _estimate(
    image: Image, contenders: Sequence[MethodWithKernel]
) -> tuple[Estimate | None, float]:
    """Return the blur estimate, if a method needs it, and the seconds it took."""
    if not any(contender.kernel == "estimated" for contender in contenders):
        return None, 0.0
    start = time.perf_counter()
    return estimate_blur(image), time.perf_counter() - start


def _restore(
    case: Case,
    image: Image,
    contender: MethodWithKernel,
    estimate: Estimate | None,
    tile: int | None,
) -> Image:
    kernel: Blur | Estimate | None = None
    if contender.kernel == "true":
        kernel = from_dict(case.blur or {})
    elif contender.kernel == "estimated":
        kernel = estimate
    return pipeline.restore(image, kernel, method=contender.method, tile=tile).image


def _row(
    case: Case,
    restorer: str,
    sharp: Image,
    image: Image,
    data_range: float,
    before: float,
    estimate: Estimate | None,
) -> Row:
    truth, pixels = sharp.planes(), image.planes()
    channels = _channel_scores(sharp, truth, pixels, data_range)
    psnr = metrics.psnr(truth, pixels, data_range=data_range)
    blur = case.blur or {}
    return Row(
        name=case.name,
        group=case.group,
        split=case.split,
        restorer=restorer,
        blur=case.blur_name(),
        family=str(blur.get("family", "")),
        length=blur.get("length"),
        angle=blur.get("angle"),
        estimated_length=None if estimate is None else float(estimate.length),
        estimated_angle=None if estimate is None else float(estimate.angle),
        psnr=psnr,
        gain_psnr=metrics.scale_invariant_psnr(truth, pixels, data_range=data_range),
        ssim=math.fsum(score.ssim for score in channels) / len(channels),
        # An unblurred image left alone has gained nothing: not infinity less infinity.
        gain=0.0 if psnr == before else psnr - before,
        worse=psnr < before,
        channels=channels,
    )


def _channel_scores(
    sharp: Image, truth: NDArray[Any], pixels: NDArray[Any], data_range: float
) -> tuple[ChannelScore, ...]:
    names = sharp.channels or tuple(map(str, np.arange(truth.shape[1])))
    return tuple(
        ChannelScore(
            name,
            metrics.psnr(truth[:, index], pixels[:, index], data_range=data_range),
            metrics.ssim(truth[:, index], pixels[:, index], data_range=data_range),
        )
        for index, name in enumerate(names)
    )
