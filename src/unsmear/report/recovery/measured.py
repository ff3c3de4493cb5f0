"""Tables of the measures: the nuclei detected, and every number beside that of the sharp image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unsmear.evaluate import SHARP
from unsmear.recovery.analysis.detection import SCORES, Detection
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.output import tables
from unsmear.report import html_page
from unsmear.tables import Table


def write_detections(detections: Sequence[Detection]) -> str:
    """Return a table for each score of the nuclei detected, as HTML; "" where there are none."""
    return "\n".join(
        html_page.table(
            tables.detection_table(detections, score),
            f"{score.capitalize()} of the nuclei detected in percent, of all images together, from "
            "the intersection over union with a nucleus that should be detected. Bias: how many "
            "more are detected than should be.",
            apart=2,
        )
        for score in (SCORES if detections else ())
    )


def write_measures(measures: Sequence[Agreeing]) -> str:
    """Return the means, a table for each statistic, and a folded one of all of them, as HTML."""
    means = html_page.table(
        tables.bias_table(measures) if measures else [],
        "Mean of each measure in its unit, and in brackets how far it is from that of the sharp "
        "images: the bias that a count or a measurement gets.",
        texts=2,
    )
    pivots = [means, *(html_page.table(_pivot(measures, cell), text) for cell, text in PIVOTS)]
    rows = [row for row in tables.measures_table(measures) if row[1] != SHARP]
    whole = html_page.table(
        rows,
        "Missing: values that exist for the sharp image only. Error recovered: 100 is as sharp, 0 "
        "as blurred, below 0 worse than blurred. Intervals are 95 % intervals.",
        texts=2,
    )
    parts = [*pivots, html_page.folded("All numbers", whole)]
    return "\n".join(part for part in parts if part)


def _correlation(row: Agreeing) -> str:
    return "constant" if row.correlation is None else f"{row.correlation.value:.3f}"


def _error(row: Agreeing) -> str:
    return "" if row.relative_error is None else tables.percent(row.relative_error)


PIVOTS = (
    (_correlation, "Pearson's correlation with the values of the sharp image; constant where one "
     "of the two does not vary."),
    (_error, "Median error in percent of the sharp image's value, before (blurred) and after "
     "restoration; infinite where only the sharp image's value is 0."),
)  # fmt: skip
"""Tables with a row per measure and a column per method: function of a cell, and caption."""


def _pivot(measures: Sequence[Agreeing], cell: Callable[[Agreeing], str]) -> Table:
    """Return a row per measure and a column per method, without rows that have no number.

    Sharp is left out, because it is the reference.
    """
    cells = {(row.measure, row.restorer): cell(row) for row in measures if row.restorer != SHARP}
    restorers = list(dict.fromkeys(restorer for _, restorer in cells))
    return [
        ["measure", *restorers],
        *(
            [measure, *(cells.get((measure, restorer), "") for restorer in restorers)]
            for measure in dict.fromkeys(
                measure for (measure, _), text in cells.items() if _has_number(text)
            )
        ),
    ]


def _has_number(cell: str) -> bool:
    return any(character.isdigit() for character in cell)
