"""Command `unsmear search`: hyperparameter search."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.parameters import DryRun, MaybeOutputPath, Tokens
from unsmear.cli.options.paths import check_local
from unsmear.cli.options.search import SearchedOptions
from unsmear.cli.options.train import TrainingOptions


def search(
    model: str,
    *given: Tokens,
    searched: SearchedOptions = SearchedOptions(),
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
    options = SearchOptions(
        training,
        searched.space,
        searched.trials,
        searched.sampler,
        searched.pruner if searched.prune else None,
    )
    folder = output or Path("runs") / f"{model}-search"
    if dry_run:
        return announce(options, folder)
    return run(options, folder, searched.study)
