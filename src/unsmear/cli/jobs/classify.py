"""Job of `unsmear classify`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unsmear import classify as classifying
from unsmear.batches.entry import FAILED
from unsmear.classify import tables
from unsmear.classify.classifier import Classifier
from unsmear.classify.predict import LabelPrediction, LabelRequest, predict_items
from unsmear.cli.console import as_json, say
from unsmear.cli.jobs import batch
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cluster import Where
from unsmear.data import hpa, source
from unsmear.data.item import Item
from unsmear.data.source import Survey


@dataclass(frozen=True)
class Classification:
    """Settings of a call, see the help of `unsmear classify`.

    output: the table. channels: letters of RGBY; "" for those of the files.
    """

    classifier: str
    output: Path
    segment: bool = False
    masks: Path | None = None
    data_range: float | None = None
    channels: str = ""

    def request(self, loaded: Classifier) -> LabelRequest:
        """Return what a worker is asked; loaded: the classifier."""
        assert loaded.place is not None  # for mypy: a loaded classifier has its path
        return LabelRequest(
            loaded.place,
            self.data_range,
            hpa.parse_channels(self.channels),
            segment=self.segment,
            masks=self.masks,
        )


def run(job: Classification, options: BatchOptions, dry_run: bool = False) -> int:
    """Classify all images and write the table; return the exit code.

    dry_run: whether it is only said.
    """
    loaded = classifying.load(job.classifier)
    tables.check(job.output, loaded)
    for sentence in loaded.limits:
        say(f"Warning: {sentence}", sys.stderr)
    request = job.request(loaded)
    survey = source.survey(options.inputs, options.axes, job.channels)
    if dry_run:
        return announce_all("images", [item.id for item in survey.items], [job.output])
    predictions = _predict(request, survey, options.where)
    records = tables.records(predictions, loaded)
    if records:
        tables.write(job.output, records)
    failed = sum(bool(prediction.problem) for prediction in predictions)
    for record in records if as_json() else ():
        say("", **record)
    _show_labels(records, loaded.labels)
    images = _counted(len(predictions) - failed, "image")
    what = f"{_counted(len(records), 'cell')} of {images}" if request.by_cell else images
    say(f"{what} classified, {failed} failed.", classified=len(records), failed=failed)
    say(f"Written to {job.output}." if records else "No image or cell to write.")
    code = batch.report_passed_over(survey)
    return 1 if failed else code


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _predict(request: LabelRequest, survey: Survey, where: Where) -> list[LabelPrediction]:
    """Return the predictions of all images and cells; print the problems as they come."""
    predictions: list[LabelPrediction] = []
    work = partial(predict_items, request)
    parts = request.parts(survey.items)
    for part in map_with_progress(work, parts, where, "classified", _name, _lost):
        predictions += part
        for prediction in part:
            if prediction.problem:
                say(prediction.problem, sys.stderr, image=prediction.id, action=FAILED)
    return predictions


def _name(items: Sequence[Item]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{items[0].id}{more}"


def _lost(items: Sequence[Item], sentence: str) -> list[LabelPrediction]:
    problems = [sentence, *[f"{item.id}: not classified, see above." for item in items[1:]]]
    return [
        LabelPrediction(item.id, problem=problem)
        for item, problem in zip(items, problems, strict=True)
    ]


def _show_labels(records: list[tables.Record], labels: tuple[str, ...]) -> None:
    """Print how often each label was predicted."""
    counts = Counter(name for record in records for name in record["labels"].split("|") if name)
    for name in labels:
        say(f"{counts[name]:6d}  {name}", label=name, count=counts[name])
