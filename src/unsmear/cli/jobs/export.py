"""Job of `unsmear export`."""

from __future__ import annotations

from pathlib import Path

from unsmear.checkpoints import checkpoint, derived, onnx_export
from unsmear.cli.console import say
from unsmear.cli.jobs.announcement import announce_all
from unsmear.errors import OptionError
from unsmear.restoration import methods

TRACING = "Tracing the network and checking the file; a large network takes a minute."


def run(name: str, output: Path | None, as_package: bool, dry_run: bool = False) -> int:
    """Export a network; return the exit code.

    name: of its weights, or their path. output: a file that ends in .onnx, or in .zip for a
    package; None for beside the weights, or in the working folder. dry_run: whether it is only
    said.

    Raises OptionError for a method that has no network, and where the file would replace one of
    the program's own.
    """
    weights = _weights(name)
    if as_package:
        path = _check_package(weights, output)
        if not dry_run:
            return _package(weights, path)
        return announce_all("networks", [name], [path])
    _check_file(name, weights, output)
    if not dry_run:
        return _file(name, weights, output)
    return announce_all("networks", [name], _beside(weights) if output is None else [output])


def _weights(name: str) -> str | Path:
    """Return the weights of a name; raises OptionError for a method that has no network."""
    if name in methods.METHODS and name not in checkpoint.shipped():
        networks = ", ".join(each for each in methods.METHODS if each in checkpoint.shipped())
        raise OptionError(f"{name}: this method has no network to export; those are {networks}.")
    return methods.weights(name) or name


def _check_package(weights: str | Path, output: Path | None) -> Path:
    """Return where a package goes; raises what its writing would before the network is traced."""
    from unsmear.bioimageio import package

    path = package.path_for(weights) if output is None else output
    package.check(weights, path)
    return path


def _check_file(name: str, weights: str | Path, output: Path | None) -> None:
    """Raise what the writing of an ONNX file would before the network is traced."""
    if output is None and name in checkpoint.shipped():
        raise OptionError(
            f"{name}: --output must say where the file goes, for these weights came with Unsmear "
            f"and their own file stays: --output {name}.onnx"
        )
    onnx_export.check(weights, output)


def _beside(weights: str | Path) -> list[Path]:
    """Return what an export without a path writes: the file beside the weights, and their card."""
    place = checkpoint.locate(weights)
    return [derived.path_of(place), place.path.with_name(f"{place.path.name}.json")]


def _file(name: str, weights: str | Path, output: Path | None) -> int:
    say(TRACING)
    path = onnx_export.export(weights, output)
    say(f"The network of {name} is in {path}.", file=path)
    if output is None:
        say("Its weights are now used without PyTorch.")
    return 0


def _package(weights: str | Path, path: Path) -> int:
    from unsmear.bioimageio import package

    say(TRACING)
    package.write(weights, path)
    licence = checkpoint.card_of(weights)[1].get("licence")
    say(
        f"The package is in {path}. Licence of the weights: {licence or 'not stated'}.",
        file=path,
    )
    say(f"It restores by itself: unsmear restore ... --method {path}")
    return 0
