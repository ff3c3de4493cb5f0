"""The recipe of detection: from fields and images to the page that answers the paper's remark."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from unsmear import images
from unsmear.errors import DataError
from unsmear.images import Image
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.detection import IOUS, Detection
from unsmear.segmentation import NUCLEUS

HERE = Path(__file__).parents[2] / "recipes" / "paper"
MIDDLES = ((20, 25), (70, 30), (35, 72), (80, 80))


@pytest.fixture(autouse=True)
def _recipe(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def data(tmp_path):
    """Return a folder of real images, four discs each, and one of their masks, a file a disc."""
    from detection import FOLDERS

    for number, folder in enumerate(FOLDERS):
        plane = np.full((100, 110), 10, np.uint8)
        for place, middle in enumerate(MIDDLES):
            cv2.circle(plane, middle, 9 + number, 200, -1)
            mask = cv2.circle(np.zeros_like(plane), middle, 9 + number, 255, -1)
            file = tmp_path / "masks" / f"cell{number}abc" / "masks" / f"{place}.png"
            images.write(file, Image(mask, "YX"))
        images.write(tmp_path / folder / f"cell{number}.png", Image(plane, "YX"))
    return tmp_path


@pytest.mark.slow
def test_one_command_goes_from_images_to_the_page(data, monkeypatch):
    import detection

    page = data / "page.md"
    command = ["detection.py", "--data", data, "--masks", data / "masks", "--output", page]
    command += ["--fields", 1, "--images", 2]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    assert detection.main() == 0
    text = page.read_text()
    for part in (*detection.SETS, "| sharp", "| blurred", "deep-wiener, estimated kernel"):
        assert part in text
    assert "motion 16 px" in text
    assert "IoU 0.75" in text
    assert "2 images with 8 nuclei" in text


def test_real_images_come_with_their_masks(data):
    import detection

    first, _ = detection.read(data, 2, data / "masks")
    assert first.image.channels == (NUCLEUS,)
    assert first.references[detection.TRUE].max() == 4
    assert list(next(detection.read(data, 2, None)).references) == [detection.OWN]
    with pytest.raises(DataError, match="there must be masks of cell7, got none"):
        detection.read_masks(data / "masks", "cell7", (100, 110))
    with pytest.raises(DataError, match=r"a mask must be \(9, 9\) as its image, got"):
        detection.read_masks(data / "masks", "cell0", (9, 9))
    with pytest.raises(DataError, match="there must be images, got none"):
        list(detection.read(data / "masks", 2, None))


def detections(rise):
    """Return what two restorers detect, the blurred one with this difference in precision."""
    made = []
    for restorer, precision in (("sharp", 0.8), ("blurred", 0.8 + rise), ("wiener", 0.8)):
        for iou in IOUS:
            value = Interval(precision, precision - 0.01, precision + 0.01)
            loss = Interval(0.8 - precision, 0.79 - precision, 0.81 - precision)
            made.append(
                Detection(
                    restorer,
                    iou,
                    *(3, 3, 10, 10, 8),
                    *(value, value, value),
                    bias=None,
                    gain=dict.fromkeys(("precision", "recall", "f1"), Interval(0.1, 0.05, 0.2)),
                    loss=dict.fromkeys(("precision", "recall", "f1"), loss),
                    subset="motion 4 px",
                )
            )
    return made


@pytest.mark.parametrize(
    ("rise", "said", "cell"),
    [
        (-0.1, "Precision does not rise on blurred images here", "-10.0 [-11.0, -9.0]"),
        (0.1, "Precision rises on blurred images here**, in 6 of 6", "+10.0 [+9.0, +11.0]"),
        (0.0, "Precision does not rise on blurred images here", "0.0 [-1.0, +1.0]"),
    ],
)
def test_the_page_says_whether_precision_rises(rise, said, cell):
    import detection_page

    text = detection_page.write({"nuclei": detections(rise)}, "command")
    assert said in text
    assert cell in text
    assert "6 above, 0 below" in text


def test_what_cannot_rise_is_not_asked():
    import detection_page

    perfect = [each for each in detections(-0.1) if each.restorer != "sharp"]
    own = [*perfect, *(make_perfect(each) for each in detections(0) if each.restorer == "sharp")]
    text = detection_page.write({"own": own, "true": detections(-0.1)}, "command")
    assert "- true: of 6" in text
    assert "- own: of" not in text
    assert "## Own" in text


def make_perfect(detection):
    from dataclasses import replace

    return replace(detection, found=detection.detected)
