"""Command `unsmear synth`: synthetic fields of cells, and simulated scans of slides."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import DryRun, MaybeOutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.scan import Frames, ScanOptions
from unsmear.cli.options.synth import FieldOptions
from unsmear.cluster.where import HERE
from unsmear.errors import OptionError


def synth(
    *,
    output: MaybeOutputPath = None,
    count: int = 100,
    seed: int = 0,
    field: FieldOptions = FieldOptions(),
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
    seed
        Random seed of the fields.
    sheet
        Output file for a figure of all 19 patterns; without --output only this is written.
    """
    where.check()
    scan.check()
    if scan.scan and (field.labels or sheet is not None):
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

        frames = Frames(output, count, field.size, field.pixel_size, field.bits, seed)
        scan_job.run(scan, frames, where, dry_run)
        return
    from unsmear.cli.jobs import synth as job
    from unsmear.synthetic import Plan

    if dry_run:
        job.announce(output, count, sheet)
        return
    if output is not None:
        sides, labels = (field.size, field.size), job.label_numbers(field.labels)
        plan = Plan(output, seed, sides, field.pixel_size, field.bits, labels)
        job.write_fields(plan, count, where)
    if sheet is not None:
        job.write_sheet(sheet, seed)
