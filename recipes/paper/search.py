"""Random search against grid search on the DCAE, at the same number of trials.

    python recipes/paper/search.py [--scale tiny]

The same command resumes a stopped run; finished trials are skipped. `README.md` in this folder says
what it does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch: processor time that compares
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import tomli_w

import networks
import pairs
import search_page
from scales import Scale
from search_page import Facts, Trial
from unsmear import evaluate
from unsmear.atomic import write_aside
from unsmear.choices import SearchSampler
from unsmear.cli.options.search import SearchedOptions
from unsmear.cli.search import search as search_command
from unsmear.errors import TrainingError, UnsmearError
from unsmear.evaluate import Line, MethodWithKernel
from unsmear.restoration import methods
from unsmear.train.config import options
from unsmear.train.engine import folder as folders

PAGE = Path(__file__).parents[2] / "benchmarks" / "search.md"
GRID: Mapping[str, tuple[float, ...]] = {
    "optimiser.rate": (1e-4, 1e-3, 1e-2),
    "optimiser.weight_decay": (1e-6, 1e-4, 1e-2),
    "options.dropout": (0.0, 0.25, 0.5),
}
"""What is searched, and the values that a grid takes; random search draws between their ends."""
LOGARITHMIC = ("optimiser.rate", "optimiser.weight_decay")
"""Options that are drawn uniformly in the logarithm; the grid's values are evenly spaced there."""
SAMPLERS: tuple[SearchSampler, ...] = ("grid", "random")
SHARED: Mapping[str, Any] = {
    "options": {"filters": [24, 32, 64]},
    "augment": {"flips": False, "rotations": False},  # the paper's recipe moves vertically
    "loss": {"charbonnier": 1.0},
    "data": {"size": 48, "batch": 4, "validation": 32, "workers": 0},
    "stop": {"steps": 200},
    "log": {"validate_every": 50, "tensorboard": False},
    "licence": networks.LICENCE,
}
"""Options of every trial: the paper's DCAE with a quarter of its filters, and a loss that needs no
VGG16."""


@dataclass(frozen=True)
class Budget:
    """How large the comparison is.

    pairs: images. changed: options of every trial that differ from `SHARED`.
    grid: what is searched, with the grid's values.
    """

    pairs: Scale
    changed: Mapping[str, Any]
    grid: Mapping[str, tuple[float, ...]]


BUDGETS = {
    "small": Budget(Scale(96, 32, shares="67/33", drawn=96, side=48), {}, GRID),
    # For the tests: seconds, and nothing is learned.
    "tiny": Budget(
        Scale(4, 2, shares="67/33", drawn=32, side=16, among=(0, 2, 16)),
        {
            "options": {"filters": [4]},
            "data": {"size": 16, "batch": 1},
            "stop": {"steps": 2},
            "log": {"validate_every": 1},
        },
        {name: GRID[name][:2] for name in ("optimiser.rate", "options.dropout")},
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps of the command line; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return _make(asked)
    except UnsmearError as error:
        print(f"search: {error}", file=sys.stderr)
        return 1


def _make(asked: argparse.Namespace) -> int:
    budget, output = BUDGETS[asked.scale], asked.output
    page = asked.page or (PAGE if asked.scale == "small" else output / PAGE.name)
    report = pairs.make_pairs(output, budget.pairs, None, None, 1)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    write_inputs(budget, output)
    trials = prod(map(len, budget.grid.values()))
    for sampler in SAMPLERS:
        code = _search(sampler, trials, output)
        if code:
            return code
    found = {sampler: read_trials(output / sampler, budget.grid) for sampler in SAMPLERS}
    facts = Facts(
        budget.grid,
        found,
        options.check(options.read(output / "run.toml")),
        folders.read_json(output / "grid" / "trials" / "0000" / folders.ENVIRONMENT),
        _scored(output, found),
    )
    search_page.draw(page.parent / "pictures" / "search.png", facts)
    text = search_page.write(facts, "python recipes/paper/search.py")
    write_aside(page, text.encode())
    print(text)
    return 0


def write_inputs(budget: Budget, output: Path) -> None:
    """Write what the search command reads: the trials' shared options, and the two spaces."""
    shared = options.merge(options.merge(SHARED, budget.changed), {"model": "dcae"})
    run = options.check(options.merge(shared, {"data": {"pairs": str(output / "pairs")}}))
    inputs = {
        "run": options.dump(run),
        "grid": {name: list(values) for name, values in budget.grid.items()},
        "random": {
            name: {"low": values[0], "high": values[-1], "log": name in LOGARITHMIC}
            for name, values in budget.grid.items()
        },
    }
    for name, table in inputs.items():
        write_aside(output / f"{name}.toml", tomli_w.dumps(table).encode())


def _search(sampler: SearchSampler, trials: int, output: Path) -> int:
    """Run `unsmear search`, or resume it; return its exit code."""
    return search_command(
        "dcae",
        config=output / "run.toml",
        searched=SearchedOptions(output / f"{sampler}.toml", trials, sampler),
        output=output / sampler,
    )


def read_trials(folder: Path, searched: Mapping[str, object]) -> list[Trial]:
    """Return the trials of a search in the order of their numbers.

    Raises TrainingError for a trial that has no score.
    """
    trials = []
    for place in sorted((folder / "trials").iterdir()):
        if not networks.finished(place):
            raise TrainingError(f"{place}: a trial must have ended with a score.")
        summary = folders.read_json(place / folders.SUMMARY)
        run = options.dump(options.check(options.read(place / folders.CONFIG)))
        values = {name: _value(run, name) for name in searched}
        minutes = float(summary["processor_seconds"]) / 60
        trials.append(Trial(place.name, values, float(summary["best"]), minutes))
    return trials


def _value(run: Mapping[str, Any], name: str) -> float:
    table, _, last = name.partition(".")
    return float(run[table][last])


def _scored(output: Path, found: Mapping[str, Sequence[Trial]]) -> dict[str, Line]:
    """Return the scores, on the test images, of these blurred and of each search's best trial."""
    known = [
        _method(sampler, output / sampler / "trials" / search_page.best(trials).name)
        for sampler, trials in found.items()
    ]
    cases = evaluate.find_cases(output / "pairs", "test")[0]
    rows = [row for case in cases for row in evaluate.score_case(case, known).rows]
    return {line.restorer: line for line in evaluate.summarise(rows) if line.blur == evaluate.ALL}


def _method(name: str, place: Path) -> MethodWithKernel:
    return MethodWithKernel(replace(methods.find(str(place / "best")), name=name))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=BUDGETS, default="small")
    parser.add_argument("--output", type=Path, default=Path("runs/search"))
    parser.add_argument(
        "--page",
        type=Path,
        help="where the table is written; by default in benchmarks, at scale tiny in --output",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
