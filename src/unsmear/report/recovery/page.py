"""Page of a recovery analysis: labels and measurements preserved by each method."""

from __future__ import annotations

import html
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import unsmear
from unsmear.metrics.bootstrap import RESAMPLES
from unsmear.recovery.analysis.results import Results, conclude
from unsmear.recovery.analysis.summary import BLUR, LENGTH
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.output import tables
from unsmear.report import html_page
from unsmear.report.html_page import Section
from unsmear.report.recovery.examples import STYLE as EXAMPLES_STYLE
from unsmear.report.recovery.examples import Example, write_rows
from unsmear.report.recovery.figures import CaptionedFigure, draw
from unsmear.report.recovery.measured import write_detections, write_measures
from unsmear.report.recovery.text import (
    ADDED,
    F1,
    SURVIVES,
    WORDS,
    Caution,
    Verdict,
    verdicts,
    warnings,
    within_chance,
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
"""CSS of a page that holds these sections."""


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
    """Write the page as one self-contained file.

    answers: predictions of a run, or the results computed from them. command: the command line of
    the run. examples: rows of pictures. facts: other facts about the run, by name, such as the
    classifier and the pairs. seed: random seed of the bootstrap.

    Raises DataError for answers without content, MissingExtra without matplotlib, ImageError
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
    """Return the lead and the sections, for a page that can hold other sections too.

    Such a page needs STYLE. Sections without data are empty.
    """
    figures = {figure.name: figure for figure in draw(results)}
    return lead(results), [
        Section("Warnings", _warnings(results)),
        Section("The table", _main(results)),
        Section("Label by label", _labels(results, figures)),
        Section("Labels lost and gained", _changes(results, figures)),
        Section("By blur", _blurs(results, figures)),
        Section("Calibration of the probabilities", _calibration(results, figures)),
        Section("Beyond labels", _measures(results, figures)),
        Section("Examples", write_rows(examples)),
        Section("Comparison of methods", _comparisons(results)),
        Section("Methods and versions", _provenance(results, command, facts or {})),
    ]


def lead(results: Results) -> str:
    """Return the question and the verdict on each method, the best first, as HTML."""
    if results.aligned is None:
        return html_page.paragraphs(["No classifier was used; the image measures are below."])
    items = "\n".join(map(_verdict, verdicts(results.overall, results.aligned.predicted)))
    return (
        html_page.paragraphs(
            [
                "Did the biology survive? A classifier predicts the locations of the protein in "
                "the sharp, blurred and restored images. A method that loses or adds locations "
                "changes the biology, even if its images look sharp."
            ]
        )
        + f'\n<ul class="verdicts">\n{items}\n</ul>'
    )


def _verdict(verdict: Verdict) -> str:
    name, short, sentence = map(html.escape, (verdict.restorer, verdict.short, verdict.sentence))
    sign = WORDS[verdict.grade]
    return (
        f'<li class="{verdict.grade}"><b><span aria-hidden="true">{sign}</span> {name}: '
        f"{short}</b> {sentence}</li>"
    )


def _warnings(results: Results) -> str:
    unsure = within_chance(results)
    return _warning_list(warnings(results)) + html_page.folded(
        f"{len(unsure)} within chance", _warning_list(unsure)
    )


def _where(caution: Caution) -> str:
    return html_page.folded("Where", html_page.paragraphs([caution.where])) if caution.where else ""


def _warning_list(cautions: Sequence[Caution]) -> str:
    items = "\n".join(
        f"<li>{html.escape(caution.text)}{_where(caution)}</li>" for caution in cautions
    )
    return f'<ul class="warnings">\n{items}\n</ul>' if cautions else ""


def _main(results: Results) -> str:
    if results.aligned is None:
        return ""
    recovery = tables.recovery_table(results.overall)
    return html_page.table(
        main_rows(results),
        "Scores of the labels in percent, over all images; sharp and blurred are the references. "
        "Recovery: position between blurred (0) and sharp (100), with its 95 % interval. "
        "Agreement: decisions equal to those on the sharp image, and F1 with its labels as truth.",
        apart=2,
    ) + html_page.table(
        recovery,
        "F1 and its recovery in percent, with 95 % intervals, in three averages: over all "
        "decisions (micro), over the F1 of the labels (macro), and of macro precision and macro "
        "recall (harmonic).",
        apart=2,
    )


def main_rows(results: Results) -> Table:
    """Return the main table: the paper's Table VI, recovery, and agreement with sharp."""
    scores = tables.main_table(results.overall)
    recovery = tables.recovery_table(results.overall)
    agreement = [
        ["decisions as on sharp", "F1 against sharp"],
        *(
            [tables.percent(entry.decisions.value), tables.percent(entry.f1.value)]
            for entry in results.agreements
        ),
    ]
    share = recovery[0].index("micro recovery")
    return [
        [row[0], *row[2:], shares[share], *equal]  # the images are the same for all
        for row, shares, equal in zip(scores, recovery, agreement, strict=True)
    ]


def _labels(results: Results, figures: Mapping[str, CaptionedFigure]) -> str:
    if results.aligned is None:
        return ""
    rows = tables.labels_table(results.overall, results.aligned.labels)
    return _picture(figures, "labels") + html_page.table(rows, "F1 of each label in percent.")


def _changes(results: Results, figures: Mapping[str, CaptionedFigure]) -> str:
    if results.aligned is None:
        return ""
    pictures = [_picture(figures, name) for name in ("changes", "swaps-best", "swaps-worst")]
    agreement = html_page.table(
        tables.agreement_table(results.agreements),
        "Agreement with the labels of the sharp image in percent, and the number of labels gained "
        "and lost against them; right and wrong are judged by the true labels.",
        apart=2,
    )
    counts = html_page.table(
        tables.changes_table(results.agreements, results.aligned.labels),
        "Number of images that gained (+) and lost (-) each label against the sharp image.",
    )
    return "\n".join([agreement, *pictures, counts])


def _blurs(results: Results, figures: Mapping[str, CaptionedFigure]) -> str:
    parts = [_picture(figures, "lengths")]
    previous: list[str] = []
    for kind in (BLUR, LENGTH):
        rows = tables.subset_table(results.lines, kind, F1)
        counts = rows[1][1:]
        # A single blur is the main table; one length per blur would repeat the table by blur.
        if len(counts) < 2 or counts == previous:
            continue
        previous = counts
        shares = tables.subset_table(results.lines, kind, F1, recovery=True)
        parts += [
            html_page.table(rows, f"Micro F1 in percent by {kind}, with 95 % intervals.", apart=3),
            html_page.table(
                [shares[0], *shares[4:]],
                f"Recovery of micro F1 in percent by {kind}, with 95 % intervals.",
            ),
        ]
    return "\n".join(part for part in parts if part)


def _calibration(results: Results, figures: Mapping[str, CaptionedFigure]) -> str:
    if not results.calibrations:
        return ""
    return _picture(figures, "calibration") + html_page.table(
        tables.calibration_table(results.calibrations),
        "Expected calibration error in percent, over all decisions and as the mean over labels, "
        "and Brier score (mean squared error of the probabilities); smaller is better.",
        apart=2,
    )


def _measures(results: Results, figures: Mapping[str, CaptionedFigure]) -> str:
    if not results.measures:
        return ""
    parts = [
        _picture(figures, "correlations"),
        write_detections(results.detections),
        write_measures(results.measures),
    ]
    return "\n".join(part for part in parts if part)


def _comparisons(results: Results) -> str:
    with_best = [pair for pair in results.comparisons if results.best in (pair.one, pair.other)]
    caption = (
        "Differences of micro F1 in percentage points on the same images, with cluster permutation "
        "tests, which exchange whole groups of images. McNemar's test assumes independent "
        "decisions, so its p-values are too small."
    )
    whole = html_page.table(tables.comparison_table(results.comparisons), caption, texts=2)
    first = html_page.table(
        tables.comparison_table(with_best), f"{results.best} and the others. {caption}", texts=2
    )
    return first + html_page.folded("All pairs", whole)


def _provenance(results: Results, command: str, facts: Mapping[str, str]) -> str:
    rows = [["", ""], *([name, fact] for name, fact in facts.items() if fact)]
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
    f"Intervals are 95 % intervals of a cluster bootstrap with {RESAMPLES:,} resamples: whole "
    "groups of images are drawn with replacement, the same for every method. Recovery is (F1 - "
    "blurred) / (sharp - blurred). Its interval includes the uncertainty of this gap, and it is "
    "not available where sharp is not significantly above blurred. Verdicts: the biology survives "
    f"if the whole interval of the recovery is at least {SURVIVES:.0%}; no significant improvement "
    "if F1 is not significantly above blurred; harm if it is significantly below; added locations "
    f"if for 100 locations of the sharp images {ADDED} or more are added, and more than in the "
    "blurred images. Predictions of the classifier are not the truth: it makes errors on sharp "
    "images too."
)


def _versions() -> list[str]:
    packages = [f"unsmear {unsmear.__version__}", f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return packages


def _picture(figures: Mapping[str, CaptionedFigure], name: str) -> str:
    figure = figures.get(name)
    return "" if figure is None else html_page.picture(figure.png, figure.alt, figure.caption)
