"""What is killed: a command that can be gone on with, its inputs, and the files that must be equal.

To add a command, write a function that makes its inputs and returns a `Job`, and list it in JOBS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.cli import damaged, small_slides
from unsmear import images
from unsmear.batches import layout
from unsmear.data import manifest
from unsmear.data.manifest import Pair
from unsmear.images import Image

WIENER = ("--method", "wiener", "--length", "3", "--angle", "20")
QUICK = ("--method", "richardson-lucy", "--iterations", "1", "--length", "3", "--angle", "20")
"""What computes least: what is killed shall be reading, writing and keeping books."""


@dataclass(frozen=True)
class Job:
    """A command. words: with {in} and {out}. resume: what is added when it is begun again.

    same: patterns of the files, below the output folder, that must have the same bytes in the end.
    prepare: called in the process before the command. weight: how often it is drawn.
    processes: it starts processes of its own.
    """

    words: tuple[str, ...]
    resume: tuple[str, ...] = ()
    same: tuple[str, ...] = ("**/*",)
    prepare: Callable[[], None] | None = None
    weight: int = 10
    processes: bool = False


def restore(given):
    """Images of several formats, one with several channels."""
    write_images(given, 3)
    (given / "stack.tif").write_bytes(
        damaged.tiff(np.stack([damaged.plane(np.uint16)] * 3), ome=True, metadata={"axes": "CYX"})
    )
    return Job(("restore", "{in}", "-o", "{out}", *QUICK, "--resume"))


def by_estimate(given):
    """Images that are estimated and restored by the default method, with a report each."""
    from tests.images import kinds

    given.mkdir(parents=True)
    for name in ("png", "metaseries"):
        file, write = kinds.WRITERS[name]
        write(given / file)
    words = ("restore", "{in}", "-o", "{out}", "--uncertainty", "--resume")
    return Job(words, weight=4)


def estimate(given):
    """Estimates on record; the seconds that they took may differ, so only that it ends."""
    write_images(given, 3)
    return Job(("estimate", "{in}", "-o", "{out}"), ("--resume",), same=(), weight=4)


def zarr(given):
    """Results of many files."""
    write_images(given, 3)
    words = ("restore", "{in}", "-o", "{out}", *QUICK, "--as", "ome-zarr", "--resume")
    return Job(words, weight=6)


def prepare(given):
    write_images(given, 8)
    return Job(("prepare", "{in}", "-o", "{out}", "--size", "16", "--photons", "500"))


def synth(given):
    given.mkdir(parents=True)
    return Job(("synth", "-o", "{out}", "--count", "3", "--size", "48"), weight=6)


def train(given):
    write_pairs(given)
    words = ("train", "dcae", "--data", "{in}", "-o", "{out}", "--options.filters", "[4, 6]",
             "--data.size", "16", "--data.batch", "2", "--data.workers", "0", "--stop.steps", "12",
             "--log.validate_every", "3", "--log.tensorboard", "false")  # fmt: skip
    return Job(words, same=("best.safetensors", "last.safetensors"))


def search(given):
    write_pairs(given)
    (given / "space.toml").write_text('"optimiser.rate" = {low = 1e-4, high = 1e-2, log = true}\n')
    words = ("search", "dcae", "--space", "{in}/space.toml", "--data", "{in}", "-o", "{out}",
             "--trials", "2", "--data.size", "16", "--data.workers", "0", "--options.filters",
             "[4]", "--stop.steps", "4", "--log.validate_every", "2", "--log.tensorboard",
             "false")  # fmt: skip
    return Job(words, same=("best.toml", "trials/*/best.safetensors"), weight=6)


def recovery(given):
    write_pairs(given)
    words = ("recovery", "{in}", "-o", "{out}", "--method", "wiener", "--kernel", "true",
             "--measure", "intensity")  # fmt: skip
    return Job(words, same=("answers.jsonl", "*.csv"), weight=6)


def slide(given):
    given.mkdir(parents=True)
    small_slides.write_slide(given / "slide.ome.zarr")
    words = ("restore", "{in}", "-o", "{out}", *WIENER, "--memory", "500MB", "--resume")
    return Job(words, prepare=_slides_are_small)


def stream(given):
    """Frames of a moving stage, each by itself: a neighbour may have been done by another call."""
    given.mkdir(parents=True)
    for number in range(6):
        plane = np.roll(damaged.plane(np.uint16), 3 * number, axis=1)
        (given / f"frame-{number:03}.tif").write_bytes(damaged.tiff(plane))
    words = ("stream", "{in}", "-o", "{out}", "--speed", "10", "--exposure", "0.1", "--pixel-size",
             "0.3", "--method", "wiener", "--borders", "none", "--check-every", "0", "--idle", "0",
             "--patience", "0.2")  # fmt: skip
    return Job(words, ("--resume",), weight=6)


def cluster(given):
    """Two worker processes, which a kill of the command alone leaves behind."""
    write_images(given, 12)
    words = ("restore", "{in}", "-o", "{out}", *QUICK, "--resume", "--workers", "2")
    return Job(words, weight=1, processes=True)


JOBS = {
    "restore": restore,
    "restore by estimate": by_estimate,
    "restore to OME-Zarr": zarr,
    "estimate": estimate,
    "prepare": prepare,
    "synth": synth,
    "train": train,
    "search": search,
    "recovery": recovery,
    "slide": slide,
    "stream": stream,
    "cluster": cluster,
}
"""Functions that make the inputs of a job in a folder, by the job's name."""


def write_images(folder, count):
    """Write small images, of four formats in turn."""
    folder.mkdir(parents=True)
    files = damaged.whole()
    kinds = ("grey.png", "plain.tif", "tiles.tiff", "colour.png")
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name = f"{number:02}{kind}"
        (folder / name).write_bytes(files[kind])


def write_pairs(folder):
    """Write four pairs of sharp and blurred images, in three splits."""
    splits = ("train", "train", "val", "test")
    rows = [
        Pair(
            f"p{number}.png",
            f"s{number}",
            split,
            blur={"family": "motion", "length": 4.0, "angle": 30.0},
            width=24,
            height=24,
        )
        for number, split in enumerate(splits)
    ]
    for number, row in enumerate(rows):
        pixels = np.random.default_rng(number).integers(0, 256, (3, 24, 24), np.uint8)
        for path in row.files(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            images.write(path, Image(pixels, "CYX", ("red", "green", "blue")))
    manifest.write(folder, rows)


def _slides_are_small():
    """Let images of over 50,000 pixels be slides, in blocks of 128 pixels."""
    from unsmear.images.slides import slide as slides
    from unsmear.restoration.slide import run

    slides.LARGE = 50_000
    run.SIDES = (128,)


def same_files(job, output):
    """Return the contents of the files that must be equal, by path."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for pattern in job.same
        for path in sorted(Path(output).glob(pattern))
        if path.is_file() and not _may_differ(path.relative_to(output))
    }


def _may_differ(path):
    """Return whether a file holds times: the record of a batch, and what `prepare` says of it."""
    return any(map(layout.is_record, path.parts)) or path.name in (
        "preparation.json",
        "environment.json",
    )
