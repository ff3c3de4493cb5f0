"""Command `unsmear search`: hyperparameter search."""

from __future__ import annotations

from pathlib import Path

from unsmear.choices import Pruner, SearchSampler
from unsmear.cli.options.parameters import DryRun, MaybeOutputPath, Tokens
from unsmear.cli.options.paths import check_local
from unsmear.cli.options.train import TrainingOptions


def search(
    model: str,
    *given: Tokens,
    space: Path | None = None,
    trials: int = 20,
    sampler: SearchSampler = "random",
    prune: bool = False,
    pruner: Pruner = "median",
    study: Path | None = None,
    data: Path | None = None,
    config: Path | None = None,
    output: MaybeOutputPath = None,
    dry_run: DryRun = False,
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
        random draws each trial independently; tpe learns from finished trials; grid tries every
        combination of a space of choices.
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
    check_local(output)
    from unsmear.cli.jobs.search import SearchOptions, announce, run

    training = TrainingOptions.of(model, config, given, data)
    options = SearchOptions(training, space, trials, sampler, pruner if prune else None)
    folder = output or Path("runs") / f"{model}-search"
    return announce(options, folder) if dry_run else run(options, folder, study)
