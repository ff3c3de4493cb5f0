"""Reproduction of Tables V and VI: data, the paper's networks, a classifier, scores, pages.

    python recipes/paper/run.py --scale small --output runs/paper [--data FOLDER] [--vgg FILE]

The same command resumes a stopped run; finished work is skipped. See `README.md` in this folder for
what each part does.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
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
from scales import SCALES, Scale, trial
from stages import measured
from unsmear.checkpoints import published
from unsmear.errors import UnsmearError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PAGE, PAGE6 = "paper-table-5.md", "paper-table-6.md"


def main() -> int:
    """Run the steps of the command line; return the exit code."""
    arguments = _arguments()
    try:
        scale = SCALES[arguments.scale] if arguments.trial is None else trial(arguments.trial)
        if not arguments.report_only:
            if 5 in arguments.tables:
                _train(arguments, scale)
            if 6 in arguments.tables and not arguments.only:
                _train_classifier(arguments, scale)
        if arguments.report_only or not arguments.only:
            if arguments.workers > 1:
                os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: each has a core
            if 5 in arguments.tables:
                _report(arguments, scale)
            if 6 in arguments.tables:
                _report_labels(arguments, scale)
        return 0
    except UnsmearError as error:
        print(f"paper: {error}", file=sys.stderr)
        return 1


def _train(arguments: argparse.Namespace, scale: Scale) -> None:
    output, names = arguments.output, networks.chosen(arguments.only)
    with measured(output, "pairs", output / "pairs"):
        report = pairs.make_pairs(output, scale, arguments.data, arguments.real, arguments.workers)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    print(f"{len(report.pairs)} pairs in {output / 'pairs'}.", flush=True)
    import_module("unsmear.train.run")  # PyTorch is no part of what a network takes
    for name in names:
        if absent := networks.missing(name, arguments.maxim):
            print(f"{name}: left out, for {absent} is not here: unsmear weights get {absent}")
            continue
        run = networks.configure(
            name,
            scale,
            output / "pairs",
            arguments.vgg,
            arguments.minutes,
            arguments.maxim,
            arguments.accumulate,
        )
        with measured(output, name, output / name):
            reason = networks.train(run, output / name)
        print(f"{name}: {reason}.", flush=True)


def _report(arguments: argparse.Namespace, scale: Scale) -> None:
    """Score the finished networks, and write the page and its pictures."""
    folder: Path = arguments.output
    trained = [name for name in networks.EVERY if networks.finished(folder / name)]
    vgg = arguments.vgg or published.find("vgg16")
    scored = scores.score(folder, trained, vgg, arguments.workers)
    histories = [history.read(folder / name) for name in trained]
    beside = arguments.page.parent / "pictures"
    who = scores.entrants(folder, trained)
    pictures.draw_fields(beside / "paper-fields.jpg", scores.shown(folder, scale.shown), who)
    pictures.draw_curves(beside / "paper-curves.png", histories)
    command = _command(arguments) + " --real DATA" * bool(scored.real)
    command += " --maxim WEIGHTS" * ("maxim" in trained)
    text = page.write(scored, histories, command, beside.name)
    write_aside(arguments.page, text.encode())
    print(text)


def _train_classifier(arguments: argparse.Namespace, scale: Scale) -> None:
    output = arguments.output
    with measured(output, "labelled pairs", *labelled.pair_folders(output)):
        failures = labelled.make_pairs(output, scale, arguments.data, arguments.workers)
    for failure in failures:
        print(failure, file=sys.stderr)
    import_module("unsmear.train.run")
    with measured(output, "classifier", output / labelled.FOLDER / labelled.CLASSIFIER):
        reason = labelled.train(output, scale)
    print(f"classifier: {reason}.", flush=True)


def _report_labels(arguments: argparse.Namespace, scale: Scale) -> None:
    """Predict labels and write Table VI; then write both tables as one HTML page."""
    trained = [name for name in networks.EVERY if networks.finished(arguments.output / name)]
    with measured(arguments.output, "predictions", *labelled.answer_folders(arguments.output)):
        recovered = labelled.ask(arguments.output, scale, trained, arguments.workers)
    facts = labelled.described(arguments.output)
    command = _command(arguments) + " --real DATA" * (arguments.output / "real").exists()
    command += " --maxim WEIGHTS" * ("maxim" in trained)
    text = table6.write(recovered, facts, command, arguments.page6.parent / "pictures")
    write_aside(arguments.page6, text.encode())
    print(text)
    together.write(arguments.output / "paper.html", arguments.page, arguments.page6, recovered)
    print(f"Both tables are in {arguments.output / 'paper.html'}.")


def _command(arguments: argparse.Namespace) -> str:
    data = " --data FOLDER" if arguments.data else ""
    scale = (
        f"--scale {arguments.scale}" if arguments.trial is None else f"--trial {arguments.trial:g}"
    )
    return f"python recipes/paper/run.py {scale}{data}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument(
        "--trial",
        type=float,
        metavar="SHARE",
        help="the full scale on this share of the images, with a few steps: see budget.py",
    )
    parser.add_argument("--output", type=Path, default=Path("runs/paper"))
    parser.add_argument(
        "--data", type=Path, help="folder of your HPA fields (default: drawn cells)"
    )
    parser.add_argument("--real", type=Path, help="folder of real cells to add to drawn ones")
    parser.add_argument("--vgg", type=Path, help="VGG16's weights; else `unsmear weights get`'s")
    parser.add_argument(
        "--maxim", metavar="WEIGHTS", help="what MAXIM is fine-tuned from, in place of REDS"
    )
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="train these, with commas, and write no page"
    )
    parser.add_argument(
        "--accumulate",
        type=int,
        default=1,
        metavar="PARTS",
        help="parts of a batch, for a GPU of less memory",
    )
    parser.add_argument("--minutes", type=float, help="training time of each network")
    parser.add_argument("--workers", type=int, default=pairs.workers_there())
    parser.add_argument(
        "--report-only",
        action="store_true",
        help="write the page of the networks that are finished",
    )
    parser.add_argument("--tables", type=int, nargs="*", choices=(5, 6), default=(5, 6))
    parser.add_argument("--page", type=Path, help="where Table V is written")
    parser.add_argument("--page6", type=Path, help="where Table VI is written")
    arguments = parser.parse_args()
    pages = BENCHMARKS if arguments.trial is None else arguments.output  # a trial's say nothing
    arguments.page = arguments.page or pages / PAGE
    arguments.page6 = arguments.page6 or pages / PAGE6
    return arguments


if __name__ == "__main__":
    sys.exit(main())
