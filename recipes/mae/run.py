"""Is a deblurring masked autoencoder a better recipe for cells? Data, runs, scores, page.

    python recipes/mae/run.py --scale small --cells ../shared/data/hpa_single_cells

Draws fields without and with labels, pretrains a plain and a deblurring autoencoder on the former,
and teaches classifiers on the latter: from scratch and from both encoders, frozen and fine-tuned.
The folder of --cells has mosaics of real cells, which are classified by folds. The same command
resumes a stopped run at any stage; finished work is skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy
sys.path.insert(0, str(Path(__file__).parents[2]))

from recipes.mae import drawn, page, real
from recipes.mae.comparison import Board
from recipes.mae.learning import DRAWN, REAL
from recipes.mae.scales import SCALES, Setting
from unsmear.atomic import write_aside
from unsmear.errors import OptionError, UnsmearError

BUDGET = ("pretraining", "teaching", "epochs")
"""Options that replace those of the scale."""
PAGE = Path(__file__).parents[2] / "benchmarks" / "mae.md"


def main() -> int:
    """Run the steps of the command line; return the exit code."""
    arguments = _arguments()
    try:
        setting = _setting(arguments)
        drawn.train(setting, _chosen(arguments.only))
        if not arguments.only:
            _report(arguments, setting)
        return 0
    except UnsmearError as error:
        print(f"mae: {error}", file=sys.stderr)
        return 1


def _setting(arguments: argparse.Namespace) -> Setting:
    """Return the setting; a budget that is given replaces that of the scale."""
    given = {name: getattr(arguments, name) for name in BUDGET}
    budget = {name: number for name, number in given.items() if number is not None}
    scale = replace(SCALES[arguments.scale], **budget)
    return Setting(arguments.output, scale, arguments.seeds, arguments.folds, arguments.workers)


def _chosen(text: str) -> tuple[str, ...]:
    """Return the runs in a list "mae,vit-random", or all; raises OptionError for an unknown one."""
    names = tuple(name.strip() for name in text.split(",") if name.strip()) or drawn.RUNS
    for name in names:
        if name not in drawn.RUNS:
            raise OptionError(f"--only must name some of {', '.join(drawn.RUNS)}, got {name!r}.")
    return names


def _report(arguments: argparse.Namespace, setting: Setting) -> None:
    """Ask all classifiers, those of real cells where there are some, and write the page."""
    if setting.workers > 1:
        os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: each has a core
    words = page.DRAWN.format(setting.scale.labelled)
    parts = [page.Part("Drawn fields", words, Board.of(drawn.ask(setting)), DRAWN)]
    cells: Path | None = arguments.cells
    note = ""
    if cells is not None and cells.is_dir():
        words = page.REAL.format(setting.folds)
        parts.append(page.Part("Real cells", words, Board.of(real.ask(setting, cells)), REAL))
    else:
        where = "no folder was given" if cells is None else f"there is no folder {cells.name}"
        note = f"Real cells are left out: {where} (--cells, the mosaics of hpa_single_cells)."
        print(note, flush=True)
    text = page.write(parts, setting, _command(arguments), note)
    write_aside(arguments.page, text.encode())
    print(text)


def _command(arguments: argparse.Namespace) -> str:
    parts = [f"python recipes/mae/run.py --scale {arguments.scale}"]
    for name, otherwise in (*((name, None) for name in BUDGET), ("seeds", 1), ("folds", 5)):
        value = getattr(arguments, name)
        if value != otherwise:
            parts.append(f"--{name} {value}")
    if arguments.cells is not None:
        parts.append("--cells ../shared/data/hpa_single_cells")
    return " ".join(parts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--output", type=Path, default=Path("runs/mae"))
    parser.add_argument("--cells", type=Path, help="folder of the mosaics (hpa_single_cells)")
    parser.add_argument("--pretraining", type=int, help="steps of each autoencoder")
    parser.add_argument("--teaching", type=int, help="steps of each classifier of drawn fields")
    parser.add_argument("--epochs", type=float, help="of each classifier of real cells")
    parser.add_argument("--seeds", type=int, default=1, help="number of times that all is trained")
    parser.add_argument("--folds", type=int, default=5, help="of the real cells")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="train these, with commas, and write no page"
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown file for the tables")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
