"""Fields of the Human Protein Atlas, their channels and their labels."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsmear import images
from unsmear.data import hpa
from unsmear.data.labels import LABELS, label_number
from unsmear.data.source import find
from unsmear.errors import DataError, ImageError
from unsmear.images import Image

COLOURS = ("red", "green", "blue", "yellow")
PAINT = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}


@pytest.fixture
def planes():
    rng = np.random.default_rng(3)
    noise = rng.random((4, 40, 48)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), 2) for plane in noise])
    return cv2.normalize(smooth, None, 0, 250, cv2.NORM_MINMAX).astype(np.uint8)


def read_field(folder, **options):
    [item] = find([folder], **options)
    return item.read()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_written_field_reads_back(tmp_path, planes, dtype):
    counts = planes.astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    size = (0.08, 0.08)
    written = hpa.write(tmp_path / "sub/ab", Image(counts, "CYX", COLOURS, size), "smeared")
    assert [path.name for path in written] == [f"ab_{colour}.png" for colour in COLOURS]
    image = read_field(tmp_path)
    assert image.pixel_size == pytest.approx(size, rel=1e-6)
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.pixels, counts)
    assert all(b"smeared" in path.read_bytes() for path in written)
    again = hpa.write(tmp_path / "again/ab", image)
    assert all(b"smeared" in path.read_bytes() for path in again)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_field_gives_back_the_endings_that_were_read(tmp_path, planes, dtype):
    counts = planes.astype(dtype)
    endings = (".tif", ".TIFF", ".npy" if dtype == np.float32 else ".png")
    for colour, plane, ending in zip(COLOURS[:3], counts, endings, strict=False):
        described = {"tiff": {"description": "stained", "compression": 8}}
        channel = Image(plane, "YX", metadata=described)
        images.write(tmp_path / f"in/ab_{colour}{ending}", channel)
    image = read_field(tmp_path / "in")
    written = hpa.write(tmp_path / "out/ab", image, "smeared")
    names = [f"ab_{colour}{e}" for colour, e in zip(COLOURS, endings, strict=False)]
    assert [path.name for path in written] == names
    assert written == hpa.paths(tmp_path / "out/ab", image)
    np.testing.assert_array_equal(read_field(tmp_path / "out").pixels, counts[:3])
    carried = images.read(written[0]).metadata["tiff"]
    assert (carried["description"], carried["compression"]) == ("stained\nsmeared", 8)


def test_jpeg_channels_become_png(tmp_path, planes):
    for colour, plane in zip(COLOURS, planes, strict=True):
        cv2.imwrite(str(tmp_path / f"ab_{colour}.jpg"), plane)
    image = read_field(tmp_path)
    names = [path.name for path in hpa.paths("out/ab", image)]
    assert names == [f"ab_{colour}.png" for colour in COLOURS]


def test_field_is_written_whole_or_not_at_all(tmp_path, planes):
    field = Image(planes, "CYX", COLOURS)
    (tmp_path / "ab_blue.png").mkdir()
    with pytest.raises(ImageError, match=r"^ab_blue.png: the file cannot be written"):
        hpa.write(tmp_path / "ab", field)
    mixed = Image(
        planes.astype(np.float32),
        "CYX",
        COLOURS,
        metadata={"hpa": {colour: {"ending": ".tif"} for colour in COLOURS[:2]}},
    )
    with pytest.raises(ImageError, match=r"^ab_blue.png: a PNG must be"):
        hpa.write(tmp_path / "ab", mixed)
    assert [path.name for path in tmp_path.iterdir()] == ["ab_blue.png"]


def test_write_refuses_channels_that_are_no_colours(tmp_path, planes):
    for channels in [(), ("DAPI", "ER", "a", "b")]:
        with pytest.raises(ImageError, match="channels must be named among red"):
            hpa.write(tmp_path / "ab", Image(planes, "CYX", channels))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_coloured_files_give_their_brightest_sample(tmp_path, planes, ending):
    for colour, plane in zip(COLOURS, planes, strict=True):
        painted = np.dstack([plane * sample for sample in PAINT[colour]]).astype(np.uint8)
        options = [cv2.IMWRITE_JPEG_QUALITY, 98] if ending == "jpg" else []
        cv2.imwrite(str(tmp_path / f"ab_{colour}.{ending}"), painted[..., ::-1], options)
    image = read_field(tmp_path)
    assert image.axes == "CYX"
    difference = np.abs(image.pixels.astype(int) - planes)
    assert difference.max() <= (0 if ending == "png" else 30)
    assert difference.mean() <= (0 if ending == "png" else 3)


def test_transparency_is_no_channel(tmp_path, planes):
    for colour, plane in zip(COLOURS[:3], planes, strict=False):
        rgba = np.dstack([plane, plane, plane, np.full_like(plane, 255)])
        images.write(tmp_path / f"ab_{colour}.png", Image(rgba, "YXS"))
    np.testing.assert_array_equal(read_field(tmp_path).pixels, planes[:3])


def spoil_size(planes):
    return Image(planes[0, :-1], "YX")


def spoil_dtype(planes):
    return Image(planes[0].astype(np.uint16), "YX")


def spoil_composite(planes):
    return Image(np.dstack(list(planes[:3])), "YXS")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_size, "must be 40x48 uint8 like ab_red.png, got 39x48 uint8"),
        (spoil_dtype, "must be 40x48 uint8 like ab_red.png, got 40x48 uint16"),
        (spoil_composite, "grey or of a single colour, got 3 samples that differ"),
    ],
)
def test_channel_that_does_not_fit_is_named(tmp_path, planes, spoil, sentence):
    hpa.write(tmp_path / "ab", Image(planes, "CYX", COLOURS))
    sharp = (planes > 120).astype(np.uint8) * 255
    images.write(tmp_path / "ab_blue.png", spoil(sharp))
    with pytest.raises(ImageError, match=r"^ab_blue.png: ") as raised:
        read_field(tmp_path)
    assert sentence in str(raised.value)


def test_stack_is_no_channel(tmp_path, planes):
    for colour in COLOURS:
        images.write(tmp_path / f"ab_{colour}.tif", Image(planes, "ZYX"))
    with pytest.raises(ImageError, match=r"^ab_red.tif: .*one plane, got 4 \(ZYX\)"):
        read_field(tmp_path)


label_lists = st.dictionaries(
    st.text("abcdef0123456789-", min_size=1, max_size=12),
    st.lists(st.integers(0, 18), min_size=1, max_size=5),
)


@given(label_lists, st.booleans())
@pytest.mark.slow
def test_labels_by_number_and_by_name(tmp_path_factory, labels, by_name):
    path = tmp_path_factory.mktemp("labels") / "train.csv"
    spelled = {
        name: "|".join(LABELS[n].upper() if by_name else str(n) for n in numbers)
        for name, numbers in labels.items()
    }
    path.write_text("ID,Label\n" + "".join(f"{k},{v}\n" for k, v in spelled.items()))
    assert hpa.read_labels(path) == {name: tuple(numbers) for name, numbers in labels.items()}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ID,Label\na,0\nb,19\n", "line 3: .*got '19'"),
        ("ID,Label\na,0\n\nb,Nucleus\n", "line 4: .*got 'Nucleus'"),
        ("ID,Label\na\n", "line 2: "),
        ("ID,Label\na,\n", "line 2: "),
        ("ID,Label\n,3\n", "line 2: "),
        ("ID,Label\na,1|\n", "line 2: "),
        ("ID,Label\na,1\na,2\n", "line 3: .*got a again"),
        ("name,Label\na,1\n", "ID,Label"),
        ("", "ID,Label"),
        (b"ID,Label\n\xff,1\n", "UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_bad_row_is_named_by_file_and_line(tmp_path, text, sentence):
    path = tmp_path / "train.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=f"^train.csv.*{sentence}"):
        hpa.read_labels(path)


@pytest.mark.parametrize("label", ["\u00b2", "9" * 5000, "-1", "1.0", "", "0" * 5000])
def test_a_label_of_other_digits_is_refused(label):
    with pytest.raises(DataError, match="a label must be a number from 0 to 18") as raised:
        label_number(label)
    assert len(str(raised.value)) < 200
    assert (label_number("05"), label_number(" 18 ")) == (5, 18)


@pytest.mark.slow
def test_real_fields(shared_data):
    png, jpeg = (item.read() for item in find([shared_data / "hpa"]))
    for image in (png, jpeg):
        assert image.channels == COLOURS
        assert image.pixels.shape == (4, 1728, 1728)
        assert image.pixels.dtype == np.uint8
        assert (image.pixels.max((1, 2)) > 200).all()


def test_real_label_list(shared_data):
    labels = hpa.read_labels(shared_data / "hpa_labels/train.csv")
    assert len(labels) == 21_806
    assert sum(0 in of_image for of_image in labels.values()) == 8_797
    assert sum(18 in of_image for of_image in labels.values()) == 34
