"""Command `unsmear search`: hyperparameter search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from unsmear import tables
from unsmear.atomic import write_aside
from unsmear.cli.console import console
from unsmear.cli.train import STOPPED
from unsmear.errors import MissingExtra, OptionError

if TYPE_CHECKING:
    from unsmear.train.engine.loop import Step
    from unsmear.train.search.search import Ended
    from unsmear.train.search.space import Values
    from unsmear.train.search.study import Search


def search(
    model: str,
    *given: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    space: Path | None = None,
    trials: int = 20,
    sampler: Literal["random", "tpe"] = "random",
    prune: Annotated[bool, Parameter(negative=())] = False,
    pruner: Literal["median", "halving"] = "median",
    study: Path | None = None,
    data: Path | None = None,
    config: Path | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> int:
    """Search for the best training options of a network (hyperparameter search).

    Any option of `unsmear train` can be set for all trials: --stop.steps 500, --data.size 64.
    Several processes or machines share the work if each runs the same command. Repeat the command
    to resume after an interruption. Then: unsmear train MODEL --config OUTPUT/best.toml.

    Parameters
    ----------
    model
        Name of the network; `unsmear train` lists them.
    space
        TOML file of the options to search, with ranges or values, such as
        "optimiser.rate" = {low = 1e-5, high = 1e-2, log = true} or "data.batch" = [8, 16].
        By default: learning rate, weight decay and batch size; for dcae also dropout and filters.
    trials
        Number of trials, of all processes together.
    sampler
        random draws each trial independently; tpe learns from finished trials.
    prune
        Stop poor trials early, at a validation.
    pruner
        Rule of --prune: worse than the median of the other trials (median), or not among the best
        third of a round (halving).
    study
        File shared by the processes [default: OUTPUT/study.journal].
    data
        Pairs from `unsmear prepare`; the same as --data.pairs.
    config
        TOML file with options for all trials, such as the run.toml of a run.
    output
        Output folder of trials, tables and best.toml [default: runs/MODEL-search].
    """
    tokens = [*given, *(["--data.pairs", str(data)] if data else [])]
    settings = _settings(model, space, config, tokens, trials, sampler, pruner if prune else None)
    folder = output or Path("runs") / f"{model}-search"
    stopped = _search(settings, folder, study)
    return _report(settings, folder, study, stopped)


def _settings(
    model: str,
    space: Path | None,
    config: Path | None,
    tokens: Sequence[str],
    trials: int,
    sampler: Literal["random", "tpe"],
    pruner: Literal["median", "halving"] | None,
) -> Search:
    try:
        from unsmear.train.config import options
        from unsmear.train.engine.folder import flat
        from unsmear.train.search import space as spaces
        from unsmear.train.search.study import Search
    except ImportError as error:
        raise MissingExtra(
            f'unsmear search needs more packages: pip install "unsmear[train]" ({error}).'
        ) from error
    run = options.resolve(model, config, tokens)
    fixed = flat(options.parse(tokens))
    given = spaces.read(space) if space else spaces.built_in(model)
    both = sorted(given.keys() & fixed.keys())
    if space and both:
        raise OptionError(f"{space}: {both[0]} must be searched or fixed, got both.")
    searched = {name: values for name, values in given.items() if name not in fixed}
    return Search(run, spaces.resolve(searched, run), trials, sampler, pruner)


def _search(settings: Search, folder: Path, study: Path | None) -> bool:
    """Run the trials with a progress bar; return whether Ctrl-C stopped them."""
    from unsmear.train.search.search import SearchCallback
    from unsmear.train.search.search import search as make_trials

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    stderr = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=stderr, disable=not stderr.is_terminal
    ) as bar:
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
            bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
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


def _report(settings: Search, folder: Path, study: Path | None, stopped: bool) -> int:
    """Print and write the table of all trials; return the exit code."""
    from unsmear.train.search.search import BEST, results
    from unsmear.train.search.study import STUDY, open_study

    rows = results(open_study(settings, study or folder / STUDY), settings.space)
    head, *lines = _cells(rows, settings)
    table = Table(box=None, pad_edge=False)
    for place, title in enumerate(head):
        table.add_column(title, justify="left" if place == 1 else "right", overflow="fold")
    for line in lines:
        table.add_row(*line)
    console().print(table)
    _write(folder, head, lines)
    for trial in rows:
        if trial.error:
            print(f"trial {trial.number:04d} failed: {trial.error}")
    if stopped:
        print("stopped; repeat the command to resume")
        return STOPPED
    left = sum(trial.outcome == "unfinished" for trial in rows)
    if left:
        print(f"{left} of {len(rows)} trials are unfinished: others work on them, or stopped.")
    if any(trial.outcome == "done" for trial in rows):
        model = settings.run.model
        print(f"best options: unsmear train {model} --config {folder / BEST} -o runs/{model}")
        return 0
    return 0 if left else 1


def _cells(rows: Sequence[Ended], settings: Search) -> list[list[str]]:
    names = sorted(settings.space.dimensions)
    head = ["trial", "outcome", settings.run.stop.monitor, "at step", "seconds", *names]
    return [
        head,
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
