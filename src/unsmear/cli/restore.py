"""Command `unsmear restore`: removal of motion blur from images."""

from __future__ import annotations

from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.output import OutputOptions
from unsmear.cli.options.parameters import BatchOptions, Inputs, OutputPlace
from unsmear.cli.options.paths import output_place
from unsmear.cli.options.place import PlaceOptions
from unsmear.cli.options.restore import (
    BesideOptions,
    MethodOptions,
    RestoringOptions,
    ResultOptions,
    TreatmentOptions,
)
from unsmear.cluster.where import HERE


def restore(
    inputs: Inputs,
    /,
    *,
    output: OutputPlace,
    writing: OutputOptions = OutputOptions(),
    method: MethodOptions = MethodOptions(),
    kernel: PlaceOptions = PlaceOptions(),
    beside: BesideOptions = BesideOptions(),
    treatment: TreatmentOptions = TreatmentOptions(),
    axes: str | None = None,
    where: WhereOptions = HERE,
) -> int:
    """Take motion blur out of images.

    Without a kernel, the motion of each exposure is estimated (blind deconvolution). An image in
    which no motion is found, or only an uncertain one, is left unchanged: its file is copied.
    Results keep the name, format, dtype, intensities, axes, pixel size and metadata of their input;
    JPEG becomes PNG, and what is only read (CZI, ND2, LIF ...) OME-TIFF.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files, s3:// and https:// addresses of images and OME-Zarrs;
        the files of an HPA field (ID_red.png ...) are one image. The side files of a
        plate (Index.xml, .HTD ...) are copied.
    output
        Output folder; created if it does not exist. s3://BUCKET/PATH: results appear there whole or
        not at all, and replace nothing without --overwrite.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    """
    where.check()
    restoring = RestoringOptions.of(method, kernel, treatment, where.memory_size)
    restoring.check()
    folder, place = output_place(output)
    results = ResultOptions(
        folder, writing, beside.report, beside.uncertainty, beside.resume, place
    )
    from unsmear.cli.jobs.restore.job import run

    return run(BatchOptions(inputs, axes, where), restoring, results)
