"""Command `unsmear synth`: synthetic fields of cells in the layout of the HPA competition."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import DryRun, MaybeOutputPath
from unsmear.cli.options.paths import check_folder
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
    dry_run: DryRun = False,
) -> None:
    """Generate synthetic fields of cells with the 19 patterns of the Human Protein Atlas.

    Writes ID_red.png, ID_green.png, ID_blue.png and ID_yellow.png, masks of cells and nuclei in
    masks/, and train.csv. The files depend on the seed, not on the number of workers. Fields that
    already exist are skipped.

    Parameters
    ----------
    output
        Output folder.
    count
        Number of fields.
    size
        Side of a field, pixels.
    seed
        Random seed of the fields.
    pixel_size
        Pixel size, micrometres; 0.08 is the full resolution of the HPA.
    bits
        Bit depth, 8 or 16.
    labels
        Labels to draw from, by number or name, separated by commas: "0,16,Golgi apparatus"
        [default: all 19].
    sheet
        Output file for a figure of all 19 patterns; without --output only this is written.
    """
    where.check()
    if output is None and sheet is None:
        raise OptionError("--output or --sheet must be given, got neither.")
    if output is not None:
        check_folder(output)
        if count < 1:
            raise OptionError(f"count must be 1 or more, got {count}.")
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
