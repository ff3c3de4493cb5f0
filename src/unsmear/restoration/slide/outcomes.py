"""What became of a slide's planes: sums over their blocks, and outcomes in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from unsmear.estimate import exposures as estimation
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image
from unsmear.images.slides import Sink
from unsmear.restoration import consistency, exposures
from unsmear.restoration.decision import Decision
from unsmear.restoration.exposures import Outcome
from unsmear.restoration.slide.block import Plan

Plane: TypeAlias = tuple[int, int]
"""Batch and channel."""


def _by_plane(sink: Sink) -> dict[Plane, Counter[str]]:
    """Return the sums of what the blocks of each plane say."""
    sums: dict[Plane, Counter[str]] = {}
    for facts in sink.facts():
        plane = facts["batch"], facts["channel"]
        numbers = {name: value for name, value in facts.items() if name not in ("batch", "channel")}
        sums.setdefault(plane, Counter()).update(numbers)
    return sums


def contradicted(sink: Sink) -> list[Plane]:
    """Return the planes of which too many tiles were put back."""
    return [
        plane
        for plane, sums in _by_plane(sink).items()
        if sums["input"] > consistency.WRONG_KERNEL * sums["tiles"]
    ]


def counted(sink: Sink, plans: Mapping[Plane, Plan]) -> tuple[dict[str, int], dict[Plane, float]]:
    """Return sums over all restored planes, and the relative change of each one's flux."""
    by_plane = {plane: sums for plane, sums in _by_plane(sink).items() if plane in plans}
    total: Counter[str] = Counter()
    for sums in by_plane.values():
        total.update(sums)
    flux_change = {
        plane: sums["after"] / sums["before"] - 1 if sums["before"] else 0.0
        for plane, sums in by_plane.items()
    }
    return {
        name: int(n) for name, n in total.items() if name not in ("before", "after")
    }, flux_change


def of_planes(
    header: Image, decisions: Mapping[Plane, Decision], reasons: Mapping[Plane, str]
) -> tuple[Outcome, ...]:
    """Return what became of the planes, those together that had the same."""
    together: dict[tuple[int, str], list[Plane]] = {}
    for plane, decision in decisions.items():
        key = id(decision) if decision.estimate is None else id(decision.estimate)
        together.setdefault((key, reasons.get(plane, "")), []).append(plane)
    outcomes = []
    for (_, reason), planes in together.items():
        decision = decisions[planes[0]]
        exposure = Exposure(np.array(planes, np.intp), decision.estimate or exposures.NOTHING)
        movement_or_reason = decision.movement or decision.reason
        outcomes.append(
            Outcome(
                estimation.name(header, exposure),
                decision.estimate,
                f"{movement_or_reason}, {reason}" if reason else movement_or_reason,
                None if reason else decision.blur,
                exposure,
                doubted=bool(reason),
            )
        )
    return tuple(outcomes)
