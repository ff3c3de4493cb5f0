"""Job of `unsmear classify`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unsmear import classify as classifying
from unsmear.classify import tables
from unsmear.classify.classifier import Classifier
from unsmear.classify.predict import LabelPrediction, LabelRequest, predict_items
from unsmear.cli.jobs import batch
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.options.parameters import BatchOptions
from unsmear.data import hpa, source
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


def run(job: Classification, options: BatchOptions) -> int:
    """Classify all images and write the table; return the exit code."""
    loaded = classifying.load(job.classifier)
    tables.check(job.output, loaded)
    for sentence in loaded.limits:
        print(f"Warning: {sentence}", file=sys.stderr)
    request = job.request(loaded)
    survey = source.survey(options.inputs, options.axes, job.channels)
    predictions = _predict(request, survey, options.workers)
    records = tables.records(predictions, loaded)
    if records:
        tables.write(job.output, records)
    failed = sum(bool(prediction.problem) for prediction in predictions)
    _show_labels(records, loaded.labels)
    images = f"{len(predictions) - failed} images"
    what = f"{len(records)} cells of {images}" if request.by_cell else images
    print(f"{what} classified, {failed} failed.")
    print(f"Written to {job.output}." if records else "No image or cell to write.")
    code = batch.report_passed_over(survey)
    return 1 if failed else code


def _predict(request: LabelRequest, survey: Survey, workers: int) -> list[LabelPrediction]:
    """Return the predictions of all images and cells; print the problems as they come."""
    predictions: list[LabelPrediction] = []
    work = partial(predict_items, request)
    for part in map_with_progress(work, request.parts(survey.items), workers, "classified"):
        predictions += part
        for prediction in part:
            if prediction.problem:
                print(prediction.problem, file=sys.stderr)
    return predictions


def _show_labels(records: list[tables.Record], labels: tuple[str, ...]) -> None:
    """Print how often each label was predicted."""
    counts = Counter(name for record in records for name in record["labels"].split("|") if name)
    for name in labels:
        print(f"{counts[name]:6d}  {name}")
