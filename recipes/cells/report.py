"""Report of the predictions: Markdown with figures for `benchmarks/`, and an HTML page."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from unsmear.atomic import write_aside

sys.path.insert(0, str(Path(__file__).parents[1]))

import bars

from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.output import csv_files
from unsmear.report.recovery.page import write_page
from unsmear.tables import markdown

COMMAND = "python recipes/cells/run.py --data ../shared/data/hpa_single_cells"
OURS = "deep-wiener, estimated kernel"
ASKED = bars.Bars(OURS, "motion 10 px", share=0.95)
TABLES = (
    "Scores in %",
    "F1 and recovery",
    "micro F1 by blur",
    "Recovery of micro F1 by blur",
    "macro F1 by blur",
    "Recovery of macro F1 by blur",
    "Decisions equal",
    "Agreement with",
    "F1 by label",
    "Images that gained",
    OURS,
    "Calibration",
)
FIGURES = ("labels", "changes", "calibration", "correlations")
TITLE = "Real cells: the labels that a classifier finds after restoring"


def write(answers: Predictions, folder: Path, page: Path, facts: Mapping[str, str]) -> None:
    """Write the page in Markdown with its figures, and all tables and the HTML page to `folder`."""
    results = conclude(answers)
    csv_files.write_all(folder, results)
    write_page(folder / "recovery.html", results, title=TITLE, command=COMMAND, facts=facts)
    drawn = bars.figures(results, page.parent / "pictures", "recovery-cells", FIGURES)
    text = "\n\n".join(
        [
            f"# {TITLE}",
            f"    {COMMAND}",
            _words(facts),
            "## What was asked, what holds",
            f"Of {OURS}, which is blind, at 10 px:",
            markdown(ASKED.table(results)).strip(),
            "## Warnings and notes",
            bars.warned(results),
            "## Tables",
            bars.chosen(results, TABLES).strip(),
            "## Figures",
            drawn,
        ]
    )
    write_aside(page, (text + "\n").encode())


def _words(facts: Mapping[str, str]) -> str:
    known = "; ".join(f"{name}: {value}" for name, value in facts.items() if name != "side")
    return (
        "Masked single cells of the Human Protein Atlas, nine of one label in each mosaic (of the "
        "data of DULoc, Xue et al., Bioinformatics 2021), made smaller to "
        f"{facts['side']} (their JPEG blocks are 8 pixels wide), smeared by straight motion "
        "of 6, 10 and 16 pixels at an angle of its own for every cell and length, 8 bits. Every "
        "cell is classified by the network of the fold that has not seen its mosaic, at thresholds "
        "chosen on the sharp cells of the other folds; intervals are 95 % over mosaics. The "
        "weights of these folds are not shipped: the images are lent to measure with. "
        f"{known}. Images are counted once a length: three for each cell."
    )
