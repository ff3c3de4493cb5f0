"""Job of `unsmear export`."""

from __future__ import annotations

from pathlib import Path

from unsmear.checkpoints import onnx_export
from unsmear.restoration import methods


def run(name: str, output: Path) -> None:
    """Export a network. name: of its weights, or their path. output: a file that ends in .onnx."""
    print("Tracing the network and checking the file; a large network takes a minute.")
    onnx_export.export(methods.weights(name) or name, output)
    print(f"The network of {name} is in {output}.")
