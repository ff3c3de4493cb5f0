"""Job of `unsmear export`."""

from __future__ import annotations

from pathlib import Path

from unsmear.checkpoints import checkpoint, onnx_export
from unsmear.cli.console import say
from unsmear.errors import OptionError
from unsmear.restoration import methods

TRACING = "Tracing the network and checking the file; a large network takes a minute."


def run(name: str, output: Path | None, as_package: bool) -> None:
    """Export a network.

    name: of its weights, or their path. output: a file that ends in .onnx, or in .zip for a
    package; None for beside the weights, or in the working folder.

    Raises OptionError for a method that has no network, and where the file would replace one of
    the program's own.
    """
    weights = methods.weights(name) or name
    if name in methods.METHODS and name not in checkpoint.shipped():
        networks = ", ".join(each for each in methods.METHODS if each in checkpoint.shipped())
        raise OptionError(f"{name}: this method has no network to export; those are {networks}.")
    if as_package:
        _package(weights, output)
        return
    if output is None and name in checkpoint.shipped():
        raise OptionError(
            f"{name}: --output must say where the file goes, for these weights came with Unsmear "
            f"and their own file stays: --output {name}.onnx"
        )
    onnx_export.check(weights, output)
    say(TRACING)
    path = onnx_export.export(weights, output)
    say(f"The network of {name} is in {path}.", file=path)
    if output is None:
        say("Its weights are now used without PyTorch.")


def _package(weights: str | Path, output: Path | None) -> None:
    from unsmear.bioimageio import package

    path = package.path_for(weights) if output is None else output
    package.check(weights, path)
    say(TRACING)
    package.write(weights, path)
    licence = checkpoint.card_of(weights)[1].get("licence")
    say(
        f"The package is in {path}. Licence of the weights: {licence or 'not stated'}.",
        file=path,
    )
    say(f"It restores by itself: unsmear restore ... --method {path}")
