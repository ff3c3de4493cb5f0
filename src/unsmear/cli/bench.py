"""Command `unsmear bench`: computing time and memory on this machine."""

from __future__ import annotations

from unsmear.choices import BEST_METHOD
from unsmear.cli.options.parameters import DryRun, MaybeOutputPath
from unsmear.errors import OptionError


def bench(
    *,
    methods: str = f"{BEST_METHOD},deep-wiener,wiener,estimate",
    sizes: str = "256x3,2048x1",
    runtimes: str = "auto",
    threads: str = "",
    rounds: int = 5,
    output: MaybeOutputPath = None,
    dry_run: DryRun = False,
) -> int:
    """Measure the computing time and memory of the methods on this machine.

    Each row is measured in a process of its own, after a first call that loads the weights: the
    median seconds of a call with the estimate, the check and the rounding, without files;
    megapixels of all channels per second; and the largest memory of the process, with the
    libraries. The image is a made field of round cells, 16 bit, moved by 10 px.

    Parameters
    ----------
    methods
        Methods, separated by commas; estimate only estimates the motion.
    sizes
        Sides, 64 pixels or more, and channels of the images, separated by commas: 256x3 is 256x256
        pixels of three channels, 256 of one.
    runtimes
        Runtimes of the learned methods, separated by commas: auto, onnx, torch (the extra train),
        openvino (the extra openvino).
    threads
        Numbers of threads, separated by commas; by default one, and as many as there are cores.
    rounds
        Number of calls whose median counts.
    output
        Output file, .json or .md, written after every row; without it the table is printed only.
    """
    if rounds < 1:
        raise OptionError(f"--rounds must be 1 or more, got {rounds}.")
    if output is not None and output.suffix.lower() not in (".json", ".md"):
        raise OptionError(f"{output.name}: the output file must end in .json or .md.")
    from unsmear.cli.jobs.bench import announce, run, tasks

    rows = tasks(methods, sizes, runtimes, threads, rounds)
    return (announce if dry_run else run)(rows, output)
