"""`unsmear demo`: from nothing to restored cells and the table that proves it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.cli import batch
from unsmear.cli.evaluate import evaluate
from unsmear.cli.kernel_options import KernelOptions
from unsmear.cli.prepare import BlurOptions, FrameOptions, prepare
from unsmear.cli.restore import restore
from unsmear.cli.synth import synth
from unsmear.errors import OptionError
from unsmear.restoration.methods import BEST

MARK = ".unsmear-demo"
"""The file that marks a folder as a demo's own, which the next demo may clear."""


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("demo"),
    count: int = 8,
    size: int = 512,
    seed: int = 0,
    workers: int = 2,
) -> int:
    """Make cells, smear them, restore them, print the table.

    Needs no data and no network, and less than two minutes on two cores.

    Parameters
    ----------
    output
        The folder to write to; one that an earlier demo wrote is made anew.
    count
        Fields of cells.
    size
        Pixels on a side.
    seed
        Of cells and movements.
    workers
        Processes.
    """
    cells, pairs, scores = (_fresh(output, part) for part in ("cells", "pairs", "scores"))
    restored = _fresh(output, "restored")
    (output / MARK).touch()
    print(f"1. {count} fields of synthetic cells")
    synth(output=cells, count=count, size=size, seed=seed, workers=workers)
    print("\n2. Smeared by a stage that moved 6, 10 or 16 pixels during the exposure")
    moved = BlurOptions(length=[6.0, 10.0, 16.0], angle=[0.0, 180.0])
    prepare(
        [str(cells)],
        output=pairs,
        frame=FrameOptions(size=size, channels="RGB"),
        blur=moved,
        seed=seed,
    )
    print(f"\n3. Restored by {BEST}, the movement found in each image")
    restore([str(pairs / "blur")], output=restored, kernel=KernelOptions())
    print("\n4. Scored against the sharp fields")
    code = evaluate(pairs, output=scores, method=[BEST, "wiener", "wiener-local"], workers=workers)
    print(f"Before and after: {scores / 'grid.png'}. Every score: {scores / 'scores.csv'}.")
    print(f"Restored fields: {restored}. To restore your own images:")
    print("    .venv/bin/unsmear restore YOUR_FOLDER -o RESTORED")
    return code


def _fresh(output: Path, part: str) -> Path:
    """Return a folder for a part of the demo, cleared where an earlier demo wrote it.

    Raises OptionError for a folder that somebody else wrote.
    """
    folder = batch.check_folder(output) / part
    output.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        if not (output / MARK).exists():
            raise OptionError(f"--output must be a new folder or an earlier demo's, got {output}.")
        shutil.rmtree(folder)
    return folder
