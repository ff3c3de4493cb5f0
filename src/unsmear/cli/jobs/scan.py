"""Job of `unsmear synth --scan`."""

from __future__ import annotations

from functools import partial

from unsmear.blur import Camera
from unsmear.blur.coded import RASKAR
from unsmear.cli.console import say
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.options.scan import CODE_OF_PAPER, Frames, ScanOptions
from unsmear.cluster import Where
from unsmear.synthetic import scan as scans

OFFSET = 0.02
"""Offset of a camera as a fraction of its largest count, where none is given."""


def run(options: ScanOptions, frames: Frames, where: Where, dry_run: bool) -> None:
    """Write the frames that are not there yet, and the tables of all."""
    scan = plan(options, frames)
    count = scan.grid.frames
    if dry_run:
        folders = [f"{count} frames in {scan.folder / name}" for name in ("blur", "sharp")]
        announce_all("files", [], [*folders, str(scan.folder / "movement.csv")])
        return
    scans.check_folder(scan)
    work = partial(scans.write_frame, scan)
    written = sum(map_with_progress(work, range(count), where, "Frames"))
    table = scans.write_tables(scan)
    skipped = f", {count - written} already there" if written < count else ""
    plural = "frame" if written == 1 else "frames"
    say(
        f"{written} {plural} of {frames.size}x{frames.size} pixels made{skipped}, one every "
        f"{scan.interval:.3g} s; how the stage moved is in {table}.",
        made=written,
        already_there=count - written,
        interval=scan.interval,
        movement=table,
    )


def plan(options: ScanOptions, frames: Frames) -> scans.Scan:
    """Return what is scanned and how; raises OptionError for what no scanner can do."""
    specimen: scans.Specimen = scans.Drawn(frames.seed, options.stain, frames.pixel_size)
    if options.slide is not None:
        specimen = scans.given(options.slide)
    code = RASKAR if options.flutter == CODE_OF_PAPER else options.flutter
    white = 2**frames.bits - 1
    offset = float(round(OFFSET * white)) if options.offset is None else options.offset
    return scans.Scan(
        frames.output,
        specimen,
        scans.Stage(
            options.speed,
            options.speed_error,
            options.drift,
            options.jitter,
            options.vibration,
            options.frequency,
        ),
        scans.Exposure(options.exposure, options.strobe, code, options.line_time),
        scans.Grid(frames.count, frames.size, options.overlap, options.strips, frames.pixel_size),
        Camera(options.photons, options.read_noise, offset, frames.bits),
        frames.seed,
        scans.Tdi(options.tdi, options.mismatch) if options.tdi else None,
    )
