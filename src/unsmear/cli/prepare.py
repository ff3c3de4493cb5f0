"""Command `unsmear prepare`: pairs of sharp and synthetically blurred images."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from unsmear.cli.options import prepare as options
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import BatchOptions, DryRun, Inputs, OutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.prepare import BlurOptions, FrameOptions, SelectionOptions
from unsmear.cluster.where import HERE


def prepare(
    inputs: Inputs,
    /,
    *,
    output: OutputPath,
    protocol: Literal["paper"] | None = None,
    frame: FrameOptions = FrameOptions(),
    blur: BlurOptions = BlurOptions(),
    selected: SelectionOptions = SelectionOptions(),
    seed: int = 0,
    dry_run: DryRun = False,
    where: WhereOptions = HERE,
) -> int:
    """Make pairs of sharp and blurred images from sharp images.

    Writes sharp/NAME, blur/NAME and manifest.csv. Repeat the command to resume after an
    interruption. The files do not depend on the number of workers.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; the files of an HPA field (ID_red.png ...) are one
        image.
    output
        Output folder of the pairs: a new folder, or one of the same command.
    protocol
        "paper": the paper's recipe with degree 6 and angle -45 without normalisation, after
        resizing to 256 pixels; channels RGB, 8 bits.
    seed
        Random seed of the blurs, the noise and the split.
    """
    where.check()
    given = asdict(frame) | asdict(blur)
    if protocol == "paper":
        given |= options.as_in_paper(given)
    options.check(given)
    options.blurs(given)
    check_folder(output)
    from unsmear.cli.jobs import prepare as job
    from unsmear.data.prepare import Selection

    batch = BatchOptions(inputs, given["axes"], where)
    selection = Selection(selected.split, selected.test, selected.limit)
    return job.run(batch, output, given, selection, seed, labels=selected.labels, dry_run=dry_run)
