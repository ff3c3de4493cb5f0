"""Command `unsmear export`: ONNX file of a restoration network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def export(
    name: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
) -> None:
    """Export a restoration network as an ONNX file.

    The file holds the network only, without the steps before and after it, such as the Wiener
    filters and the consistency check of deep-wiener. To restore images with ONNX Runtime, use
    `unsmear restore --runtime onnx`, which is available for deep-wiener.

    Parameters
    ----------
    name
        Weights to export: deep-wiener or deep-wiener-fast; published weights such as maxim-s3-reds;
        or a path: runs/cells/best, or the folder of a run, for its best weights.
    output
        Output file, which must end in .onnx.
    """
    from unsmear.checkpoints import onnx_export
    from unsmear.restoration import methods

    print("Tracing the network and checking the file; a large network takes a minute.")
    onnx_export.export(methods.weights(name) or name, output)
    print(f"The network of {name} is in {output}.")
