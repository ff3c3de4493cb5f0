"""Command `unsmear prepare`: pairs of sharp and synthetically blurred images."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from unsmear.cli.options import prepare as options
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import BatchOptions, DryRun, Inputs, OutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cli.options.prepare import BlurOptions, FrameOptions
from unsmear.cluster.where import HERE


def prepare(
    inputs: Inputs,
    /,
    *,
    output: OutputPath,
    protocol: Literal["paper"] | None = None,
    frame: FrameOptions = FrameOptions(),
    blur: BlurOptions = BlurOptions(),
    labels: bool = True,
    split: str = "70/15/15",
    test: int = 0,
    limit: int | None = None,
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
    labels
        Take the labels of a train.csv, or the column labels of a MANIFEST.csv, beside the images;
        they are by number or name those of the Human Protein Atlas. --no-labels takes none.
    split
        Percentages of train/val/test or of train/val; a group of images is never divided, and each
        label is spread over the splits in proportion.
    test
        Number of images in a separate test set, beside a split of train/val.
    limit
        Largest number of images to use, test set included.
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
    selection = Selection(split, test, limit)
    return job.run(batch, output, given, selection, seed, labels=labels, dry_run=dry_run)
