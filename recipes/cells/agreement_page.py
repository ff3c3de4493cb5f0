"""The page of three classifiers: kappa, F1 by each, and the order of the restorers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unsmear.evaluate import SHARP
from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.analysis.classifiers import Kappa, Ranking, agree, rank
from unsmear.recovery.analysis.summary import ALL, NO_GAP, Line, summarise
from unsmear.recovery.output.tables import percent, span
from unsmear.tables import Table, markdown

COMMAND = "python recipes/cells/agreement.py --data ../shared/data/hpa_single_cells"
NONE = "-"
AVERAGES = ("macro_f1", "micro_f1")

Lines = Mapping[str, Sequence[Line]]
"""The scores over all images, a line a restorer, by classifier."""


def write(by_classifier: Mapping[str, Aligned], options: str = "") -> str:
    """Return the page. by_classifier: what each predicted, of the same images.

    options: those of the command that were given beside the data.
    """
    kappas, rankings = agree(by_classifier), rank(by_classifier)
    lines = {
        name: [line for line in summarise(aligned) if line.kind == ALL]
        for name, aligned in by_classifier.items()
    }
    parts = [
        "# Real cells: does the table depend on the classifier?",
        f"    {COMMAND}{options and ' ' + options}",
        _words(by_classifier),
        "## Does the order of the restorers change?",
        conclusion(rankings),
        markdown(ranking_table(rankings)).strip(),
    ]
    for average in AVERAGES:
        name = average.replace("_f1", " F1")
        parts += [f"### {name} in % and place", markdown(score_table(lines, average)).strip()]
        parts += [f"### {name} recovered in %", markdown(recovery_table(lines, average)).strip()]
    parts += [
        "## Do the classifiers agree?",
        "Kappa is 1 where they always decide alike, and 0 where they do no more than by chance; "
        "most decisions are negative, so that equal decisions alone say little.",
        "### All decisions",
        markdown(pair_table(kappas)).strip(),
        "### Fleiss' kappa of all classifiers by label",
        markdown(label_table(kappas)).strip(),
    ]
    return "\n\n".join(parts) + "\n"


def conclusion(rankings: Sequence[Ranking]) -> str:
    """Return whether two classifiers put any two restorers into opposite orders, beyond chance."""
    changed = [ranking for ranking in rankings if ranking.reversed_pairs]
    if not changed:
        return (
            "**No two classifiers put any two restorers into opposite orders beyond chance.** "
            "Orders of restorers that are as good as equal change by chance; Kendall's tau counts "
            "these changes too."
        )
    sentences = [
        f"- {ranking.average.replace('_f1', ' F1')}: {one} is above {other} by {ranking.one}, and "
        f"below by {ranking.other}."
        for ranking in changed
        for one, other in ranking.reversed_pairs
    ]
    return "**The order changes with the classifier, beyond chance:**\n\n" + "\n".join(sentences)


def ranking_table(rankings: Sequence[Ranking]) -> Table:
    """Return the rank correlation of every two classifiers, by average of F1."""
    head = ["average", "one", "other", "Kendall's tau", "same best in % of draws", "reversed pairs"]
    return [
        head,
        *(
            [
                ranking.average.replace("_f1", " F1"),
                ranking.one,
                ranking.other,
                NONE if ranking.tau is None else span(ranking.tau, 2, 1),
                percent(ranking.same_best),
                str(len(ranking.reversed_pairs)),
            ]
            for ranking in rankings
        ),
    ]


def score_table(lines: Lines, average: str) -> Table:
    """Return F1 in % by classifier, and in brackets the place among the restorers; 1 is best."""
    places = {name: _places(of_classifier, average) for name, of_classifier in lines.items()}
    rows = zip(*lines.values(), strict=True)
    return [
        ["restorer", *lines],
        *(
            [
                row[0].restorer,
                *(
                    span(line.averages[average]) + places[name].get(line.restorer, "")
                    for name, line in zip(lines, row, strict=True)
                ),
            ]
            for row in rows
        ),
    ]


def recovery_table(lines: Lines, average: str) -> Table:
    """Return the recovered share of the gap in F1 in %, by classifier."""
    rows = zip(*lines.values(), strict=True)
    return [
        ["restorer", *lines],
        *(
            [row[0].restorer, *(_recovery(line, average) for line in row)]
            for row in rows
            if row[0].recovery
        ),
    ]


def pair_table(kappas: Sequence[Kappa]) -> Table:
    """Return kappa of all decisions, a row a set of classifiers, a column a restorer."""
    whole = [kappa for kappa in kappas if kappa.label == ALL]
    cells = {(kappa.classifiers, kappa.restorer): kappa for kappa in whole}
    restorers = list(dict.fromkeys(kappa.restorer for kappa in whole))
    rows = [["classifiers", "", *restorers]]
    for classifiers in dict.fromkeys(kappa.classifiers for kappa in whole):
        name = " and ".join(classifiers) if len(classifiers) == 2 else "all"
        own = [cells[classifiers, restorer] for restorer in restorers]
        rows.append([name, "kappa", *map(_kappa, own)])
        rows.append([name, "equal decisions in %", *(span(kappa.alike) for kappa in own)])
    return rows


def label_table(kappas: Sequence[Kappa]) -> Table:
    """Return kappa of all classifiers, a row a label, a column a restorer."""
    every = max((kappa.classifiers for kappa in kappas), key=len)
    chosen = [kappa for kappa in kappas if kappa.classifiers == every and kappa.label != ALL]
    cells = {(kappa.label, kappa.restorer): _kappa(kappa) for kappa in chosen}
    restorers = list(dict.fromkeys(kappa.restorer for kappa in chosen))
    return [
        ["label", *restorers],
        *(
            [label, *(cells[label, restorer] for restorer in restorers)]
            for label in dict.fromkeys(kappa.label for kappa in chosen)
        ),
    ]


def _words(by_classifier: Mapping[str, Aligned]) -> str:
    first = next(iter(by_classifier.values()))
    images, groups = len(first.cases), len(set(first.groups))
    return (
        "The cells, blurs and restorers of [recovery-cells.md](recovery-cells.md), "
        f"{images} images in {groups} mosaics, classified by {len(by_classifier)} networks of "
        f"ours: {'; '.join(by_classifier)}. Each is cross-validated over mosaics: a cell is "
        "classified by the network of the fold that has not seen its mosaic, with thresholds "
        "chosen on the sharp cells of the other folds. The second has another division into folds "
        "and another random seed than the first; the third is another network, narrower and "
        "deeper, which learned from drawn cells by itself. Intervals are 95 % over mosaics."
    )


def _places(lines: Sequence[Line], average: str) -> dict[str, str]:
    """Return the place of each restorer in words; equal scores share one."""
    scores = {
        line.restorer: line.averages[average].value for line in lines if line.restorer != SHARP
    }
    return {
        name: f" ({1 + sum(other > score for other in scores.values())})"
        for name, score in scores.items()
    }


def _recovery(line: Line, average: str) -> str:
    recovery = line.recovery[average]
    if recovery.share is not None:
        return span(recovery.share)
    return "no gap" if recovery.reason == NO_GAP else NONE


def _kappa(kappa: Kappa) -> str:
    return NONE if kappa.kappa is None else span(kappa.kappa, 2, 1)
