"""Command `unsmear restore`: removal of motion blur from images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unsmear.choices import BEST_METHOD, Channels, Per, Runtime
from unsmear.cli.options.camera_maps import MapOptions
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.memory import DEFAULT, parse
from unsmear.cli.options.output import OutputOptions
from unsmear.cli.options.parameters import BatchOptions, Flag, Inputs, OutputPlace
from unsmear.cli.options.paths import output_place
from unsmear.cli.options.place import PlaceOptions
from unsmear.cli.options.restore import RestoringOptions, ResultOptions
from unsmear.cluster.where import HERE


def restore(
    inputs: Inputs,
    /,
    *,
    output: OutputPlace,
    writing: OutputOptions = OutputOptions(),
    method: str = BEST_METHOD,
    kernel: PlaceOptions = PlaceOptions(),
    regularisation: float | None = None,
    iterations: int | None = None,
    runtime: Runtime | None = None,
    exact: bool = False,
    channels: Channels | None = None,
    report: Path | None = None,
    uncertainty: bool = False,
    shake: bool = False,
    force: Flag = False,
    per: Per = "auto",
    dtype: Literal["float32"] | None = None,
    no_data: str | None = None,
    camera: MapOptions = MapOptions(),
    tile: int | None = None,
    memory: str = DEFAULT,
    axes: str | None = None,
    resume: bool = False,
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
    method
        Restoration method. Learned: deep-wiener, deep-wiener-lean, deep-wiener-fast. Classical:
        wiener, wiener-local, unsupervised-wiener, richardson-lucy. A network from `unsmear train`:
        the path of its weights (runs/cells/best) or the folder of the run, for its best weights.
        One from `unsmear export`: its file (net.onnx, net.zip).
        Published weights by name, after `unsmear weights get`: maxim-s3-reds.
    regularisation
        Noise-to-signal ratio of the method wiener; by default estimated.
    iterations
        Number of iterations of richardson-lucy.
    runtime
        What computes the network. auto, the default: ONNX Runtime, or PyTorch for weights that have
        no ONNX file beside them (see `unsmear export`); for the shipped ones OpenVINO, where it is
        installed and this processor has bfloat16, which is nearly twice as fast, but not with
        --scheduler or --slurm, whose machines may differ. openvino: faster on many processors, and
        in bfloat16 where they have it.
    exact
        Keep single precision where bfloat16 would be used (by OpenVINO).
    channels
        How the channels of an image are given to a network from `unsmear train`. together: all at
        once; their number must be the network's. groups: in order, as many at once as the network
        has (triplets for RGB); the last group repeats its last channel to be complete. alone: one
        by one, each copied to all channels of the network. Results of repeated channels are
        averaged. auto, the default: together if the numbers are equal, else alone.
    report
        Folder for a report on each image, or a file (.html or .png) for one image: both images, the
        estimated motion, and a map of the tiles that failed the consistency check and were
        replaced.
    uncertainty
        Write RESULT.error.tif beside each result of deep-wiener (cell.png.error.tif; for an HPA
        field ID.error.tif): the half-width of a 90 % prediction interval of every pixel, in counts.
        An image left unchanged gets none: its uncertainty is unknown.
    shake
        Also remove irregular motion (camera shake) whose path is uncertain. Its kernel is often
        wrong: check the result, or its report, before you use it.
    force
        Also restore images that were deconvolved before, which are recognised and otherwise left
        unchanged, and keep what the consistency check would put back. It makes most images worse.
    per
        What shares a movement. auto, the default: each plane is estimated by itself, and those that
        agree are pooled; parts of a field that moved differently are told apart. plane, channel,
        frame (a time point of a position) or file: decided by you, one movement for each.
    dtype
        float32: results are floats, neither rounded nor clipped at the white of the input; PNG and
        JPEG become TIFF. An image left unchanged keeps its file.
    no_data
        Where nothing was recorded: a value (0, nan), or a file with a mask, not 0 where there are
        no data. Such pixels are left as they are. By default padding of stitched or registered
        images is found.
    tile
        Side of the tiles, pixels, to save memory. Large images are tiled anyway. The result does
        not depend on it, except for a network that uses the whole image (maxim): there the side is
        rounded up to a multiple of 64, the tiles are blended, and the result changes a little.
    memory
        Memory that each process may take for images of over 33 megapixels. They are read, restored
        and written in blocks, whose size follows from it and which --workers share; a stopped run
        goes on with the block where it was.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    resume
        Resume a stopped run: skip images that already have a result, by the record that a batch
        keeps in OUTPUT/unsmear-run (see `unsmear status`). An image whose file has changed since is
        restored again. Where results were made with other options, the run is refused and names
        them; with --overwrite they are made again. Where a report or an uncertainty that is asked
        for is missing beside a result, the image is restored again.
    """
    where.check()
    given = {
        "regularisation": regularisation,
        "iterations": iterations,
        "runtime": runtime,
        "exact": exact or None,
        "channels": channels,
    }
    own = {name: value for name, value in given.items() if value is not None}
    restoring = RestoringOptions(
        method,
        own,
        kernel,
        shake=shake,
        force=force,
        per=per,
        dtype=dtype,
        no_data=no_data,
        camera=camera,
        tile=tile,
        memory=parse(memory),
    )
    restoring.check()
    folder, place = output_place(output)
    results = ResultOptions(folder, writing, report, uncertainty, resume, place)
    from unsmear.cli.jobs.restore.job import run

    return run(BatchOptions(inputs, axes, where), restoring, results)
