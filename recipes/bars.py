"""Requirements of a recovery with their results, and page figures in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unsmear.atomic import write_aside
from unsmear.evaluate import BLURRED
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.results import Results
from unsmear.recovery.analysis.summary import BLUR, F1S
from unsmear.recovery.output.csv_files import sections
from unsmear.report.recovery.figures import draw
from unsmear.report.recovery.text import warnings
from unsmear.tables import Table, markdown

CELLS = "mean "
"""Prefix of the measures of per-cell intensity: "mean green"."""


@dataclass(frozen=True)
class Bars:
    """Requirements for one restorer and one blur.

    blur: its name, "motion 10 px". share: of the gap in F1. agreement: of the decisions with those
    of the sharp image. correlation: of each channel's brightness in single cells.
    """

    restorer: str
    blur: str
    share: float
    agreement: float = 0.95
    correlation: float = 0.99

    def table(self, results: Results) -> Table:
        """Return a table of requirements, measured values, and whether they hold."""
        return [
            ["asked", "measured, with its 95 % interval", "holds"],
            *self._recoveries(results),
            *self._others(results),
        ]

    def _recoveries(self, results: Results) -> Iterator[list[str]]:
        for line in results.lines:
            if (line.kind, line.subset, line.restorer) != (BLUR, self.blur, self.restorer):
                continue
            for name in F1S:
                recovery = line.recovery[name]
                requirement = f"{name.replace('_f1', ' F1')}: {self.share:.0%} of the gap"
                if recovery.share is None:
                    yield [requirement, recovery.reason, "-"]
                else:
                    yield [
                        requirement,
                        percent(recovery.share),
                        held(recovery.share.value, self.share),
                    ]

    def _others(self, results: Results) -> Iterator[list[str]]:
        for agreement in results.agreements_by_blur:
            if (agreement.subset, agreement.restorer) == (self.blur, self.restorer):
                text = (
                    f"{percent(agreement.decisions)}; the blurred images {self._blurred(results)}"
                )
                holds = held(agreement.decisions.value, self.agreement)
                yield [f"decisions as on sharp: {self.agreement:.0%}", text, holds]
        for measure in results.measures_by_blur:
            own = (measure.subset, measure.restorer) == (self.blur, self.restorer)
            if own and measure.measure.startswith(CELLS):
                value = measure.correlation
                channel = measure.measure.removeprefix(CELLS)
                yield [
                    f"brightness of single cells, {channel}: correlation {self.correlation:g}",
                    f"{value.value:.4f}" if value else "constant: nothing correlates",
                    held(value.value if value else 0.0, self.correlation),
                ]

    def _blurred(self, results: Results) -> str:
        """Return the agreement of the blurred images, the baseline."""
        return next(
            percent(agreement.decisions)
            for agreement in results.agreements_by_blur
            if (agreement.subset, agreement.restorer) == (self.blur, BLURRED)
        )


def held(value: float, requirement: float) -> str:
    """Return "yes" or "no": whether a value reaches the requirement."""
    return "yes" if value >= requirement else "no"


def percent(interval: Interval) -> str:
    """Return a share with its interval, in percent."""
    if interval.low is None or interval.high is None:
        return f"{100 * interval.value:.1f} %"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def chosen(results: Results, titles: Sequence[str]) -> str:
    """Return the tables whose titles begin with these texts, in Markdown with titles."""
    parts = [
        f"### {title}\n\n{markdown(table)}"
        for title, table in sections(results)
        if title.startswith(tuple(titles))
    ]
    return "\n".join(parts)


def figures(results: Results, folder: Path, stem: str, names: Iterable[str]) -> str:
    """Write some figures of the results beside a page, and return them in Markdown."""
    wanted = set(names)
    parts = []
    for figure in draw(results):
        if figure.name in wanted:
            file = folder / f"{stem}-{figure.name}.png"
            write_aside(file, figure.png)
            parts.append(f"![{figure.alt}]({folder.name}/{file.name})\n\n{figure.caption}")
    return "\n\n".join(parts)


def warned(results: Results) -> str:
    """Return the warnings that chance does not explain, and the notes, as a list."""
    return "\n".join(f"- {caution.text}" for caution in warnings(results))
