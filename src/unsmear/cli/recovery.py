"""Command `unsmear recovery`: labels and measurements preserved by restoration."""

from __future__ import annotations

from unsmear.choices import check_data_range
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.pairs import ComparedOptions, MeasuredOptions
from unsmear.cli.options.parameters import DryRun, OutputPath, Pairs
from unsmear.cli.options.paths import check_folder
from unsmear.cluster.where import HERE


def recovery(
    pairs: Pairs,
    /,
    *,
    output: OutputPath,
    compared: ComparedOptions = ComparedOptions(),
    measured: MeasuredOptions = MeasuredOptions(),
    seed: int = 0,
    dry_run: DryRun = False,
    where: WhereOptions = HERE,
) -> int:
    """Measure whether restored images keep the labels, cells and intensities.

    Compares the predictions of a classifier and measurements on sharp, blurred and restored images.
    Writes answers.jsonl (the predictions for each image), recovery.md, recovery.html and tables as
    CSV files, and prints the main tables. Repeat the command to resume after an interruption.

    Parameters
    ----------
    pairs
        A folder with sharp/, blur/ and, if `unsmear prepare` wrote it, manifest.csv. Masks of true
        nuclei lie in nuclei/, by the same names.
    output
        Output folder: a new folder, or one of the same command.
    seed
        Random seed of the bootstrap.
    """
    where.check()
    check_data_range(compared.data_range)
    check_folder(output)
    from unsmear.cli.jobs.recovery import Comparison, run

    job = Comparison(
        pairs,
        compared.split,
        measured.classifier,
        tuple(compared.method or ()),
        compared.kernel,
        tuple(measured.measure or ()),
        compared.data_range,
        leave_out=measured.other_labels == "leave-out",
        nuclei=measured.nuclei,
    )
    return run(job, output, seed, where, dry_run)
