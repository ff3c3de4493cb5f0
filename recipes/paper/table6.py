"""Table VI as Markdown: the paper's numbers beside ours, and what the paper does not print."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import bars

from labelled import Recovered
from scores import LABELS
from unsmear.evaluate import BLURRED, SHARP
from unsmear.recovery.analysis.results import Results
from unsmear.recovery.output.tables import percent
from unsmear.tables import Table, markdown

NONE = ("-", "-", "-", "-")
PAPER = {
    SHARP: ("72.74", "49.25", "58.75", "100"),
    BLURRED: ("22.36", "14.40", "17.55", "0"),
    LABELS["wiener-local"]: ("25.55", "24.97", "25.21", "18.6"),
    LABELS["dcae"]: ("8.71", "8.22", "8.44", "-22.1"),
    LABELS["gan"]: ("22.47", "11.68", "15.33", "-5.4"),
    LABELS["gan-printed"]: ("22.47", "11.68", "15.33", "-5.4"),
    LABELS["maxim"]: ("64.45", "51.55", "57.30", "96.5"),
}
"""Precision, recall, F1 and the share of its gap, in %, of the paper's Table VI."""
OURS = LABELS["deep-wiener, estimated kernel"]
ASKED = bars.Bars(OURS, "motion 10 px", share=0.97)
TABLES = ("F1 and recovery", "Agreement with", "F1 by label", "Images that gained", "Calibration")
BY_LENGTH = (
    "Scores in %",
    "F1 and recovery",
    "micro F1 by blur",
    "Recovery of micro F1 by blur",
    "Recovery of macro F1 by blur",
    "Decisions equal",
    "F1 by label",
    "Images that gained",
    OURS,
    "Calibration",
)
FIGURES = ("labels", "changes", "swaps-best", "swaps-worst", "calibration")


def write(recovered: Recovered, facts: Mapping[str, str], command: str, pictures: Path) -> str:
    """Return the page; its figures are written to the folder `pictures`."""
    parts = [
        "# The paper's Table VI, again",
        f"    {command}",
        _words(facts),
        "## Table VI",
        markdown(table(recovered.paper)).strip(),
        _about(),
        "### Warnings and notes",
        bars.warned(recovered.paper),
        bars.chosen(recovered.paper, TABLES).strip(),
        bars.figures(recovered.paper, pictures, "paper-table-6", FIGURES),
        "## Straight motions",
        "The same test images smeared by linear motion of 6, 10 and 16 pixels at any angle, by a "
        "kernel that keeps the light. Asked of ours, which is blind, at 10 px:",
        markdown(ASKED.table(recovered.motion)).strip(),
        "### Warnings and notes of the motions",
        bars.warned(recovered.motion),
        bars.chosen(recovered.motion, BY_LENGTH).strip(),
        bars.figures(
            recovered.motion, pictures, "paper-motion", ("labels", "lengths", "correlations")
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(results: Results) -> Table:
    """Return Table VI: the paper's columns beside ours of micro F1, and the other averages."""
    head = ["", "precision, paper", "recall, paper", "F1, paper", "recovered, paper"]
    head += ["precision", "recall", "F1", "recovered", "macro F1", "harmonic F1", "mAP"]
    rows = [[*head, "decisions as on sharp"]]
    agreements = {agreement.restorer: agreement.decisions for agreement in results.agreements}
    for line in results.overall:
        own = [line.averages[f"micro_{name}"].value for name in ("precision", "recall", "f1")]
        others = [line.averages[name].value for name in ("macro_f1", "harmonic_f1")]
        rows.append(
            [
                line.restorer,
                *PAPER.get(line.restorer, NONE),
                *map(percent, own),
                _recovered(line.restorer, line.recovery),
                *map(percent, others),
                percent(line.scores.mean_average_precision),
                percent(agreements[line.restorer].value),
            ]
        )
    return rows


def _recovered(restorer: str, recovery: Mapping[str, object]) -> str:
    if restorer in (SHARP, BLURRED):
        return {SHARP: "100", BLURRED: "0"}[restorer]
    share = recovery["micro_f1"]
    return bars.percent(share.share).replace(" %", "") if share.share else "no gap"


def _words(facts: Mapping[str, str]) -> str:
    known = "; ".join(f"{name}: {value}" for name, value in facts.items())
    return (
        "Does a classifier of the 19 labels find the same protein locations as on the sharp "
        "image? The paper's protocol: 256x256 pixels, RGB, its blur of degree 6, which also "
        "darkens; the classifier learns from sharp images alone, with the labels as unevenly "
        "frequent as they are, and has a threshold for each label that is chosen on its validation "
        f"images. {known}. Numbers are percent, intervals 95 % over the test images."
    )


def _about() -> str:
    return (
        "The paper's averaging is not known; ours in its columns is micro. Its images are those of "
        "the Human Protein Atlas and its classifier is Xception: the columns are to be compared by "
        "what is recovered, not by their height. **Recovered** is (F1 - blurred) / (sharp - "
        "blurred); the rows sharp and blurred are what everything is measured by, and the paper "
        "leaves two of its three networks below the blurred images. The paper's recipe also "
        "darkens; networks trained on such pairs brighten again, and ours keep the light of the "
        "image that they are given: its last row is ours with the recipe's gain undone, which "
        "nobody would know of an image from elsewhere."
    )
