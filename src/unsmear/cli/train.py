"""Command `unsmear train`: training of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.cli.options.parameters import MaybeOutputPath, Tokens
from unsmear.cli.options.paths import check_local
from unsmear.cli.options.train import TrainingOptions


def train(
    model: str | None = None,
    *given: Tokens,
    data: Path | None = None,
    config: Path | None = None,
    output: MaybeOutputPath = None,
    show: Annotated[bool, Parameter(name=["--show", "--dry-run"], negative=())] = False,
) -> int:
    """Train a network that restores or classifies images, pretrain one, or resume a stopped run.

    Any option of the configuration can be given by its name: --data.size 64, --optimiser.rate 1e-4,
    --options.dropout 0.2. Without data, synthetic cells are used. Repeat the command to resume a
    run that was stopped or killed. Then: unsmear restore --method OUTPUT/best, for a classifier
    unsmear classify --classifier OUTPUT/best, for an autoencoder unsmear train vit --start
    OUTPUT/best.

    Parameters
    ----------
    model
        Name of the network. Without it, all networks and options are listed.
    data
        Pairs from `unsmear prepare`; the same as --data.pairs. For sharp images, with a new blur in
        each sample: --data.sharp FOLDER. For labelled images: --data.images FOLDER.
    config
        TOML file with options, such as the run.toml of another run.
    output
        Folder of the run [default: runs/MODEL].
    show
        Print the complete configuration and exit.
    """
    check_local(output)
    from unsmear.cli.jobs import train as job

    if model is None:
        return job.list_options()
    options = TrainingOptions.of(model, config, given, data)
    if show:
        return job.show_configuration(options)
    return job.run(options, output or Path("runs") / model)
