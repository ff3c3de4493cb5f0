"""Command `unsmear demo`: synthetic cells, blurred, restored and scored."""

from __future__ import annotations

import shutil
from pathlib import Path

from unsmear.choices import BEST_METHOD
from unsmear.cli.console import say
from unsmear.cli.evaluate import evaluate
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import OutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.prepare import BlurOptions, FrameOptions
from unsmear.cli.prepare import prepare
from unsmear.cli.restore import restore
from unsmear.cli.synth import synth
from unsmear.cluster.where import HERE
from unsmear.errors import OptionError

MARK = ".unsmear-demo"
"""Name of the file that marks a demo's folder, which the next demo may delete."""


def demo(
    *,
    output: OutputPath = Path("demo"),
    count: int = 8,
    size: int = 512,
    seed: int = 0,
    where: WhereOptions = HERE,
) -> int:
    """Generate cells, blur them, restore them and print the scores.

    Needs no data and no internet, and takes less than two minutes on two cores.

    Parameters
    ----------
    output
        Output folder; the folder of an earlier demo is overwritten.
    count
        Number of fields of cells.
    size
        Side of a field, pixels.
    seed
        Random seed of the cells and the motion.
    """
    cells, pairs, scores = (_fresh(output, part) for part in ("cells", "pairs", "scores"))
    restored = _fresh(output, "restored")
    (output / MARK).touch()
    say(f"1. {count} fields of synthetic cells")
    synth(output=cells, count=count, size=size, seed=seed, where=where)
    _head("2. Blurred by a stage that moves 6, 10 or 16 pixels during the exposure")
    moved = BlurOptions(length=[6.0, 10.0, 16.0], angle=[0.0, 180.0])
    prepare(
        [str(cells)],
        output=pairs,
        frame=FrameOptions(size=size, channels="RGB"),
        blur=moved,
        seed=seed,
        where=where,
    )
    _head(f"3. Restored by {BEST_METHOD}, which estimates the motion in each image")
    restore([str(pairs / "blur")], output=str(restored), where=where)
    _head("4. Scored against the sharp fields")
    code = evaluate(
        pairs, output=scores, method=[BEST_METHOD, "wiener", "wiener-local"], where=where
    )
    say(f"Before and after: {scores / 'grid.png'}. Every score: {scores / 'scores.csv'}.")
    say(f"Restored fields: {restored}. To restore your own images:")
    say("    .venv/bin/unsmear restore YOUR_FOLDER -o RESTORED")
    return code


def _head(text: str) -> None:
    """Print what a part of the demo does, after an empty line."""
    say("")
    say(text)


def _fresh(output: Path, part: str) -> Path:
    """Return a folder for a part of the demo; delete that of an earlier demo.

    Raises OptionError for a folder that no demo wrote.
    """
    folder = check_folder(output) / part
    output.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        if not (output / MARK).exists():
            raise OptionError(f"--output must be a new folder or an earlier demo's, got {output}.")
        shutil.rmtree(folder)
    return folder
