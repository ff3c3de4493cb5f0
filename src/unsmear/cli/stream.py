"""Command `unsmear stream`: restoration of the frames of a moving stage, as they come."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from unsmear.choices import BEST_METHOD, Runtime
from unsmear.cli.options.parameters import DryRun, Flag, OutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.stream import (
    FlowOptions,
    MotionOptions,
    SourceOptions,
    StreamOptions,
)


def stream(
    source: Annotated[str, Parameter(name="SOURCE")],
    /,
    *,
    output: OutputPath,
    speed: float,
    exposure: float | None = None,
    pixel_size: float | None = None,
    angle: float = 0.0,
    flutter: str = "",
    method: str = BEST_METHOD,
    regularisation: float | None = None,
    iterations: int | None = None,
    runtime: Runtime | None = None,
    arriving: SourceOptions = SourceOptions(),
    flow: FlowOptions = FlowOptions(),
    resume: bool = False,
    overwrite: Flag = False,
    dry_run: DryRun = False,
) -> int:
    """Take the blur out of the frames of a moving stage, as they come.

    Speed, exposure and pixel size give the kernel; now and then it is compared with what a frame
    shows. Results keep the name, format and metadata of their frame and are written in order, each
    whole or not at all. What became of each frame is in OUTPUT.unsmear-run, by which `unsmear
    status` says how far it is, and --resume goes on; the figures are in stream.json there.

    Parameters
    ----------
    source
        Folder in which the frames appear, also while it is written; or shm:NAME, a ring in shared
        memory that another process fills (`unsmear.FrameRing`).
    output
        Output folder.
    speed
        Speed of the stage, micrometres per second.
    exposure
        Exposure time, seconds; by default that of the frames' metadata. Of a strobe, its flash.
    pixel_size
        Pixel size in the sample, micrometres; by default that of the frames' metadata.
    angle
        Direction in which things move across the frame, degrees anticlockwise from +x.
    flutter
        Code of a coded exposure: digits 1 (open) and 0 (closed), or raskar.
    method
        Restoration method that uses a kernel; see `unsmear restore --help`.
    regularisation
        Noise-to-signal ratio of the method wiener; by default estimated.
    iterations
        Number of iterations of richardson-lucy.
    runtime
        What computes the network: auto, onnx, torch or openvino.
    resume
        Resume a run that was stopped: frames whose results are on record are left out.
    overwrite
        Replace files in the output folder that this command did not write.
    """
    arriving.check()
    flow.check()
    given = {"regularisation": regularisation, "iterations": iterations, "runtime": runtime}
    asked = StreamOptions(
        source,
        check_folder(output),
        MotionOptions(speed, exposure, pixel_size, angle, flutter),
        method,
        {name: value for name, value in given.items() if value is not None},
        arriving,
        flow,
        resume,
        overwrite,
        dry_run,
    )
    from unsmear.cli.jobs.stream.job import run

    return run(asked)
