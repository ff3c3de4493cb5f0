"""Command `unsmear synth`: synthetic fields of cells, and simulated scans of slides."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import DryRun, MaybeOutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.scan import Frames, ScanOptions
from unsmear.cluster.where import HERE
from unsmear.errors import OptionError


def synth(
    *,
    output: MaybeOutputPath = None,
    count: int = 100,
    size: int = 512,
    seed: int = 0,
    pixel_size: float = 0.16,
    bits: int = 8,
    labels: str = "",
    where: WhereOptions = HERE,
    sheet: Path | None = None,
    scan: ScanOptions = ScanOptions(),
    dry_run: DryRun = False,
) -> None:
    """Generate synthetic fields of cells with the 19 patterns of the Human Protein Atlas.

    Writes ID_red.png, ID_green.png, ID_blue.png and ID_yellow.png, masks of cells and nuclei in
    masks/, and train.csv. With --scan, frames of a slide scanner. The files depend on the seed, not
    on the number of workers. Fields and frames that already exist are skipped.

    Parameters
    ----------
    output
        Output folder.
    count
        Number of fields; with --scan, of frames in each strip.
    size
        Side of a field or frame, pixels.
    seed
        Random seed.
    pixel_size
        Pixel size, micrometres; 0.08 is the full resolution of the HPA.
    bits
        Bit depth, 8 or 16; with --scan, 8 to 16.
    labels
        Labels to draw from, by number or name, separated by commas: "0,16,Golgi apparatus"
        [default: all 19].
    sheet
        Output file for a figure of all 19 patterns; without --output only this is written.
    """
    where.check()
    scan.check()
    if scan.scan and (labels or sheet is not None):
        raise OptionError("--labels and --sheet are not available with --scan.")
    if output is None and scan.scan:
        raise OptionError("--scan must come with --output.")
    if output is None and sheet is None:
        raise OptionError("--output or --sheet must be given, got neither.")
    if output is not None:
        check_folder(output)
        if count < 1:
            raise OptionError(f"count must be 1 or more, got {count}.")
    if scan.scan and output is not None:
        from unsmear.cli.jobs import scan as scan_job

        scan_job.run(scan, Frames(output, count, size, pixel_size, bits, seed), where, dry_run)
        return
    from unsmear.cli.jobs import synth as job
    from unsmear.synthetic import Plan

    if dry_run:
        job.announce(output, count, sheet)
        return
    if output is not None:
        plan = Plan(output, seed, (size, size), pixel_size, bits, job.label_numbers(labels))
        job.write_fields(plan, count, where)
    if sheet is not None:
        job.write_sheet(sheet, seed)
