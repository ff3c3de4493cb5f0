"""Job of `unsmear export`."""

from __future__ import annotations

from pathlib import Path

from unsmear.checkpoints import onnx_export
from unsmear.cli.console import say
from unsmear.restoration import methods


def run(name: str, output: Path | None) -> None:
    """Export a network.

    name: of its weights, or their path. output: a file that ends in .onnx; None for beside them.
    """
    weights = methods.weights(name) or name
    onnx_export.check(weights, output)
    say("Tracing the network and checking the file; a large network takes a minute.")
    path = onnx_export.export(weights, output)
    say(f"The network of {name} is in {path}.", file=path)
    if output is None:
        say("Its weights are now used without PyTorch.")
