"""A slide restored: surveyed, measured, and then block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from unsmear.choices import Per
from unsmear.errors import ImageError, OptionError
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image, frames
from unsmear.images.slides import Sink, Slide, block_of
from unsmear.restoration import exposures
from unsmear.restoration.by_place import ByPlace
from unsmear.restoration.decision import Decision, Known
from unsmear.restoration.exposures import Outcome
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.settings import Job, Settings
from unsmear.restoration.single_kernel import CONTRADICTED
from unsmear.restoration.slide import band, measuring, movement, outcomes, tile_maps
from unsmear.restoration.slide import block as blocks_
from unsmear.restoration.slide.block import Facts, Plan
from unsmear.restoration.slide.measuring import Mapper, in_turn
from unsmear.restoration.slide.missing import Given, Missing, stacked
from unsmear.restoration.slide.outcomes import Plane
from unsmear.restoration.slide.survey import (
    SMALL,
    WINDOW,
    Block,
    Survey,
    blocks,
    even,
    missing_in,
    survey,
    windows,
)
from unsmear.restoration.slide.tile_maps import TileMaps

Kernels: TypeAlias = Known | Mapping[int | str, Known]
"""One kernel for all planes, or kernels by the names of places."""
Progress = Callable[[str, int, int], None]
"""Called with what is done ("reading", "restoring"), and the blocks done and all."""
Work = Callable[[Block], tuple[Block, Facts]]
SIDES = 2048, 1024, 512
"""Sides near which the blocks' sides are, pixels; smaller ones need less memory and more time."""


@dataclass(frozen=True, eq=False)
class RestoredSlide:
    """What became of a slide.

    Attributes
    ----------
    touched
        Whether anything was restored.
    movement, exposures
        As in `Restored`.
    sink
        The result, which takes its name when it is finished; None where nothing was restored.
    counted
        Tiles and pixels of all restored planes: "tiles", of them "deconvolved" (replaced by the
        plain deconvolution) and "input" (by the recorded image), "pixels", of them "no_data",
        "black" and "white" (clipped at the ends of the dtype).
    flux_change
        Relative change of the total intensity of each plane, by its batch and channel.
    maps
        What is known of its tiles; None without a check.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.RestoredSlide(False, "no motion found (confidence 0.00)", ()).replaced
    0.0
    """

    touched: bool
    movement: str
    exposures: tuple[Outcome, ...]
    sink: Sink | None = None
    counted: Mapping[str, int] = field(default_factory=dict)
    flux_change: Mapping[Plane, float] = field(default_factory=dict)
    maps: TileMaps | None = None

    @property
    def replaced(self) -> float:
        """Fraction of the tiles that were replaced."""
        tiles = self.counted.get("tiles", 0)
        replaced = self.counted.get("deconvolved", 0) + self.counted.get("input", 0)
        return replaced / tiles if tiles else 0.0


def restore(
    slide: Slide,
    open_sink: Callable[[np.dtype[Any], tuple[int, int]], Sink],
    job: Job,
    kernel: Kernels = None,
    *,
    no_data: Given = None,
    memory: float | None = None,
    progress: Progress | None = None,
    mapped: Mapper = in_turn,
) -> RestoredSlide:
    """Return what became of a slide; the blocks that an earlier run finished are not done again.

    open_sink: opens the result, for a dtype and a side of the blocks. kernel: as in `restore`.
    no_data: a value that stands for no data, or a mask. memory: of a process, bytes; None for no
    limit. mapped: does the work on the blocks, and on the windows that are measured.

    Raises ImageError for pixels that cannot be read or written, OptionError for what is not
    available for slides and for too little memory, and KernelError for a kernel that does not fit.
    """
    _check(slide, job)
    _check_memory(slide, memory, job.settings.uncertainty)
    side, shape = block_of(slide.chunk), slide.header.planes().shape
    missing = Missing.of(no_data, slide)
    surveyed = survey(slide, side, missing, progress and partial(progress, "reading"))
    decisions = _decisions(slide, surveyed, job, kernel)
    plans, reasons = _plans(slide, surveyed, decisions, job.settings, mapped)
    if not plans:
        became = outcomes.of_planes(slide.header, decisions, reasons)
        maps = tile_maps.of_untouched(slide, blocks(shape, side)) if job.settings.check else None
        return RestoredSlide(False, exposures.movement(became), became, maps=maps)
    side = _side(slide, plans, memory, job.settings.uncertainty)
    sink = open_sink(blocks_.dtype_of(slide, job.settings.dtype), side)
    everything = list(blocks(shape, side))
    work = partial(_restore_block, slide, sink, plans, job.settings, missing)
    _do(work, everything, sink, mapped, progress)
    for plane in outcomes.contradicted(sink) if not job.settings.force else ():
        reasons[plane] = CONTRADICTED
        del plans[plane]
        undone = [block for block in everything if (block.batch, block.channel) == plane]
        if sink.is_complete:
            continue
        # Their marks stay, so that a run that is stopped here undoes them again.
        for _ in mapped(partial(_restore_block, slide, sink, {}, job.settings, missing), undone):
            pass
    became = outcomes.of_planes(slide.header, decisions, reasons)
    maps = tile_maps.of_result(sink.beside, everything, shape) if job.settings.check else None
    if not plans:
        sink.discard()
        return RestoredSlide(False, exposures.movement(became), became, maps=maps)
    counted = outcomes.counted(sink, plans)
    return RestoredSlide(True, exposures.movement(became), became, sink, *counted, maps=maps)


def leave(slide: Slide, sink: Sink) -> None:
    """Write a slide as it is, block by block."""
    for block in blocks(slide.header.planes().shape, sink.block):
        place = block.batch, block.channel, block.rows, block.columns
        if not sink.is_done(*place):
            sink.write(*place, slide.read(*place))
            sink.mark(*place, {})


def _side(
    slide: Slide, plans: Mapping[Plane, Plan], memory: float | None, uncertainty: bool
) -> tuple[int, int]:
    """Return the side of the blocks: the largest for which the memory of a process suffices."""
    needed = 0.0
    for near in SIDES:
        side = block_of(slide.chunk, near)
        shape = slide.header.planes().shape[2:]
        needed = max(plan.memory(side, shape, uncertainty) for plan in plans.values())
        if memory is None or needed <= memory:
            return side
    raise _too_little(slide, needed, memory or 0)


def _check_memory(slide: Slide, memory: float | None, uncertainty: bool) -> None:
    """Raise OptionError for memory that cannot suffice, whatever the movement is."""
    shape = slide.header.planes().shape[2:]
    side = block_of(slide.chunk, SIDES[-1])
    tall, wide = (min(own, length) for own, length in zip(side, shape, strict=True))
    needed = blocks_.memory_of(tall * wide, uncertainty)
    if memory is not None and needed > memory:
        raise _too_little(slide, needed, memory)


def _too_little(slide: Slide, needed: float, memory: float) -> OptionError:
    least, given = (
        f"{math.ceil(size / 1e6)}MB" if size < 1e9 else f"{math.ceil(size / 1e8) / 10:.1f}GB"
        for size in (needed, memory)
    )
    return OptionError(
        f"{slide.header.name}: --memory must be {least} or more for each process, got {given}."
    )


def _check(slide: Slide, job: Job) -> None:
    """Raise OptionError or ImageError for what is not available for slides."""
    name, settings = slide.header.name, job.settings
    if slide.header.alpha:
        raise ImageError(f"{name}: an image of this size must have no opacity (alpha).")
    if not settings.method.needs_kernel:
        raise OptionError(
            f"{name}: {settings.method.name} needs the whole image in memory, and this one is too "
            "large; use deep-wiener, deep-wiener-lean, deep-wiener-fast or wiener."
        )
    if job.per == "file" and frames.count(slide.header) > 1:
        raise OptionError(f"{name}: --per file is not available for images of this size.")


def _decisions(slide: Slide, surveyed: Survey, job: Job, kernel: Kernels) -> dict[Plane, Decision]:
    """Return what to do about each plane."""
    header = slide.header
    planes = [(int(i), int(j)) for i, j in np.ndindex(header.planes().shape[:2])]
    if kernel is not None and not isinstance(kernel, Mapping):
        return dict.fromkeys(planes, job.decide(kernel))
    decisions: dict[Plane, Decision] = {}
    if kernel is not None:
        given = ByPlace.of(kernel, header)
        for plane in planes:
            if not given.unknown[plane]:
                decisions[plane] = job.decide(given.kernels[given.numbers[plane]])
    unknown = [plane for plane in planes if plane not in decisions]
    estimates = _estimates(slide, surveyed, unknown, job.per)
    decisions |= {plane: job.decide(estimate) for plane, estimate in estimates.items()}
    return {plane: decisions[plane] for plane in planes}


def estimate(slide: Slide, per: Per = "auto", no_data: Given = None) -> list[Exposure]:
    """Return the planes of a slide that share a movement, with the estimate of it.

    no_data: as in `restore`.

    Raises ImageError for pixels that cannot be read.
    """
    planes = [(int(i), int(j)) for i, j in np.ndindex(slide.header.planes().shape[:2])]
    missing = Missing.of(no_data, slide)
    estimates = _estimates(slide, survey(slide, block_of(slide.chunk), missing), planes, per)
    together: dict[int, list[Plane]] = {}
    for plane, found in estimates.items():
        together.setdefault(id(found), []).append(plane)
    return [Exposure(np.array(alike, np.intp), estimates[alike[0]]) for alike in together.values()]


def _estimates(
    slide: Slide, surveyed: Survey, planes: Sequence[Plane], per: Per
) -> dict[Plane, Estimate]:
    """Return what blurred each of the planes."""
    header, estimates = slide.header, dict.fromkeys(planes, movement.NOTHING)
    for batch, corners in enumerate(surveyed.busy):
        own = [plane for plane in planes if plane[0] == batch]
        if own and corners:
            seen = [windows(slide, *plane, list(corners), WINDOW) for plane in own]
            image = Image(np.stack(seen, axis=1), "TCYX", name=header.name, timing=header.timing)
            masks = [
                missing_in(surveyed.missing, slide, *plane, list(corners), WINDOW) for plane in own
            ]
            found = movement.of_channels(image, per, stacked(masks, axis=1))
            estimates |= dict(zip(own, found, strict=True))
    return estimates


def _plans(
    slide: Slide,
    surveyed: Survey,
    decisions: Mapping[Plane, Decision],
    settings: Settings,
    mapped: Mapper,
) -> tuple[dict[Plane, Plan], dict[Plane, str]]:
    """Return how the planes that moved are restored, and why others of them are left alone."""
    plans: dict[Plane, Plan] = {}
    reasons: dict[Plane, str] = {}
    corners = even(slide.header.planes().shape[2:])
    for plane, decision in decisions.items():
        kernel = FieldKernel.of(decision)
        ends = surveyed.lowest[plane], surveyed.highest[plane]
        if kernel is None or not ends[0] < ends[1]:
            continue
        dtype = slide.header.pixels.dtype
        busy = list(surveyed.busy[plane[0]]) or corners
        sample = measuring.Sample(
            windows(slide, *plane, busy, WINDOW),
            windows(slide, *plane, corners, SMALL),
            np.array(ends).astype(dtype),
            slide.header.name,
            missing_in(surveyed.missing, slide, *plane, busy, WINDOW),
            missing_in(surveyed.missing, slide, *plane, corners, SMALL),
        )
        whole, reason = measuring.measure(sample, kernel, settings, mapped)
        if whole is None:
            reasons[plane] = reason
        else:
            plans[plane] = Plan(kernel, whole)
    return plans, reasons


def _restore_block(
    slide: Slide,
    sink: Sink,
    plans: Mapping[Plane, Plan],
    settings: Settings,
    missing: Missing,
    block: Block,
) -> tuple[Block, Facts]:
    """Restore a block and write it; return what became of it."""
    plan = plans.get((block.batch, block.channel))
    done = blocks_.restore(slide, block, plan, settings, missing)
    if done.maps is not None:
        done.maps.write(sink.beside, block)
    if done.half_width is not None:
        band.write(sink.beside, block, done.half_width)
    sink.write(block.batch, block.channel, block.rows, block.columns, done.counts)
    return block, done.facts


def _do(
    work: Work,
    everything: Sequence[Block],
    sink: Sink,
    mapped: Mapper,
    progress: Progress | None,
) -> None:
    """Do the work on the blocks that are not done yet."""
    todo = [
        block
        for block in everything
        if not sink.is_done(block.batch, block.channel, block.rows, block.columns)
    ]
    done = len(everything) - len(todo)
    for block, facts in mapped(work, todo):
        _mark(sink, block, facts)
        done += 1
        if progress:
            progress("restoring", done, len(everything))


def _mark(sink: Sink, block: Block, facts: Facts) -> None:
    plane = {"batch": block.batch, "channel": block.channel}
    sink.mark(block.batch, block.channel, block.rows, block.columns, plane | facts)
