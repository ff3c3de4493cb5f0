"""The page of a recovery: did the biology survive? For whoever took the images."""

from __future__ import annotations

import html
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import unsmear
from unsmear.evaluate import SHARP
from unsmear.metrics.bootstrap import RESAMPLES
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.analysis.results import Results, conclude
from unsmear.recovery.analysis.summary import BLUR, LENGTH
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.output import tables
from unsmear.report import html_page
from unsmear.report.html_page import Section
from unsmear.report.recovery.examples import STYLE as EXAMPLES_STYLE
from unsmear.report.recovery.examples import Example, write_rows
from unsmear.report.recovery.figures import Drawn, draw
from unsmear.report.recovery.text import (
    F1,
    INVENTED,
    WHOLE,
    WORDS,
    Verdict,
    Warned,
    doubts,
    verdicts,
    warnings,
)
from unsmear.tables import Table

PACKAGES = ("numpy", "torch", "scikit-image", "opencv-python-headless")
STYLE = f"""{EXAMPLES_STYLE}
.verdicts,.warnings{{list-style:none;padding:0}}
.verdicts li,.warnings li{{padding:.4em .8em;margin:.5em 0;border-left:5px solid var(--line);
background:var(--back);border-radius:0 6px 6px 0;max-width:90ch}}
.verdicts .good{{border-color:var(--good)}}.verdicts .bad{{border-color:var(--bad)}}
.verdicts .partly{{border-color:var(--link)}}.warnings li{{border-color:var(--bad)}}
.verdicts b{{display:block}}.warnings details{{margin:.2em 0 0}}.warnings p{{margin:.3em 0}}
"""
"""What a page needs that holds these sections."""


def write_page(
    path: Path,
    answers: Predictions | Results,
    *,
    title: str,
    command: str,
    examples: Sequence[Example] = (),
    facts: Mapping[str, str] | None = None,
    seed: int = 0,
) -> None:
    """Write the page, one file that needs no other.

    answers: those of a run, or what is concluded of them already. command: what made them.
    examples: rows of pictures. facts: what else there is to know of the run, by name: the
    classifier, the pairs. seed: of the draws.

    Raises DataError where the answers hold nothing, MissingExtra without matplotlib, ImageError
    where the file cannot be written.
    """
    results = answers if isinstance(answers, Results) else conclude(answers, seed)
    lead, sections = write_sections(results, command=command, examples=examples, facts=facts)
    html_page.write(path, title, sections, lead, STYLE)


def write_sections(
    results: Results,
    *,
    command: str,
    examples: Sequence[Example] = (),
    facts: Mapping[str, str] | None = None,
) -> tuple[str, list[Section]]:
    """Return what stands above all and the sections, for a page that may hold others too.

    Such a page needs STYLE. Sections of what was not asked are empty.
    """
    drawn = {one.name: one for one in draw(results)}
    return lead(results), [
        Section("Warnings", _warnings(results)),
        Section("The table", _main(results)),
        Section("Label by label", _labels(results, drawn)),
        Section("What was gained and lost", _changes(results, drawn)),
        Section("By blur", _blurs(results, drawn)),
        Section("Are the probabilities right?", _calibration(results, drawn)),
        Section("Beyond labels", _measures(results, drawn)),
        Section("Examples", write_rows(examples)),
        Section("Restorer against restorer", _comparisons(results)),
        Section("How this was made", _made(results, command, facts or {})),
    ]


def lead(results: Results) -> str:
    """Return the question and its answer for each restorer, the best first, as HTML."""
    if results.aligned is None:
        return html_page.paragraphs(["No classifier was used; the image measures are below."])
    items = "\n".join(map(_verdict, verdicts(results.overall, results.aligned.predicted)))
    return (
        html_page.paragraphs(
            [
                "Did the biology survive? A classifier names the locations of the protein in the "
                "sharp, the blurred and the restored images; whoever loses or invents locations "
                "has changed the biology, however sharp the picture looks."
            ]
        )
        + f'\n<ul class="verdicts">\n{items}\n</ul>'
    )


def _verdict(one: Verdict) -> str:
    name, short, sentence = map(html.escape, (one.restorer, one.short, one.sentence))
    sign = WORDS[one.grade]
    return (
        f'<li class="{one.grade}"><b><span aria-hidden="true">{sign}</span> {name}: {short}</b> '
        f"{sentence}</li>"
    )


def _warnings(results: Results) -> str:
    unsure = doubts(results)
    return _warned(warnings(results)) + html_page.folded(
        f"{len(unsure)} within chance", _warned(unsure)
    )


def _where(one: Warned) -> str:
    return html_page.folded("Where", html_page.paragraphs([one.where])) if one.where else ""


def _warned(said: Sequence[Warned]) -> str:
    items = "\n".join(f"<li>{html.escape(one.said)}{_where(one)}</li>" for one in said)
    return f'<ul class="warnings">\n{items}\n</ul>' if said else ""


def _main(results: Results) -> str:
    if results.aligned is None:
        return ""
    recovery = tables.recovery_table(results.overall)
    return html_page.table(
        main_rows(results),
        "Scores of the labels in percent, all images together; sharp and blurred are what the "
        "others are measured by. Recovery: the part of the way from blurred (0) to sharp (100) "
        "with its 95 % interval. Agreement: decisions as on the sharp image, and F1 against its "
        "labels.",
        apart=2,
    ) + html_page.table(
        recovery,
        "F1 and its recovery in percent, with 95 % intervals, in three averages: of all decisions "
        "(micro), of the labels' own (macro), and of macro precision and macro recall (harmonic).",
        apart=2,
    )


def main_rows(results: Results) -> Table:
    """Return the main table: the paper's Table VI, recovery, and agreement with sharp."""
    scores = tables.main_table(results.overall)
    recovery = tables.recovery_table(results.overall)
    agreement = [
        ["decisions as on sharp", "F1 against sharp"],
        *(
            [tables.percent(one.decisions.value), tables.percent(one.f1.value)]
            for one in results.agreements
        ),
    ]
    share = recovery[0].index("micro recovery")
    return [
        [row[0], *row[2:], shares[share], *equal]  # the images are the same for all
        for row, shares, equal in zip(scores, recovery, agreement, strict=True)
    ]


def _labels(results: Results, drawn: Mapping[str, Drawn]) -> str:
    if results.aligned is None:
        return ""
    rows = tables.labels_table(results.overall, results.aligned.labels)
    return _picture(drawn, "labels") + html_page.table(rows, "F1 of each label in percent.")


def _changes(results: Results, drawn: Mapping[str, Drawn]) -> str:
    if results.aligned is None:
        return ""
    pictures = [_picture(drawn, name) for name in ("changes", "swaps-best", "swaps-worst")]
    agreement = html_page.table(
        tables.agreement_table(results.agreements),
        "Agreement with the labels of the sharp image in percent, and how many labels were gained "
        "and lost against them, rightly and wrongly by what is truly there.",
        apart=2,
    )
    counts = html_page.table(
        tables.changes_table(results.agreements, results.aligned.labels),
        "Images that gained (+) and lost (-) each label against the sharp image.",
    )
    return "\n".join([agreement, *pictures, counts])


def _blurs(results: Results, drawn: Mapping[str, Drawn]) -> str:
    parts = [_picture(drawn, "lengths")]
    told: list[str] = []
    for kind in (BLUR, LENGTH):
        rows = tables.subset_table(results.lines, kind, F1)
        counts = rows[1][1:]
        # One blur is the main table; lengths that are the blurs' own say nothing new.
        if len(counts) < 2 or counts == told:
            continue
        told = counts
        shares = tables.subset_table(results.lines, kind, F1, recovery=True)
        parts += [
            html_page.table(rows, f"Micro F1 in percent by {kind}, with 95 % intervals.", apart=3),
            html_page.table(
                [shares[0], *shares[4:]],
                f"Recovery of micro F1 in percent by {kind}, with 95 % intervals.",
            ),
        ]
    return "\n".join(part for part in parts if part)


def _calibration(results: Results, drawn: Mapping[str, Drawn]) -> str:
    if not results.calibrations:
        return ""
    return _picture(drawn, "calibration") + html_page.table(
        tables.calibration_table(results.calibrations),
        "Expected calibration error in percent, over all decisions and as the mean of the labels' "
        "own, and Brier score (mean squared error of the probabilities); smaller is better.",
        apart=2,
    )


def _measures(results: Results, drawn: Mapping[str, Drawn]) -> str:
    if not results.measures:
        return ""
    return f"{_picture(drawn, 'correlations')}\n{write_measures(results.measures)}"


def _comparisons(results: Results) -> str:
    with_best = [one for one in results.comparisons if results.best in (one.one, one.other)]
    caption = (
        "Differences of micro F1 in percentage points on the same images, with paired tests that "
        "exchange whole groups of images; McNemar's takes every decision for independent and is "
        "too sure of itself."
    )
    whole = html_page.table(tables.comparison_table(results.comparisons), caption, texts=2)
    first = html_page.table(
        tables.comparison_table(with_best), f"{results.best} and the others. {caption}", texts=2
    )
    return first + html_page.folded("All pairs", whole)


def _made(results: Results, command: str, facts: Mapping[str, str]) -> str:
    rows = [["", ""], *([name, said] for name, said in facts.items() if said)]
    if results.aligned is not None:
        aligned = results.aligned
        rows += [
            ["images", f"{len(aligned.cases)}, of {len(set(aligned.groups))} groups"],
            ["labels", f"{len(aligned.labels)}"],
            [
                "blurs",
                ", ".join(
                    dict.fromkeys(line.subset for line in results.lines if line.kind == BLUR)
                ),
            ],
        ]
    rows.append(["versions", ", ".join(_versions())])
    return (
        f"<pre>{html.escape(command)}</pre>\n"
        + html_page.table(rows, texts=2)
        + html_page.paragraphs([INTERVALS])
    )


INTERVALS = (
    "Intervals hold 95 %: the same statistics of "
    f"{RESAMPLES:,} draws of as many groups, with replacement; images of one group are drawn "
    "together, and every restorer meets the same draws. Recovery is (F1 - blurred) / (sharp - "
    "blurred), its interval holds the uncertainty of that gap, and there is none where sharp is "
    "not above blurred beyond chance. The verdicts: the biology survives where the whole interval "
    f"of the recovery is at least {WHOLE:.0%}; no help where F1 is not above blurred beyond "
    "chance; harm where it is below; locations that are not there where for 100 locations of the "
    f"sharp images {INVENTED} or more are added, and more than without restoring. Predictions of "
    "the classifier are no truth: it errs on sharp images too."
)


def _versions() -> list[str]:
    found = [f"unsmear {unsmear.__version__}", f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _picture(drawn: Mapping[str, Drawn], name: str) -> str:
    one = drawn.get(name)
    return "" if one is None else html_page.picture(one.png, one.alt, one.caption)


def write_measures(measures: Sequence[Agreeing]) -> str:
    """Return a table for each kind of number, and all of them folded away, as HTML."""
    pivots = [html_page.table(_pivot(measures, say), caption) for say, caption in PIVOTS]
    rows = [row for row in tables.measures_table(measures) if row[1] != SHARP]
    whole = html_page.table(
        rows,
        "Missing: numbers that the sharp image has and this one has not. Error recovered: 100 is "
        "as sharp, 0 as blurred, below 0 worse than blurred. Intervals hold 95 %.",
        texts=2,
    )
    parts = [*pivots, html_page.folded("All numbers", whole)]
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
