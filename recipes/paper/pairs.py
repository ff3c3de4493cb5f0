"""Image pairs by the paper's protocol, from HPA fields of the user or drawn and real cells."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np

from recipes.weights import datasets
from scales import Scale
from unsmear import images
from unsmear.atomic import write_aside
from unsmear.blur import Sampler
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import source
from unsmear.data.item import Item
from unsmear.data.prepare import Preparation, Report, Selection, prepare
from unsmear.images import Image
from unsmear.synthetic import Plan, write_field, write_table

RECIPE = Sampler("paper", {"degree": 6, "angle": -45.0, "normalise": False})
"""The paper's blur, as far as it is known: see `unsmear prepare --protocol paper`."""
CHANNELS = "RGB"
PIXEL_SIZE = 0.32
"""Micrometres, of drawn fields: 512 pixels are then as much of a dish as an HPA field of 2048."""
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Division:
    """Real cells are split by their group, as for the shipped weights; all others at random.

    limit: images that are not real cells, the test set among them. test: the test set of these.
    shares: of training and validation.
    """

    limit: int
    test: int
    shares: str

    def assign(
        self,
        ids: Sequence[str],
        groups: Sequence[str],
        labels: Sequence[Iterable[Hashable]],
        seed: int = 0,
    ) -> list[str]:
        """Return each image's part, as `data.splits.Selection` does."""
        real = [number for number, group in enumerate(groups) if group.startswith(REAL)]
        tested = {n for n in real if datasets.split_of(groups[n].removeprefix(REAL)) == "test"}
        parts = dict.fromkeys(tested, "test")
        drawn = sorted(set(range(len(ids))) - set(real))
        for numbers, selection in (
            (drawn, Selection(self.shares, self.test, self.limit)),
            (sorted(set(real) - tested), Selection(self.shares)),
        ):
            if numbers:
                chosen = ([of[number] for number in numbers] for of in (ids, groups, labels))
                parts |= zip(numbers, selection.assign(*chosen, seed), strict=True)
        return [parts[number] for number in range(len(ids))]


DRAWN = "cells"
"""Name of the folder of drawn fields."""
REAL = "real:"
"""Prefix of the group of a real cell."""


def make_pairs(
    folder: Path, scale: Scale, data: Path | None, real: Path | None, workers: int
) -> Report:
    """Write or complete `folder`/pairs; return the result of the preparation.

    data: HPA fields of the user's own; None draws cells, and `real`, a folder with a `MANIFEST.csv`
    as `recipes.weights.datasets` reads it, adds real ones.
    """
    items = fields(data or _draw(folder / DRAWN, scale, workers))
    if real is not None:
        items += source.find([_copy_real(folder / "real", real, scale)])
    return prepare(
        items,
        folder / "pairs",
        Preparation(RECIPE, size=scale.side),
        Division(scale.images + scale.test, scale.test, scale.shares),  # type: ignore[arg-type]
        partial(map_with_progress, where=Where(workers), description="pairs"),
        {"channels": CHANNELS},
    )


def fields(folder: Path) -> list[Item]:
    """Return the fields of a folder; where some have labels, those alone.

    The competition's own test images, which lie in the same download, have none.
    """
    items = source.find([folder], channels=CHANNELS)
    return [item for item in items if item.labels] or items


def workers_there() -> int:
    """Return the processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _draw(folder: Path, scale: Scale, workers: int) -> Path:
    count = scale.images + scale.test
    plan = Plan(folder, 0, (scale.drawn, scale.drawn), PIXEL_SIZE)
    list(map_with_progress(partial(write_field, plan), range(count), Where(workers), "cells"))
    write_table(plan, count)
    return folder


def _copy_real(folder: Path, data: Path, scale: Scale) -> Path:
    """Write real cells as PNG, their brightest pixel white, and the list of their groups."""
    listed = folder / "MANIFEST.csv"
    if listed.exists():
        return folder
    groups = {}
    for side, most in (("training", scale.real), ("test", scale.real_test)):
        for name, channels in islice(_in_turn(data, side), most):
            images.write(folder / f"{name}.png", _image(channels, scale.side))
            groups[f"{name}.png"] = REAL + channels[0].group
    text = "".join(f"{name},{group}\n" for name, group in groups.items())
    write_aside(listed, f"file,group\n{text}".encode())
    return folder


Channels = list[datasets.Plane]
"""The planes of one image, in their order."""


def _in_turn(data: Path, side: str) -> Iterator[tuple[str, Channels]]:
    """Yield the names and planes of one side of the split, an image of each data set in turn."""
    sets: dict[str, dict[str, Channels]] = defaultdict(lambda: defaultdict(list))
    for plane in datasets.real(data, side):
        file, _, _ = plane.name.rpartition(":")
        stem, _, colour = Path(file).stem.rpartition("_")
        name = stem if plane.folder == "hpa" else Path(file).stem  # HPA has a file a channel
        if plane.folder != "hpa" or colour in COLOURS:
            sets[plane.folder][f"{plane.folder}-{name}"].append(plane)
    turns = zip_longest(*(_mixed(list(named.items())) for named in sets.values()))
    return (item for turn in turns for item in turn if item is not None)


def _mixed(named: list[tuple[str, Channels]]) -> list[tuple[str, Channels]]:
    """Return the images in an order whose every beginning has many groups, each time the same."""
    order = np.random.default_rng(0).permutation(len(named))
    return [named[number] for number in order]


def _image(channels: Channels, side: int) -> Image:
    """Return three channels as RGB, of any other number the first; mirrored up to `side` pixels."""
    ordered = sorted(channels, key=_place)
    taken = ordered[:3] if len(ordered) >= 3 else ordered[:1]
    counts = np.stack([plane.counts for plane in taken]).astype(np.float32)
    lacks = [max(0, side - there) for there in counts.shape[1:]]
    margins = [(0, 0), *((lack // 2, lack - lack // 2) for lack in lacks)]
    pixels = np.rint(np.pad(counts, margins, "reflect") * (255 / counts.max())).astype(np.uint8)
    return Image(pixels, "CYX") if len(pixels) == 3 else Image(pixels[0], "YX")


def _place(plane: datasets.Plane) -> int:
    """Return a channel's place: that of its colour, where its file is named after it."""
    colour = Path(plane.name.rpartition(":")[0]).stem.rpartition("_")[2]
    return COLOURS.index(colour) if colour in COLOURS else 0
