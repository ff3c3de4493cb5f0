"""Job of `unsmear search`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsmear import tables
from unsmear.atomic import write_aside
from unsmear.choices import Pruner, SearchSampler
from unsmear.cli.console import say, show_table
from unsmear.cli.jobs import progress
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.train import code_of_stop, loaded
from unsmear.cli.options.train import TrainingOptions
from unsmear.errors import MissingExtra, OptionError

if TYPE_CHECKING:
    from unsmear.train.engine.loop import Step
    from unsmear.train.search.search import Ended
    from unsmear.train.search.space import Values
    from unsmear.train.search.study import Search


@dataclass(frozen=True)
class SearchOptions:
    """What is searched and how, see the help of `unsmear search`.

    training: options of all trials. space: a TOML file; None for the built-in space of the network.
    """

    training: TrainingOptions
    space: Path | None
    trials: int
    sampler: SearchSampler
    pruner: Pruner | None


def run(options: SearchOptions, folder: Path, study: Path | None) -> int:
    """Search, then print and write the table of all trials; return the exit code."""
    settings = _settings(options)
    stopped = _search(settings, folder, study)
    return _report(settings, folder, study, stopped)


def announce(options: SearchOptions, folder: Path) -> int:
    """Say what would be searched; return the exit code."""
    settings = _settings(options)
    for name, values in settings.space.describe().items():
        say(f"{name}: {values}", option=name, values=values)
    number = "1 trial" if options.trials == 1 else f"{options.trials} trials"
    trials = f"{number} of {settings.run.model} ({options.sampler})"
    return announce_all("files", [], [f"{trials} in {folder / 'trials'}", folder / "table.csv"])


def _settings(options: SearchOptions) -> Search:
    configuration = loaded(options.training)
    try:
        from unsmear.resume import flat
        from unsmear.train.search import space as spaces
        from unsmear.train.search.study import Search
    except ImportError as error:
        raise MissingExtra(
            f'unsmear search needs more packages: pip install "unsmear[train]" ({error}).'
        ) from error
    training, space = options.training, options.space
    run = configuration.resolve(training.model, training.config, training.tokens)
    fixed = flat(configuration.parse(training.tokens))
    given = spaces.read(space) if space else spaces.built_in(training.model)
    both = sorted(given.keys() & fixed.keys())
    if space and both:
        raise OptionError(f"{space}: {both[0]} must be searched or fixed, got both.")
    searched = {name: values for name, values in given.items() if name not in fixed}
    space_of_run = spaces.resolve(searched, run)
    return Search(run, space_of_run, options.trials, options.sampler, options.pruner)


def _search(settings: Search, folder: Path, study: Path | None) -> bool:
    """Run the trials with a progress bar; return whether Ctrl-C stopped them."""
    from unsmear.train.search.search import SearchCallback
    from unsmear.train.search.search import search as make_trials

    with progress.bar() as bar:
        task = bar.add_task("")

        class Shown(SearchCallback):
            def trial(self, number: int, values: Values) -> None:
                bar.update(task, description=f"trial {number:04d}", completed=0)

            def begin(self, step: int, last: int) -> None:
                bar.update(task, completed=step, total=last)

            def step(self, step: Step) -> None:
                bar.update(task, completed=step.number)

        for ended in make_trials(settings, folder, study, Shown()):
            line = _line(ended, settings.run.stop.monitor)
            say(line, sys.stderr, **_fields(ended))
            if ended.outcome == "stopped":
                return True
    return False


def _line(ended: Ended, monitor: str) -> str:
    tried = ", ".join(f"{name} {_text(value)}" for name, value in ended.values.items())
    what = {
        "done": f"{monitor} {_score(ended)} at step {ended.best_step}",
        "pruned": f"pruned, {monitor} {_score(ended)} at step {ended.best_step}",
        "failed": f"failed: {ended.error}",
        "stopped": "stopped; repeat the command to resume",
        "lost": "taken over by another process",
        "unfinished": "unfinished",
    }[ended.outcome]
    return f"trial {ended.number:04d}: {what} ({tried})"


def _fields(ended: Ended) -> dict[str, Any]:
    """Return what a JSON object says of a trial that has ended."""
    score = {} if ended.score is None else {"score": ended.score, "at_step": ended.best_step}
    return {"trial": ended.number, "outcome": ended.outcome, **score, "values": dict(ended.values)}


def _report(settings: Search, folder: Path, study: Path | None, stopped: bool) -> int:
    """Print and write the table of all trials; return the exit code."""
    from unsmear.train.search.search import BEST, results
    from unsmear.train.search.study import STUDY, open_study

    trials = results(open_study(settings, study or folder / STUDY), settings.space)
    head, *lines = _cells(trials, settings)
    show_table(f"Trials of {settings.run.model}", [head, *lines], words=(1,))
    _write(folder, head, lines)
    for trial in trials:
        if trial.error:
            say(f"trial {trial.number:04d} failed: {trial.error}")
    if stopped:
        say("stopped; repeat the command to resume")
        return code_of_stop()
    left = sum(trial.outcome == "unfinished" for trial in trials)
    if left:
        say(f"{left} of {len(trials)} trials are unfinished: others work on them, or stopped.")
    if any(trial.outcome == "done" for trial in trials):
        model = settings.run.model
        best = folder / BEST
        say(f"best options: unsmear train {model} --config {best} -o runs/{model}", best=best)
        return 0
    return 0 if left else 1


def _cells(rows: Sequence[Ended], settings: Search) -> list[list[str]]:
    """Return the table: the blurred images' score first, then the trials, the best first."""
    names = sorted(settings.space.dimensions)
    head = ["trial", "outcome", settings.run.stop.monitor, "at step", "seconds", *names]
    known = [trial.blurred for trial in rows if trial.blurred is not None]
    blurred = [["-", "blurred", f"{known[0]:.5g}", *[""] * (len(head) - 3)]] if known else []
    return [
        head,
        *blurred,
        *(
            [
                f"{trial.number:04d}",
                trial.outcome,
                _score(trial),
                str(trial.best_step) if trial.score is not None else "",
                f"{trial.seconds:.1f}" if trial.score is not None else "",
                *(_text(trial.values.get(name, "")) for name in names),
            ]
            for trial in rows
        ),
    ]


def _write(folder: Path, head: list[str], lines: list[list[str]]) -> None:
    """Write table.csv and table.md."""
    records = [dict(zip(head, line, strict=True)) for line in lines]
    tables.write_csv(folder / "table.csv", records, head)
    text = tables.narrow_markdown([head, *lines], words=(1,))
    write_aside(folder / "table.md", text.encode())


def _score(trial: Ended) -> str:
    return "" if trial.score is None else f"{trial.score:.5g}"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
