"""The page of detection: precision, recall and F1 by overlap, and whether blur raises precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unsmear.evaluate import BLURRED, SHARP
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.detection import IOUS, SCORES, Detection
from unsmear.recovery.analysis.summary import NO_GAP
from unsmear.recovery.output.tables import span
from unsmear.tables import Table, markdown

Sets = Mapping[str, Sequence[Detection]]
HEADS = [f"IoU {iou:g}" for iou in IOUS]
NONE = "-"


def write(sets: Sets, command: str) -> str:
    """Return the page. sets: what was detected for each blur, by the name of the set."""
    parts = [
        "# Nuclei detected after restoring",
        f"    {command}",
        _words(sets),
        "## Does precision rise on blurred images?",
        CLAIM,
        conclusion(_testable(sets)),
        "\n".join(f"- {name}: {verdict(known)}" for name, known in _testable(sets).items()),
        "Precision of the blurred images minus that of the sharp ones, in percentage points:",
        markdown(rise_table(_testable(sets))).strip(),
        "## Does restoring help the detector?",
        f"In how many of the {len(IOUS)} overlaps at each blur a score is above or below that of "
        "the blurred images beyond chance:",
        markdown(help_table(sets)).strip(),
    ]
    for name, detections in sets.items():
        parts += [f"## {name.capitalize()}", markdown(count_table(detections)).strip()]
        for score in SCORES:
            table = score_table(detections, score)
            parts += [f"### {score.capitalize()} in %: {name}", markdown(table).strip()]
        parts += [f"### F1 recovered in %: {name}", markdown(recovery_table(detections)).strip()]
    return "\n\n".join(parts) + "\n"


CLAIM = (
    "The paper quotes from its reference [5] that precision tends to be higher on blurred images, "
    "because edges that are misclassified as objects are gone, and expects the same of its "
    "classifier. That can be tested only where the true nuclei are known: against the nuclei of "
    "the sharp image, the sharp image's own precision is 100 % by definition. The detector there "
    "was a network for photographs (YOLO); ours looks for bright regions, has no confidence to "
    "choose a threshold of, and edges alone are no objects for it."
)


def conclusion(sets: Sets) -> str:
    """Return whether the claim holds for these sets, which have true nuclei."""
    blurred = [each for known in sets.values() for each in known if each.restorer == BLURRED]
    above = sum(_rise(each).above for each in blurred)
    below = sum(_rise(each).below for each in blurred)
    if above > below:
        return f"**Precision rises on blurred images here**, in {above} of {len(blurred)} cases."
    if above:
        return f"**Precision rises in some cases only**: {above} of {len(blurred)}; {below} fall."
    return "**Precision does not rise on blurred images here: for this detector it is refuted.**"


def verdict(detections: Sequence[Detection]) -> str:
    """Return in a sentence for how many blurs and overlaps precision rises or falls by blur."""
    rises = [_rise(each) for each in detections if each.restorer == BLURRED]
    above, below = sum(rise.above for rise in rises), sum(rise.below for rise in rises)
    return (
        f"of {len(rises)} blurs and overlaps, precision is higher on the blurred images beyond "
        f"chance in {above}, lower in {below}, and not different in {len(rises) - above - below}."
    )


def rise_table(sets: Sets) -> Table:
    """Return by how much the precision of the blurred images is above that of the sharp ones."""
    return [
        ["nuclei, reference", "blur", *HEADS],
        *(
            [name, blur, *(span(_rise(each), sign=True) for each in _of(detections, BLURRED, blur))]
            for name, detections in sets.items()
            for blur in _blurs(detections)
        ),
    ]


def help_table(sets: Sets) -> Table:
    """Return how often each restorer's scores are above or below those of the blurred images."""
    return [
        ["nuclei, reference", "blur", "restorer", *SCORES],
        *(
            [name, *head, *(_changes(by_iou, score) for score in SCORES)]
            for name, detections in sets.items()
            for head, by_iou in _rows(detections)
            if head[1] not in (SHARP, BLURRED)
        ),
    ]


def count_table(detections: Sequence[Detection]) -> Table:
    """Return how many nuclei are detected, and how many more than should be, in %."""
    return [
        ["blur", "restorer", "expected", "detected", "bias in %"],
        *(
            [
                *head,
                str(each.expected),
                str(each.detected),
                NONE if each.bias is None else span(each.bias, sign=True),
            ]
            for head, (each, *_) in _rows(detections)
        ),
    ]


def score_table(detections: Sequence[Detection], score: str) -> Table:
    """Return one of `SCORES` in %, a row a blur and restorer, a column an overlap."""
    return [
        ["blur", "restorer", *HEADS],
        *(
            [*head, *(span(getattr(each, score)) for each in by_iou)]
            for head, by_iou in _rows(detections)
        ),
    ]


def recovery_table(detections: Sequence[Detection]) -> Table:
    """Return the share of the gap in F1 between blurred and sharp that was recovered, in %."""
    return [
        ["blur", "restorer", *HEADS],
        *(
            [*head, *map(_recovery, by_iou)]
            for head, by_iou in _rows(detections)
            if head[1] not in (SHARP, BLURRED)
        ),
    ]


def _words(sets: Sets) -> str:
    counts = "; ".join(
        f"{name}: {detections[0].images} images with {detections[0].expected} nuclei"
        for name, detections in sets.items()
    )
    return (
        "Nuclei are detected by the segmentation of Unsmear in the nuclear stain: sharp, smeared "
        "by linear motion of 4, 10 and 16 pixels at an angle of its own for every image and "
        "length (8 bits, no further noise), and restored with the kernel that is estimated from "
        "the blurred image. They are matched one to one with the reference, and count as found "
        "from an intersection over union (IoU) of 0.5 to 0.9. Scores are of all nuclei together; "
        "intervals are 95 % over images. Drawn fields have 256 x 256 pixels of 0.5 micrometres; "
        "the real images, of the 2018 Data Science Bowl (BBBC038, CC0), are of the test groups "
        f"that no shipped weights were trained on. {counts}."
    )


def _rows(
    detections: Sequence[Detection],
) -> list[tuple[list[str], Sequence[Detection]]]:
    """Return blur and restorer with the detection at each overlap; sharp is the same for all."""
    blurs = _blurs(detections)
    rows = [([NONE, SHARP], _of(detections, SHARP, blurs[0]))]
    restorers = dict.fromkeys(each.restorer for each in detections if each.restorer != SHARP)
    return rows + [
        ([blur, restorer], _of(detections, restorer, blur))
        for blur in blurs
        for restorer in restorers
    ]


def _testable(sets: Sets) -> Sets:
    """Return the sets whose reference is not what was detected in the sharp images."""
    return {
        name: detections
        for name, detections in sets.items()
        if any(each.found < each.detected for each in detections if each.restorer == SHARP)
    }


def _changes(by_iou: Sequence[Detection], score: str) -> str:
    above = sum(each.gain[score].above for each in by_iou)
    below = sum(each.gain[score].below for each in by_iou)
    return f"{above} above, {below} below"


def _blurs(detections: Sequence[Detection]) -> list[str]:
    return list(dict.fromkeys(each.subset for each in detections))


def _of(detections: Sequence[Detection], restorer: str, blur: str) -> list[Detection]:
    return [each for each in detections if (each.restorer, each.subset) == (restorer, blur)]


def _rise(blurred: Detection) -> Interval:
    """Return the precision of the blurred images minus that of the sharp ones."""
    loss = blurred.loss["precision"]
    if loss.low is None or loss.high is None:
        return Interval(-loss.value)
    return Interval(-loss.value, -loss.high, -loss.low)


def _recovery(detection: Detection) -> str:
    recovery = detection.recovery
    if recovery is None or recovery.share is None:
        return "no gap" if recovery and recovery.reason == NO_GAP else NONE
    return span(recovery.share)
