"""Command `unsmear export`: ONNX file of a restoration network."""

from __future__ import annotations

from unsmear.cli.options.parameters import OutputPath


def export(
    name: str,
    /,
    *,
    output: OutputPath,
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
    from unsmear.cli.jobs.export import run

    run(name, output)
