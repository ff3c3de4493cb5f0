"""Command `unsmear demo`: synthetic cells, blurred, restored and scored."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from unsmear.choices import BEST_METHOD
from unsmear.cli.console import say
from unsmear.cli.evaluate import evaluate
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import DryRun, OutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.prepare import BlurOptions, FrameOptions
from unsmear.cli.prepare import prepare
from unsmear.cli.restore import restore
from unsmear.cli.synth import synth
from unsmear.cluster.where import HERE, Where
from unsmear.errors import OptionError

MARK = ".unsmear-demo"
"""Name of the file that marks a demo's folder, which the next demo may delete."""
PARTS = ("cells", "pairs", "restored", "scores")
"""Folders of a demo: what it generates, blurs, restores and prints."""


def demo(
    *,
    output: OutputPath = Path("demo"),
    count: int = 8,
    size: int = 512,
    seed: int = 0,
    where: WhereOptions = HERE,
    dry_run: DryRun = False,
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
    earlier = _earlier(output)
    if dry_run:
        _announce(output, earlier, count)
        return 0
    for part in earlier:
        shutil.rmtree(part)
    output.mkdir(parents=True, exist_ok=True)
    (output / MARK).touch()
    return _run(output, count, size, seed, where)


def _announce(output: Path, earlier: Sequence[Path], count: int) -> None:
    """Say what would be deleted and written. earlier: parts of an earlier demo."""
    if earlier:
        say(f"would delete {', '.join(map(str, earlier))} of an earlier demo.")
    cells, *others = (output / part for part in PARTS)
    synth(output=cells, count=count, dry_run=True)
    say(f"would write {', '.join(map(str, others))}.", writes=others)


def _run(output: Path, count: int, size: int, seed: int, where: Where) -> int:
    cells, pairs, restored, scores = (output / part for part in PARTS)
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


def _earlier(output: Path) -> list[Path]:
    """Return the parts of an earlier demo; raises OptionError for a folder that no demo wrote."""
    parts = [check_folder(output) / part for part in PARTS]
    there = [part for part in parts if part.exists()]
    if there and not (output / MARK).exists():
        raise OptionError(f"--output must be a new folder or an earlier demo's, got {output}.")
    return there
