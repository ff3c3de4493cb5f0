"""What is measured in restored images, beside the sharp and the blurred ones, as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unsmear.evaluate import SHARP
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.output import tables
from unsmear.report import page
from unsmear.tables import Table


def write_measures(measures: Sequence[Agreeing]) -> str:
    """Return a table for each kind of number, and all of them folded away, as HTML."""
    pivots = [page.table(_pivot(measures, say), caption) for say, caption in PIVOTS]
    rows = [row for row in tables.measures_table(measures) if row[1] != SHARP]
    whole = page.table(
        rows,
        "Missing: numbers that the sharp image has and this one has not. Error recovered: 100 is "
        "as sharp, 0 as blurred, below 0 worse than blurred. Intervals hold 95 %.",
        texts=2,
    )
    parts = [*pivots, page.folded("All numbers", whole)]
    return "\n".join(part for part in parts if part)


def _correlation(one: Agreeing) -> str:
    return "constant" if one.correlation is None else f"{one.correlation.value:.3f}"


def _error(one: Agreeing) -> str:
    return "" if one.relative_error is None else tables.percent(one.relative_error)


def _bias(one: Agreeing) -> str:
    return "" if one.bias is None else f"{one.bias.value:+.3g}"


PIVOTS = (
    (_correlation, "Pearson's correlation with the numbers of the sharp image; constant where "
     "one of both does not vary."),
    (_error, "Median error in percent of the sharp image's number, before (blurred) and after; "
     "infinite where that is 0 and this is not."),
    (_bias, "Mean difference to the sharp image, in the measure's own unit."),
)  # fmt: skip
"""Tables of a row a measure and a column a restorer: what stands in the cells, and the caption."""


def _pivot(measures: Sequence[Agreeing], say: Callable[[Agreeing], str]) -> Table:
    """Return a row a measure, a column a restorer, without rows that have no number.

    Sharp is left out, being what the others are measured by.
    """
    cells = {(one.measure, one.restorer): say(one) for one in measures if one.restorer != SHARP}
    restorers = list(dict.fromkeys(restorer for _, restorer in cells))
    return [
        ["measure", *restorers],
        *(
            [measure, *(cells.get((measure, restorer), "") for restorer in restorers)]
            for measure in dict.fromkeys(
                measure for (measure, _), cell in cells.items() if _tells(cell)
            )
        ),
    ]


def _tells(cell: str) -> bool:
    return any(letter.isdigit() for letter in cell)
