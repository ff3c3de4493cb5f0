"""Tables V and VI again: data, the paper's networks, a classifier, scores, pages.

    python recipes/paper/run.py --scale small --output runs/paper [--data FOLDER] [--vgg FILE]

The same command goes on after a kill; what is finished is not done again. `README.md` beside this
file says what each part does.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from unsmear.atomic import write_aside

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy
sys.path.insert(0, str(Path(__file__).parent))

import history
import labelled
import networks
import page
import pairs
import pictures
import scores
import table6
import together
from scales import SCALES, Scale
from unsmear.checkpoints import published
from unsmear.errors import UnsmearError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PAGE, PAGE6 = BENCHMARKS / "paper-table-5.md", BENCHMARKS / "paper-table-6.md"


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    asked = _arguments()
    scale = SCALES[asked.scale]
    try:
        if not asked.report_only:
            if 5 in asked.tables:
                _train(asked, scale)
            if 6 in asked.tables and not asked.only:
                _train_classifier(asked, scale)
        if asked.report_only or not asked.only:
            if asked.workers > 1:
                os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: each has a core
            if 5 in asked.tables:
                _report(asked, scale)
            if 6 in asked.tables:
                _report_labels(asked, scale)
        return 0
    except UnsmearError as error:
        print(f"paper: {error}", file=sys.stderr)
        return 1


def _train(asked: argparse.Namespace, scale: Scale) -> None:
    names = networks.chosen(asked.only)
    report = pairs.make_pairs(asked.output, scale, asked.data, asked.real, asked.workers)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    print(f"{len(report.pairs)} pairs in {asked.output / 'pairs'}.", flush=True)
    for name in names:
        folder = asked.output / name
        if absent := networks.missing(name, asked.maxim):
            print(f"{name}: left out, for {absent} is not here: unsmear weights get {absent}")
            continue
        pairs_there = asked.output / "pairs"
        run = networks.configure(name, scale, pairs_there, asked.vgg, asked.minutes, asked.maxim)
        print(f"{name}: {networks.train(run, folder)}.", flush=True)


def _report(asked: argparse.Namespace, scale: Scale) -> None:
    """Score what is finished, and write the page and its pictures."""
    folder: Path = asked.output
    trained = [name for name in networks.NAMES if networks.finished(folder / name)]
    vgg = asked.vgg or published.find("vgg16")
    scored = scores.score(folder, trained, vgg, asked.workers)
    histories = [history.read(folder / name) for name in trained]
    beside = asked.page.parent / "pictures"
    who = scores.entrants(folder, trained)
    pictures.draw_fields(beside / "paper-fields.jpg", scores.shown(folder, scale.shown), who)
    pictures.draw_curves(beside / "paper-curves.png", histories)
    command = _command(asked) + " --real DATA" * bool(scored.real)
    command += " --maxim WEIGHTS" * ("maxim" in trained)
    text = page.write(scored, histories, command, beside.name)
    write_aside(asked.page, text.encode())
    print(text)


def _train_classifier(asked: argparse.Namespace, scale: Scale) -> None:
    for failure in labelled.make_pairs(asked.output, scale, asked.data, asked.workers):
        print(failure, file=sys.stderr)
    print(f"classifier: {labelled.train(asked.output, scale)}.", flush=True)


def _report_labels(asked: argparse.Namespace, scale: Scale) -> None:
    """Ask the classifier, and write Table VI; then both tables as one page without a network."""
    trained = [name for name in networks.NAMES if networks.finished(asked.output / name)]
    recovered = labelled.ask(asked.output, scale, trained, asked.workers)
    facts = labelled.described(asked.output)
    command = _command(asked) + " --real DATA" * (asked.output / "real").exists()
    command += " --maxim WEIGHTS" * ("maxim" in trained)
    text = table6.write(recovered, facts, command, asked.page6.parent / "pictures")
    write_aside(asked.page6, text.encode())
    print(text)
    together.write(asked.output / "paper.html", asked.page, asked.page6, recovered)
    print(f"Both tables are in {asked.output / 'paper.html'}.")


def _command(asked: argparse.Namespace) -> str:
    data = " --data FOLDER" if asked.data else ""
    return f"python recipes/paper/run.py --scale {asked.scale}{data}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--output", type=Path, default=Path("runs/paper"))
    parser.add_argument("--data", type=Path, help="HPA fields of your own; else cells are drawn")
    parser.add_argument("--real", type=Path, help="real cells beside drawn ones: ../shared/data")
    parser.add_argument("--vgg", type=Path, help="VGG16's weights; else `unsmear weights get`'s")
    parser.add_argument(
        "--maxim", metavar="WEIGHTS", help="what MAXIM is fine-tuned from, in place of REDS"
    )
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="train these, with commas, and write no page"
    )
    parser.add_argument("--minutes", type=float, help="training time of each network")
    parser.add_argument("--workers", type=int, default=pairs.workers_there())
    parser.add_argument(
        "--report-only",
        action="store_true",
        help="write the page of the networks that are finished",
    )
    parser.add_argument("--tables", type=int, nargs="*", choices=(5, 6), default=(5, 6))
    parser.add_argument("--page", type=Path, default=PAGE, help="where Table V is written")
    parser.add_argument("--page6", type=Path, default=PAGE6, help="where Table VI is written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
