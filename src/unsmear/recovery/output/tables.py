"""The tables of a recovery as rows of cells, sharp and blurred always first; shares in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.agreement import Agreement
from unsmear.recovery.analysis.calibration import Calibration
from unsmear.recovery.analysis.detection import Detection
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.analysis.paired_tests import Comparison
from unsmear.recovery.analysis.summary import ALL, F1S, NO_GAP, Line, Recovery
from unsmear.recovery.measures.units import unit_of
from unsmear.tables import Table

NONE, CONSTANT = "-", "constant"


def main_table(lines: Sequence[Line]) -> Table:
    """Return the paper's Table VI and past it: precision, recall and F1 in their averages, in %."""
    header = ["restorer", "images", "micro precision", "micro recall", "micro F1"]
    header += ["macro precision", "macro recall", "macro F1", "harmonic F1"]
    table = [[*header, "highest precision", "mAP"]]
    for line in _overall(lines):
        averages = [percent(line.averages[name].value) for name in line.averages]
        area = percent(line.scores.mean_average_precision)
        table.append([line.restorer, str(line.images), *averages, area])
    return table


def recovery_table(lines: Sequence[Line]) -> Table:
    """Return F1 and the share of its gap that was recovered, with 95 % intervals, in %."""
    averages = [name.removesuffix("_f1") for name in F1S]
    table = [["restorer", *(f"{name} F1" for name in averages)]]
    table[0] += [f"{name} recovery" for name in averages]
    for line in _overall(lines):
        scores = [span(line.averages[name]) for name in F1S]
        table.append([line.restorer, *scores, *(_recovery(line, name) for name in F1S)])
    return table


def change_table(lines: Sequence[Line]) -> Table:
    """Return F1 minus blurred and sharp minus F1, in percentage points; needs no gap."""
    averages = [name.removesuffix("_f1") for name in F1S]
    table = [["restorer", *(f"{name} F1 over blurred" for name in averages)]]
    table[0] += [f"{name} F1 under sharp" for name in averages]
    for line in _overall(lines):
        gains = [span(line.gain[name], sign=True) for name in F1S]
        losses = [span(line.loss[name], sign=True) for name in F1S]
        if line.restorer == BLURRED:
            gains = [NONE] * len(F1S)
        if line.restorer == SHARP:
            losses = [NONE] * len(F1S)
        table.append([line.restorer, *gains, *losses])
    return table


def labels_table(lines: Sequence[Line], labels: Sequence[str]) -> Table:
    """Return F1 in % of every label, a column a restorer."""
    columns = _overall(lines)
    table = [["label", "images", *(line.restorer for line in columns)]]
    for at, label in enumerate(labels):
        support = int(columns[0].scores.support[at]) if columns else 0
        scores = [percent(float(line.scores.f1[at])) if support else NONE for line in columns]
        table.append([label, str(support), *scores])
    return table


def changes_table(agreements: Sequence[Agreement], labels: Sequence[str]) -> Table:
    """Return the numbers of images that gained and lost each label against sharp, "+12 -3"."""
    columns = [column for column in agreements if column.restorer != SHARP]
    table = [["label", *(column.restorer for column in columns)]]
    for at, label in enumerate(labels):
        table.append([label, *(f"+{column.gained[at]} -{column.lost[at]}" for column in columns)])
    sums = [f"+{column.gained.sum()} -{column.lost.sum()}" for column in columns]
    return [*table, ["all", *sums]]


def agreement_table(agreements: Sequence[Agreement]) -> Table:
    """Return the agreement with the labels of the sharp images, in %, and the changes."""
    header = ["restorer", "equal decisions", "images all equal", "F1 against sharp"]
    table = [[*header, "gained right", "gained wrong", "lost right", "lost wrong"]]
    for agreement in agreements:
        counts = (
            agreement.gained_right,
            agreement.gained_wrong,
            agreement.lost_right,
            agreement.lost_wrong,
        )
        shares = [span(part) for part in (agreement.decisions, agreement.images, agreement.f1)]
        table.append([agreement.restorer, *shares, *(str(part.sum()) for part in counts)])
    return table


def decisions_table(agreements: Sequence[Agreement]) -> Table:
    """Return the share of decisions equal to the sharp images', in %, a column a blur."""
    blurs = list(dict.fromkeys(agreement.subset for agreement in agreements))
    cells = {
        (agreement.restorer, agreement.subset): span(agreement.decisions)
        for agreement in agreements
    }
    restorers = dict.fromkeys(agreement.restorer for agreement in agreements)
    rows = [[name, *(cells[name, blur] for blur in blurs)] for name in restorers]
    return [["restorer", *blurs], *rows]


def calibration_table(calibrations: Sequence[Calibration]) -> Table:
    """Return the expected calibration errors in %, and the Brier score."""
    table = [["restorer", "calibration error", "mean of labels", "Brier score"]]
    for calibration in calibrations:
        errors = [percent(calibration.error, 2), percent(calibration.label_error, 2)]
        table.append([calibration.restorer, *errors, f"{calibration.brier:.4f}"])
    return table


def subset_table(lines: Sequence[Line], kind: str, average: str, recovery: bool = False) -> Table:
    """Return an average in %, or its recovery, of every restorer, a column a blur or length.

    kind: `summary.BLUR` or `summary.LENGTH`. average: one of `summary.F1S` for a recovery, else one
    of `metrics.classification.AVERAGES`.
    """
    by_name = {(line.restorer, line.subset): line for line in lines if line.kind == kind}
    names = list(dict.fromkeys(subset for _, subset in by_name))
    counts = {subset: str(line.images) for (_, subset), line in by_name.items()}
    table = [["restorer", *names], ["images", *(counts[name] for name in names)]]
    for restorer in dict.fromkeys(restorer for restorer, _ in by_name):
        lines_of_restorer = [by_name[restorer, name] for name in names]
        cells = [
            _recovery(line, average) if recovery else span(line.averages[average])
            for line in lines_of_restorer
        ]
        table.append([restorer, *cells])
    return table


def comparison_table(comparisons: Sequence[Comparison], average: str = "micro_f1") -> Table:
    """Return the paired tests of an average of F1, in percentage points.

    Holm's adjustment is over all comparisons. Only McNemar's test assumes that the decisions of an
    image are independent.
    """
    name = average.replace("_f1", " F1")
    header = ["one", "other", f"{name} of one - other", "p by groups", "p after Holm"]
    table = [[*header, "only one right", "only other right", "p of these by groups", "p McNemar"]]
    for comparison in comparisons:
        tested = [comparison.p_exchange[average], comparison.p_adjusted[average]]
        cells = [comparison.one, comparison.other, span(comparison.difference[average], sign=True)]
        cells += [*map(chance, tested), str(comparison.only_one), str(comparison.only_other)]
        table.append([*cells, chance(comparison.p_decisions), chance(comparison.p_mcnemar)])
    return table


def bias_table(measures: Sequence[Agreeing]) -> Table:
    """Return a row a measure, in its unit: its mean, and beside it the difference to sharp's."""
    restorers = list(dict.fromkeys(agreeing.restorer for agreeing in measures))
    by_name = {(agreeing.measure, agreeing.restorer): agreeing for agreeing in measures}
    names = dict.fromkeys(agreeing.measure for agreeing in measures)
    return [
        ["measure", "unit", *restorers],
        *(
            [name, unit_of(name), *(_mean(by_name[name, restorer]) for restorer in restorers)]
            for name in names
        ),
    ]


def measures_table(measures: Sequence[Agreeing]) -> Table:
    """Return the agreement of each measure with sharp: correlation, errors, error recovered."""
    header = ["measure", "restorer", "numbers", "missing", "correlation", "bias"]
    table = [[*header, "bias in %", "median error in %", "error recovered in %"]]
    for agreeing in measures:
        bias = (
            NONE if agreeing.relative_bias is None else percent(agreeing.relative_bias, sign=True)
        )
        relative = NONE if agreeing.relative_error is None else percent(agreeing.relative_error)
        table.append(
            [
                agreeing.measure,
                agreeing.restorer,
                str(agreeing.count),
                str(agreeing.missing),
                _correlation(agreeing),
                NONE if agreeing.bias is None else f"{agreeing.bias.value:+.4g}",
                bias,
                relative,
                NONE if agreeing.recovered is None else span(agreeing.recovered),
            ]
        )
    return table


def nearness_table(measures: Sequence[Agreeing]) -> Table:
    """Return a row a measure: correlation with sharp and, after restoring, error recovered in %."""
    restorers = [
        name for name in dict.fromkeys(agreeing.restorer for agreeing in measures) if name != SHARP
    ]
    by_name = {(agreeing.measure, agreeing.restorer): agreeing for agreeing in measures}
    names = dict.fromkeys(agreeing.measure for agreeing in measures)
    return [
        ["measure", *restorers],
        *(
            [name, *(_nearness(by_name[name, agreeing]) for agreeing in restorers)]
            for name in names
        ),
    ]


def correlation_table(measures: Sequence[Agreeing]) -> Table:
    """Return the correlation of each measure with sharp's, a column a blur."""
    blurs = list(dict.fromkeys(agreeing.subset for agreeing in measures))
    cells = {
        (agreeing.measure, agreeing.restorer, agreeing.subset): _correlation(agreeing)
        for agreeing in measures
    }
    kinds = dict.fromkeys((agreeing.measure, agreeing.restorer) for agreeing in measures)
    rows = [[*kind, *(cells.get((*kind, blur), NONE) for blur in blurs)] for kind in kinds]
    return [["measure", "restorer", *blurs], *rows]


def detection_table(detections: Sequence[Detection], score: str) -> Table:
    """Return a score of detection in %, one of `detection.SCORES`, a column an overlap.

    Before it, how many nuclei should be detected, how many are, and how many more these are in %.
    """
    cells = {(each.restorer, each.iou): span(getattr(each, score)) for each in detections}
    ious = list(dict.fromkeys(each.iou for each in detections))
    header = ["restorer", "expected", "detected", "bias in %", *(f"IoU {iou:g}" for iou in ious)]
    rows = [
        [
            each.restorer,
            str(each.expected),
            str(each.detected),
            NONE if each.bias is None else span(each.bias, sign=True),
            *(cells[each.restorer, iou] for iou in ious),
        ]
        for each in {each.restorer: each for each in detections}.values()
    ]
    return [header, *rows]


def percent(share: float, digits: int = 1, sign: bool = False) -> str:
    """Return a share in percent; "-" for one that is not known."""
    if math.isnan(share):
        return NONE
    # + 0.0: no "-0.0"
    text = f"{round(100 * share, digits) + 0.0:{'+' if sign else ''}.{digits}f}"
    return text.replace("inf", "∞")


def span(interval: Interval, digits: int = 1, scale: float = 100, sign: bool = False) -> str:
    """Return a value and its interval, "83.2 [81.0, 85.1]", times `scale`."""
    value = percent(interval.value * scale / 100, digits, sign)
    if interval.low is None or interval.high is None:
        return value
    ends = (percent(end * scale / 100, digits, sign) for end in (interval.low, interval.high))
    return f"{value} [{', '.join(ends)}]"


def chance(p: float) -> str:
    """Return a p value with two digits; "-" for one that is not known."""
    if math.isnan(p):
        return NONE
    return f"{p:.2g}" if p >= 0.0001 else "< 0.0001"


def _correlation(agreeing: Agreeing) -> str:
    if agreeing.correlation is None:
        return CONSTANT if agreeing.count else NONE
    return span(agreeing.correlation, 4, 1)


def _mean(agreeing: Agreeing) -> str:
    if agreeing.mean is None or agreeing.bias is None:
        return NONE
    difference = f" ({agreeing.bias.value + 0.0:+.3g})" if agreeing.restorer != SHARP else ""
    return f"{agreeing.mean:.4g}{difference}"


def _nearness(agreeing: Agreeing) -> str:
    correlation = NONE if agreeing.correlation is None else f"{agreeing.correlation.value:.4f}"
    recovered = "" if agreeing.recovered is None else f" ({percent(agreeing.recovered.value)})"
    return f"{correlation}{recovered}"


def _overall(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.kind == ALL]


def _recovery(line: Line, average: str) -> str:
    recovery: Recovery | None = line.recovery.get(average)
    if recovery is None:
        return NONE
    if recovery.share is not None:
        return span(recovery.share)
    return "no gap" if recovery.reason == NO_GAP else NONE
