"""Job of `unsmear export`."""

from __future__ import annotations

from pathlib import Path

from unsmear.checkpoints import onnx_export
from unsmear.restoration import methods


def run(name: str, output: Path | None) -> None:
    """Export a network.

    name: of its weights, or their path. output: a file that ends in .onnx; None for beside them.
    """
    weights = methods.weights(name) or name
    onnx_export.check(weights, output)
    print("Tracing the network and checking the file; a large network takes a minute.")
    path = onnx_export.export(weights, output)
    print(f"The network of {name} is in {path}.")
    if output is None:
        print("Its weights are now used without PyTorch.")
