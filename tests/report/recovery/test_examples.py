"""Rows of examples: which label was kept, lost or gained, in what colours, at what size."""

import re

import cv2
import numpy as np
import pytest

from unsmear.errors import OptionError
from unsmear.report.recovery import examples as pictures
from unsmear.report.recovery.examples import Example, Shown

COLOURS = ("red", "green", "blue")


def planes(*levels, side=8):
    """Return planes whose left half is black and whose right half is white times a level."""
    pixels = np.zeros((len(levels), side, side), np.float32)
    pixels[..., side // 2 :] = np.array(levels)[:, None, None]
    return pixels


def example(labels=("Golgi apparatus",), restored=None, channels=COLOURS):
    sharp = planes(0.2, 1.0, 0.5)
    shown = (
        Shown("sharp", sharp, ("Nucleoli", "Golgi apparatus")),
        Shown("blurred", sharp / 2, ()),
        Shown("mine", sharp if restored is None else restored, labels),
    )
    return Example("cell 3", ("Nucleoli",), shown, channels)


def images_of(text):
    import base64

    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        for data in re.findall(r'src="data:image/jpeg;base64,([^"]*)"', text)
    ]


def test_label_changes():
    assert pictures.label_changes(["a", "b"], ["b", "c"]) == [
        ("a", "lost"),
        ("b", "kept"),
        ("c", "gained"),
    ]
    assert pictures.label_changes([], []) == []


def test_labels_stand_below_as_text():
    text = pictures.write_rows([example(("Golgi apparatus", "Vesicles <x>"))])
    blurred, mine = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.S)[1:]
    assert blurred.count('class="lost"') == 2
    assert 'class="kept" title="kept"' in mine
    assert re.search(r'class="lost".*<b>Nucleoli</b>', mine)
    assert re.search(r'class="gained".*<b>Vesicles &lt;x&gt;</b>', mine)
    assert "cell 3: Nucleoli" in text


def test_all_images_of_a_row_are_stretched_like_the_sharp_one():
    sharp, blurred, _ = images_of(pictures.write_rows([example()]))
    assert sharp.shape == (16, 8, 3)  # the colours above, the protein below
    assert sharp[0, -1].tolist() == pytest.approx([255, 255, 255], abs=4)
    assert blurred[0, -1].tolist() == pytest.approx([128, 128, 128], abs=4)
    assert sharp[-1, -1].tolist() == pytest.approx([255, 255, 255], abs=4)
    assert blurred[-1, 0].tolist() == pytest.approx([0, 0, 0], abs=4)


def test_channels_are_coloured_by_their_names_not_their_places():
    sharp = planes(1.0, 0.0)
    shown = (Shown("sharp", sharp), Shown("blurred", sharp))
    picture = images_of(pictures.write_rows([Example("x", (), shown, ("blue", "green"))]))[0]
    assert picture[0, -1].tolist() == pytest.approx([0, 0, 255], abs=4)


def test_an_erased_channel_is_seen():
    erased = planes(0.2, 0.0, 0.5)
    mine = images_of(pictures.write_rows([example(restored=erased)]))[2]
    assert mine[0, -1].tolist() == pytest.approx([255, 0, 255], abs=4)
    assert mine[8:].max() <= 4


def test_one_channel_and_many_are_grey():
    for count in (1, 6):
        shown = (Shown("sharp", planes(*[1.0] * count)),)
        picture = images_of(pictures.write_rows([Example("x", (), shown)]))[0]
        assert picture.shape == (8, 8, 3)
        assert picture[0, -1].tolist() == pytest.approx([255, 255, 255], abs=4)


def test_large_images_are_shown_smaller():
    shown = (Shown("sharp", planes(1.0, side=1000)),)
    picture = images_of(pictures.write_rows([Example("x", (), shown)]))[0]
    assert picture.shape == (pictures.SIDE, pictures.SIDE, 3)


def test_images_of_different_shapes():
    shown = (Shown("sharp", planes(1.0)), Shown("blurred", planes(1.0, side=4)))
    with pytest.raises(OptionError, match="x: images must have the same shape, got 1x8x8, 1x4x4"):
        pictures.write_rows([Example("x", (), shown)])


def test_no_examples():
    assert pictures.write_rows([]) == ""
    with pytest.raises(OptionError, match="examples must be at least one"):
        pictures.draw_rows([])


@pytest.mark.slow
def test_rows_as_one_picture():
    pytest.importorskip("matplotlib")
    data = pictures.draw_rows([example(), example(())])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert picture.shape[0] > picture.shape[1]
    # The ink of a lost label is there, so the labels are.
    ink = np.array([int(pictures.INKS["lost"][at : at + 2], 16) for at in (1, 3, 5)])
    assert (np.abs(picture.astype(int) - ink).max(axis=-1) < 12).any()
