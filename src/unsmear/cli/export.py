"""`unsmear export`: a restorer's network as an ONNX file."""

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
    """Write a restorer's network as an ONNX file.

    The file holds the network alone; what goes before it and after it, such as the Wiener filters
    and the checks of a deep-wiener, is not in it. To restore with ONNX Runtime, use
    `unsmear restore --runtime onnx`, which a deep-wiener has.

    Parameters
    ----------
    name
        Of the weights: deep-wiener or deep-wiener-fast; published ones, such as maxim-s3-reds; or a
        path: runs/cells/best, or a run's folder, for its best.
    output
        The file to write, ending in .onnx.
    """
    from unsmear.restoration import methods
    from unsmear.restoration.learned import onnx_export

    print("The network is traced and the file checked; large ones take a minute.")
    onnx_export.export(methods.weights(name) or name, output)
    print(f"The network of {name} is in {output}.")
