"""Command `unsmear blur`: synthetic blur and camera noise for sharp images."""

from __future__ import annotations

from unsmear.choices import Boundary
from unsmear.cli.options.blur import CameraOptions, FamilyOptions
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.kernel import KernelOptions
from unsmear.cli.options.output import OutputOptions
from unsmear.cli.options.parameters import BatchOptions, Inputs, OutputPath
from unsmear.cluster.where import HERE
from unsmear.errors import OptionError


def blur(
    inputs: Inputs,
    /,
    *,
    output: OutputPath,
    writing: OutputOptions = OutputOptions(),
    kernel: KernelOptions = KernelOptions(),
    family: FamilyOptions = FamilyOptions(),
    camera: CameraOptions = CameraOptions(),
    boundary: Boundary = "reflect",
    seed: int = 0,
    axes: str | None = None,
    where: WhereOptions = HERE,
) -> int:
    """Blur images as a moving stage, defocus or a shaken camera would.

    Blurred images keep the name, dtype, intensities, axes, pixel size and channels of their input;
    JPEG input becomes PNG.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; the files of an HPA field (ID_red.png ...) are one
        image.
    output
        Output folder; created if it does not exist.
    boundary
        Boundary condition: reflect, wrap, zero, or valid, which crops the border.
    seed
        Random seed of the shake and the noise.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    """
    where.check()
    family.check(kernel)
    if seed < 0:
        raise OptionError(f"--seed must be 0 or more, got {seed}.")
    from unsmear.cli.jobs.blur import Blurring, run
    from unsmear.cli.jobs.output import Output

    job = Blurring(Output(output, "blur", writing), kernel, family, camera, boundary, seed)
    return run(job, BatchOptions(inputs, axes, where))
