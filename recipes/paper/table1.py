"""Table I with figures: every architecture and loss that the paper names, at equal training time.

    python recipes/paper/table1.py --minutes 2.5 --vgg FILE [--data FOLDER --classifier WEIGHTS]

The same command resumes a stopped run; finished networks are skipped. `README.md` in this folder
says what it does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unsmear.atomic import write_aside

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a thread a network: equal time is equal work
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import networks
import pairs
import systems
import table1_page
from scales import Scale
from systems import System
from table1_page import Entry, Facts
from unsmear import classify, evaluate, models
from unsmear.checkpoints import checkpoint, published
from unsmear.classify import Classifier
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.errors import OptionError, UnsmearError
from unsmear.evaluate import Case, MethodWithKernel, Row
from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.recovery.collect.ask import answer
from unsmear.recovery.collect.cache import keep
from unsmear.restoration import methods
from unsmear.train.config import options
from unsmear.train.config.restorer import Run
from unsmear.train.engine import folder as folders

PAGE = Path(__file__).parents[2] / "benchmarks" / "paper-table-1.md"
SCALES = {
    # Drawn fields of the pixel size that light-cells knows.
    "small": Scale(images=300, test=150, drawn=256, side=256),
    # For the tests: seconds, and nothing is learned.
    "tiny": Scale(images=10, test=6, drawn=64, side=64, among=(0, 2, 16)),
}
PACE = 0.1
"""Processor minutes of the trial run that measures how many steps fit into a row's time."""
KEPT = 0.97
"""Share of the time that the planned steps fill, so that the learning rate gets to 0 within it."""
VALIDATIONS = 8
"""Number of validations of a row, of which the best weights are scored."""
REPEATS = 3
"""Number of times that an image is restored to measure the time; the shortest counts."""
CLASSIFIER = "light-cells"


@dataclass(frozen=True)
class Plan:
    """What every row's training shares; minutes: of processor time."""

    output: Path
    vgg: Path | None
    minutes: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps of the command line; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        _make(asked)
        return 0
    except UnsmearError as error:
        print(f"table1: {error}", file=sys.stderr)
        return 1


def _make(asked: argparse.Namespace) -> None:
    scale, plan = SCALES[asked.scale], Plan(asked.output, _vgg(asked.vgg), asked.minutes)
    rows = systems.chosen(asked.only)
    report = pairs.make_pairs(plan.output, scale, asked.data, None, asked.workers)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    for system in rows:
        if systems.perceptual(system) and plan.vgg is None:
            print(f"{system.name}: left out, for VGG16's weights are not here: --vgg FILE")
    able = [system for system in rows if plan.vgg or not systems.perceptual(system)]
    trained = partial(train, plan)
    for line in map_with_progress(trained, able, Where(asked.workers), "trained", key=_name):
        print(line, flush=True)
    if asked.only:
        return
    entries, facts = score(plan, able, asked.classifier, asked.workers)
    command = f"python recipes/paper/table1.py --minutes {asked.minutes:g} --vgg FILE"
    command += " --data FOLDER" * bool(asked.data)
    command += " --classifier WEIGHTS" * (asked.classifier != CLASSIFIER)
    text = table1_page.write(entries, facts, command)
    write_aside(asked.page, text.encode())
    print(text)


@dataclass(frozen=True)
class Examination:
    """What is done with each test pair. restored: folder of restored images, which are reused."""

    methods: tuple[MethodWithKernel, ...]
    classifier: Classifier
    restored: Path

    def __call__(self, case: Case) -> tuple[tuple[Row, ...], list[Prediction]]:
        """Return the scores of a pair's images, and the labels that are found in them."""
        images = keep(case, self.methods, self.restored)
        return evaluate.score_images(case, images), answer(case, images, self.classifier)


def train(plan: Plan, system: System) -> str:
    """Train a row, or resume its training; return how it ended, in a sentence."""
    from unsmear.train.run import train as go  # imports torch

    folder = plan.output / system.name
    if networks.finished(folder):
        _check_minutes(folder, plan.minutes)
        return f"{system.name}: finished before."
    steps = max(1, round(KEPT * plan.minutes / _minutes_per_step(plan, system)))
    every = max(1, -(-steps // VALIDATIONS))
    stop = {"steps": steps, "processor_minutes": plan.minutes, "monitor": "psnr"}
    summary = go(_run(plan, system, stop, every), folder)
    minutes = summary.processor_seconds / 60
    return f"{system.name}: {summary.step} steps, {minutes:.2f} minutes ({summary.reason})."


def _minutes_per_step(plan: Plan, system: System) -> float:
    """Return the processor time of a step, by a short run of the same training."""
    from unsmear.train.run import train as go

    folder = plan.output / "pace" / system.name
    if not networks.finished(folder):
        stop = {"steps": 10**6, "processor_minutes": min(PACE, plan.minutes)}
        go(_run(plan, system, stop, 10**6), folder)
    summary = folders.read_json(folder / folders.SUMMARY)
    return float(summary["processor_seconds"]) / 60 / int(summary["step"])


def _run(plan: Plan, system: System, stop: dict[str, object], validate_every: int) -> Run:
    changed = {"stop": stop, "log": {"validate_every": validate_every}}
    return systems.configure(system, plan.output / "pairs", plan.vgg, changed)


def _check_minutes(folder: Path, minutes: float) -> None:
    before = options.check(options.read(folder / folders.CONFIG)).stop.processor_minutes
    if before != minutes:
        raise OptionError(
            f"{folder}: --minutes must be those of the finished run, {before:g}, got "
            f"{minutes:g}; other minutes need another --output."
        )


def score(
    plan: Plan, trained: Sequence[System], classifier: str, workers: int
) -> tuple[list[Entry], Facts]:
    """Return the finished rows, and the facts about them and the test images.

    Raises UnsmearError for an image that cannot be restored or scored.
    """
    cases = evaluate.find_cases(plan.output / "pairs", "test")[0]
    own = {system.name: _method(plan.output, system) for system in trained}
    known = {
        "wiener-local": MethodWithKernel(methods.find("wiener-local")),
        "deep-wiener": MethodWithKernel(methods.find("deep-wiener"), "estimated"),
    }
    everyone = (*own.values(), *known.values())
    examined = Examination(everyone, classify.load(classifier), plan.output / "restored")
    found = list(map_with_progress(examined, cases, Where(workers), "scored"))
    labels, thresholds = examined.classifier.labels, examined.classifier.thresholds
    answers = [answer for _, answers in found for answer in answers]
    facts = Facts(
        [row for rows, _ in found for row in rows],
        conclude(Predictions(labels, tuple(map(float, thresholds)), tuple(answers))),
        {method.name: _seconds(cases[0], method) for method in everyone},
        classifier,
        plan.minutes,
        cases[0].read()[0].planes().shape[-1],
    )
    return [_entry(plan.output, system) for system in trained], facts


def _method(output: Path, system: System) -> MethodWithKernel:
    best = methods.find(str(output / system.name / "best"))
    return MethodWithKernel(replace(best, name=system.name))


def _seconds(case: Case, method: MethodWithKernel) -> float:
    """Return the processor time of restoring an image, its blur's estimation included."""
    sharp, blurred = case.read()

    def spent() -> float:
        began = time.process_time()
        evaluate.restore_all(case, sharp, blurred, [method])
        return time.process_time() - began

    return min(spent() for _ in range(REPEATS))


def _entry(output: Path, system: System) -> Entry:
    loaded = checkpoint.load(output / system.name / "best")
    network = models.build(loaded.network, **loaded.options)
    return Entry(
        system,
        sum(parameter.numel() for parameter in network.parameters()),
        folders.read_json(output / system.name / folders.SUMMARY),
        options.check(options.read(output / system.name / folders.CONFIG)),
        folders.read_json(output / system.name / folders.ENVIRONMENT),
    )


def _vgg(given: Path | None) -> Path | None:
    return given or published.find("vgg16")


def _name(system: System) -> str:
    return system.name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True, help="processor time of each row")
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--output", type=Path, default=Path("runs/paper-table-1"))
    parser.add_argument("--data", type=Path, help="folder of HPA fields (default: drawn cells)")
    parser.add_argument(
        "--classifier", default=CLASSIFIER, metavar="WEIGHTS", help="of the labels of --data"
    )
    parser.add_argument("--vgg", type=Path, help="VGG16's weights; else `unsmear weights get`'s")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="train these, with commas, and write no page"
    )
    parser.add_argument("--workers", type=int, default=1, help="networks trained at a time")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table is written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
