"""Command `unsmear export`: ONNX file or package of a network."""

from __future__ import annotations

from unsmear.cli.options.parameters import DryRun, MaybeOutputPath


def export(
    name: str,
    /,
    *,
    output: MaybeOutputPath = None,
    bioimageio: bool = False,
    dry_run: DryRun = False,
) -> int:
    """Export a network as an ONNX file, or as a package of bioimage.io.

    Without --output the file is written beside the weights, and from then on they restore (or
    classify) without PyTorch. It holds the network only, without the steps before and after it,
    such as the Wiener filters and the consistency check of deep-wiener. A file given by --output,
    and a package, also restore by themselves: unsmear restore --method FILE.

    Parameters
    ----------
    name
        Weights to export: a path (runs/cells/best), or the folder of a run, for its best weights;
        deep-wiener, deep-wiener-lean or deep-wiener-fast; published weights such as maxim-s3-reds.
    output
        Output file, which must end in .onnx, or in .zip with --bioimageio. By default it lies
        beside the weights, and a package in this folder.
    bioimageio
        Write a package for the programs of bioimage.io: the ONNX file with test images, the size
        of tiles and their halo, papers and licence. Only of networks that restore.
    """
    from unsmear.cli.jobs.export import run

    return run(name, output, bioimageio, dry_run)
