"""Command `unsmear recovery`: labels and measurements preserved by restoration."""

from __future__ import annotations

from typing import Literal

from unsmear.choices import KernelSource, check_data_range
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import DryRun, OutputPath, Pairs, Repeated
from unsmear.cli.options.paths import check_folder
from unsmear.cluster.where import HERE


def recovery(
    pairs: Pairs,
    /,
    *,
    output: OutputPath,
    classifier: str | None = None,
    method: Repeated | None = None,
    kernel: KernelSource = "both",
    measure: Repeated | None = None,
    nuclei: str = "",
    split: str = "",
    data_range: float | None = None,
    other_labels: Literal["refuse", "leave-out"] = "refuse",
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
    classifier
        Weights of a classifier from `unsmear train`, which predicts the labels of every image:
        their path (runs/labels/best) or the folder of the run. Or light-cells, which comes with the
        package and is trained on synthetic cells.
    method
        Restoration method, as in `unsmear restore`: a name, or the path of a trained network's
        weights (runs/cells/best); repeat the option for several. Without it, all methods by name.
    kernel
        Kernel for non-blind methods: the true one of the manifest, the one estimated from the
        blurred image, or both in turn.
    measure
        Measurement: nuclei, detection, intensity, colocalisation, texture, all, or a Python file
        with a function `measure`; repeat the option for several. Without a classifier, the default
        is all.
    nuclei
        Channel that shows the nuclei, by its name or its number from 0. By default the one whose
        name says it: blue, DAPI, Hoechst, DRAQ5, DNA, nuclei.
    split
        Use only the pairs of this split of the manifest: train, val or test.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Without it, integer images
        use the range of their dtype; float images need it.
    other_labels
        True labels that the classifier does not know: refuse the pairs, or leave the labels out.
    seed
        Random seed of the bootstrap.
    """
    where.check()
    check_data_range(data_range)
    check_folder(output)
    from unsmear.cli.jobs.recovery import Comparison, run

    job = Comparison(
        pairs,
        split,
        classifier,
        tuple(method or ()),
        kernel,
        tuple(measure or ()),
        data_range,
        leave_out=other_labels == "leave-out",
        nuclei=nuclei,
    )
    return run(job, output, seed, where, dry_run)
