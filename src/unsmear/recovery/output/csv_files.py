"""Output files of a recovery analysis: long CSV tables and one Markdown page.

Numbers have six significant digits, so that another processor's last bit does not show. Shares in
CSV files are parts of 1; in Markdown they are percent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.atomic import write_aside
from unsmear.metrics.bootstrap import Interval
from unsmear.metrics.classification import AVERAGES
from unsmear.recovery.analysis.agreement import Agreement
from unsmear.recovery.analysis.calibration import Calibration
from unsmear.recovery.analysis.contrasts import Above
from unsmear.recovery.analysis.detection import SCORES, Detection
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.analysis.paired_tests import Comparison
from unsmear.recovery.analysis.results import Results
from unsmear.recovery.analysis.summary import BLUR, F1S, LENGTH, Line
from unsmear.recovery.output import tables
from unsmear.tables import Table, digits, markdown
from unsmear.tables import write_csv as write_table

Record = dict[str, Any]

HEADERS = {
    "above.csv": ("restorer", "number", "rise", "rise_low", "rise_high", "label", "image"),
    "swaps.csv": ("restorer", "lost", "gained", "images"),
}
"""Columns of the files that may have no rows."""
BIAS = "Means in the unit of each measure, and how far they are from sharp's"
"""Title of the table that comes first."""
INTERVALS = ("correlation", "bias", "error", "recovered")
"""Columns of a measure that have a confidence interval."""


def write_all(folder: Path, results: Results) -> list[Path]:
    """Write every table of the results into `folder` and return the files.

    `recovery.md`; with a classifier `recovery.csv`, `labels.csv`, `agreement.csv`, `swaps.csv`,
    `calibration.csv`, `comparisons.csv` and `above.csv`, with measures `measures.csv`, and where
    detection is among them `detection.csv`.
    """
    tables_by_name: dict[str, list[Record]] = {}
    if results.aligned is not None:
        labels = results.aligned.labels
        tables_by_name |= {
            "recovery.csv": list(recovery_records(results.lines)),
            "labels.csv": list(label_records(results, labels)),
            "agreement.csv": list(
                agreement_records([*results.agreements, *results.agreements_by_blur])
            ),
            "swaps.csv": list(swap_records(results.agreements, labels)),
            "calibration.csv": list(calibration_records(results.calibrations)),
            "comparisons.csv": list(comparison_records(results.comparisons)),
            "above.csv": list(above_records(results.above)),
        }
    if results.measures:
        tables_by_name["measures.csv"] = list(
            measure_records([*results.measures, *results.measures_by_blur])
        )
    if results.detections:
        tables_by_name["detection.csv"] = list(
            detection_records([*results.detections, *results.detections_by_blur])
        )
    for name, records in tables_by_name.items():
        write_csv(folder / name, records, HEADERS.get(name, ()))
    write_markdown(folder / "recovery.md", results)
    return [folder / name for name in (*tables_by_name, "recovery.md")]


def recovery_records(lines: Iterable[Line]) -> Iterator[Record]:
    """Yield a record a subset, restorer and number: averages, differences of F1, recoveries."""
    for line in lines:
        of_line = {name: getattr(line, name) for name in ("kind", "subset", "restorer")}
        of_line |= {"images": line.images, "groups": line.groups}
        for name in AVERAGES:
            yield of_line | {"number": name} | _interval("value", line.averages[name])
        area = line.scores.mean_average_precision
        yield of_line | {"number": "mean_average_precision", "value": area}
        for name in F1S:
            yield of_line | {"number": f"{name}_over_blurred"} | _interval("value", line.gain[name])
            yield of_line | {"number": f"{name}_under_sharp"} | _interval("value", line.loss[name])
        for name, recovery in line.recovery.items():
            share = {} if recovery.share is None else _interval("value", recovery.share)
            yield of_line | {"number": f"{name}_recovery", **share, "reason": recovery.reason}


def label_records(results: Results, labels: Sequence[str]) -> Iterator[Record]:
    """Yield a record a restorer and label, of all images: scores, and what was gained and lost."""
    agreements = {agreement.restorer: agreement for agreement in results.agreements}
    parts = ("support", "precision", "recall", "f1", "average_precision")
    changes = ("gained_right", "gained_wrong", "lost_right", "lost_wrong")
    for line in results.overall:
        for at, label in enumerate(labels):
            record: Record = {"restorer": line.restorer, "number": at, "label": label}
            record |= {name: getattr(line.scores, name)[at] for name in parts}
            yield record | {name: getattr(agreements[line.restorer], name)[at] for name in changes}


def agreement_records(agreements: Iterable[Agreement]) -> Iterator[Record]:
    """Yield a record a subset and restorer: its agreement with the sharp images' own labels."""
    for agreement in agreements:
        yield {
            "subset": agreement.subset,
            "restorer": agreement.restorer,
            **_interval("decisions", agreement.decisions),
            **_interval("images", agreement.images),
            **_interval("f1", agreement.f1),
            "gained": agreement.gained.sum(),
            "lost": agreement.lost.sum(),
        }


def swap_records(agreements: Iterable[Agreement], labels: Sequence[str]) -> Iterator[Record]:
    """Yield a record a restorer and pair of labels that one image lost and gained; "" for none."""
    names = [*labels, ""]
    for agreement in agreements:
        for lost, gained in np.argwhere(agreement.swaps).tolist():
            yield {
                "restorer": agreement.restorer,
                "lost": names[lost],
                "gained": names[gained],
                "images": agreement.swaps[lost, gained],
            }


def calibration_records(calibrations: Iterable[Calibration]) -> Iterator[Record]:
    """Yield a record a restorer and bin; the errors are repeated in each."""
    for calibration in calibrations:
        errors = {name: getattr(calibration, name) for name in ("error", "label_error", "brier")}
        for part in calibration.bins:
            yield {"restorer": calibration.restorer, **errors, **_plain(part)}


def comparison_records(comparisons: Iterable[Comparison]) -> Iterator[Record]:
    """Yield a record a pair of restorers and average of F1."""
    for comparison in comparisons:
        for name in F1S:
            record = {"one": comparison.one, "other": comparison.other, "number": name}
            record |= _interval("difference", comparison.difference[name])
            for kind in ("p_bootstrap", "p_exchange", "p_adjusted"):
                record[kind] = getattr(comparison, kind)[name]
            for kind in ("only_one", "only_other", "p_decisions", "p_mcnemar"):
                record[kind] = getattr(comparison, kind)
            yield record


def above_records(rises: Iterable[Above]) -> Iterator[Record]:
    """Yield a record for each score above the sharp images, and for each image that causes one.

    number: the average, or "recall" or "f1" of a label; for an image, how its prediction differs
    from that of the sharp image: "right" is a true positive and "wrong" a false positive of the
    restored image only, "dropped" a false positive of the sharp image only.
    """
    for above in rises:
        for name, rise in above.averages.items():
            yield {"restorer": above.restorer, "number": name, **_interval("rise", rise)}
        for label in above.labels:
            for number, rise in (("recall", label.recall), ("f1", label.f1)):
                record = {"restorer": above.restorer, "number": number, "label": label.label}
                yield record | _interval("rise", rise)
            for kind in ("right", "wrong", "dropped"):
                record = {"restorer": above.restorer, "number": kind, "label": label.label}
                yield from (record | {"image": case} for case in getattr(label, kind))


def measure_records(measures: Iterable[Agreeing]) -> Iterator[Record]:
    """Yield a record a subset, measure and restorer."""
    for agreeing in measures:
        record: Record = {"subset": agreeing.subset}
        for name, value in _plain(agreeing).items():
            record |= _interval(name, value) if name in INTERVALS else {name: value}
        yield record


def detection_records(detections: Iterable[Detection]) -> Iterator[Record]:
    """Yield a record a subset, overlap and restorer: counts, scores and their differences."""
    counts = ("subset", "iou", "restorer", "images", "groups", "expected", "detected", "found")
    for detection in detections:
        record: Record = {name: getattr(detection, name) for name in counts}
        for name in (*SCORES, "bias"):
            record |= _interval(name, getattr(detection, name))
        for name in SCORES:
            record |= _interval(f"{name}_over_blurred", detection.gain[name])
            record |= _interval(f"{name}_under_sharp", detection.loss[name])
        share = None if detection.recovery is None else detection.recovery.share
        yield record | _interval("f1_recovery", share)


def write_csv(path: Path, records: Sequence[Record], columns: Sequence[str] = ()) -> None:
    """Write records as a table: `columns` first, then the others as they come."""
    write_table(path, records, columns, digits)


def write_markdown(path: Path, results: Results) -> None:
    """Write `recovery.md`: warnings and notes first, then every table."""
    parts = ["# Recovery\n", *(f"- Warning: {warning}\n" for warning in results.warnings)]
    parts += [f"- {note}\n" for note in results.notes]
    for title, table in sections(results):
        parts.append(f"\n## {title}\n\n{markdown(table)}")
    write_aside(path, "".join(parts).encode())


def sections(results: Results) -> list[tuple[str, Table]]:
    """Return every table with its title, in the order in which they are read."""
    parts = [(BIAS, tables.bias_table(results.measures))] if results.measures else []
    if results.aligned is not None:
        parts += _label_sections(results, results.aligned.labels)
    for name in SCORES if results.detections else ():
        title = f"{name.capitalize()} of the nuclei detected by intersection over union, in %"
        parts.append((title, tables.detection_table(results.detections, name)))
    if results.measures:
        parts.append(("Measures beside the sharp images", tables.measures_table(results.measures)))
    if results.measures_by_blur:
        table = tables.correlation_table(results.measures_by_blur)
        parts.append(("Correlation with the sharp images by blur", table))
    return parts


def _label_sections(results: Results, labels: Sequence[str]) -> list[tuple[str, Table]]:
    lines, agreements = results.lines, results.agreements
    pairs = [
        comparison
        for comparison in results.comparisons
        if results.best in (comparison.one, comparison.other)
    ]
    parts = [
        ("Scores in %, all images", tables.main_table(lines)),
        ("F1 and recovery in %, with 95 % intervals", tables.recovery_table(lines)),
        ("F1 in percentage points", tables.change_table(lines)),
        ("Agreement with the sharp images' labels, in %", tables.agreement_table(agreements)),
        ("F1 by label, in %", tables.labels_table(lines, labels)),
        ("Images that gained and lost a label", tables.changes_table(agreements, labels)),
    ]
    for kind in (BLUR, LENGTH):
        if _differ(lines, kind):
            for name in ("micro_f1", "macro_f1"):
                title = f"{name.replace('_f1', ' F1')} by {kind}, in %"
                parts.append((f"{title}", tables.subset_table(lines, kind, name)))
                table = tables.subset_table(lines, kind, name, recovery=True)
                parts.append((f"Recovery of {title}", table))
    if results.agreements_by_blur:
        table = tables.decisions_table(results.agreements_by_blur)
        parts.append(("Decisions equal to the sharp images' by blur, in %", table))
    if pairs:
        title = f"{results.best} and the others, on the same images"
        parts.append((title, tables.comparison_table(pairs)))
    parts.append(("Calibration", tables.calibration_table(results.calibrations)))
    return parts


def _differ(lines: Sequence[Line], kind: str) -> bool:
    """Return whether there are several subsets of this kind that differ from those by blur."""
    sizes = {
        chosen_kind: {line.subset: line.images for line in lines if line.kind == chosen_kind}
        for chosen_kind in (BLUR, LENGTH)
    }
    same = list(sizes[BLUR].values()) == list(sizes[LENGTH].values())
    return len(sizes[kind]) > 1 and not (kind == LENGTH and same)


def _plain(record: Any) -> Record:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _interval(name: str, interval: Interval | None) -> Record:
    parts = [getattr(interval, part, None) for part in ("value", "low", "high")]
    return dict(zip((name, f"{name}_low", f"{name}_high"), parts, strict=True))
