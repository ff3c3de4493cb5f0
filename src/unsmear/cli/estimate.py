"""Command `unsmear estimate`: blind estimation of the blur kernel of an image."""

from __future__ import annotations

from pathlib import Path

from unsmear.choices import Per
from unsmear.cli.options.camera_maps import MapOptions
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.estimate import EstimateOptions
from unsmear.cli.options.parameters import BatchOptions, DryRun, Inputs, MaybeOutputPath
from unsmear.cli.options.paths import check_local
from unsmear.cluster.where import HERE
from unsmear.errors import OptionError


def estimate(
    inputs: Inputs,
    /,
    *,
    output: MaybeOutputPath = None,
    picture: Path | None = None,
    axes: str | None = None,
    no_data: str | None = None,
    camera: MapOptions = MapOptions(),
    per: Per = "auto",
    resume: bool = False,
    dry_run: DryRun = False,
    where: WhereOptions = HERE,
) -> int:
    """Estimate the motion that blurred an image: its kind, length, angle and confidence.

    Each exposure has an estimate of its own: no motion, linear motion, irregular motion (camera
    shake) or defocus. The angle is in degrees anticlockwise from the right. The confidence is the
    probability that the estimate is right within its stated uncertainty.

    Parameters
    ----------
    inputs
        Images, folders, globs, zip files, or s3:// and https:// addresses of images; the files of
        an HPA field (ID_red.png ...) are one image.
    output
        Folder for estimates.json, the list of what --json prints, and for the record of a batch
        (OUTPUT.unsmear-run), which `unsmear status` reads while it is written. With --json, each
        image is an object about its surest exposure; where there are several, "exposures" lists
        each with its channels, slices, t and p, and the rows and columns of a part of a field.
        Kind "none" and length 0: no motion was found.
    picture
        Output PNG file for one image: the image, its spectrum with the dark bands, the kernel.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    no_data
        Where nothing was recorded: a value (0, nan), or a file with a mask, not 0 where there are
        no data. By default padding of stitched or registered images is found.
    per
        What shares a movement. auto, the default: each plane of each time point and position is
        estimated by itself, and those that agree are pooled; parts of a field that moved
        differently are told apart. plane, channel, frame or file: decided by you.
    resume
        Resume a stopped run by the record in OUTPUT: images that are on it, and whose files have
        not changed since, are not estimated again. Other options than theirs are refused.
    """
    where.check()
    check_local(output)
    if resume and output is None:
        raise OptionError("--resume must come with --output, which has the record of the run.")
    from unsmear.cli.jobs.estimate import run

    question = EstimateOptions(per, picture, no_data, output, resume, camera, dry_run)
    return run(BatchOptions(inputs, axes, where), question)
