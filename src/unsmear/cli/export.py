"""Command `unsmear export`: ONNX file of a network."""

from __future__ import annotations

from unsmear.cli.options.parameters import MaybeOutputPath


def export(
    name: str,
    /,
    *,
    output: MaybeOutputPath = None,
) -> None:
    """Export a network as an ONNX file.

    Without --output the file is written beside the weights, and from then on they restore (or
    classify) without PyTorch. It holds the network only, without the steps before and after it,
    such as the Wiener filters and the consistency check of deep-wiener.

    Parameters
    ----------
    name
        Weights to export: a path (runs/cells/best), or the folder of a run, for its best weights;
        deep-wiener, deep-wiener-lean or deep-wiener-fast; published weights such as maxim-s3-reds.
    output
        Output file, which must end in .onnx. By default it lies beside the weights.
    """
    from unsmear.cli.jobs.export import run

    run(name, output)
