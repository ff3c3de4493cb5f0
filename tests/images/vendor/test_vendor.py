"""Files of microscopes' own formats: read, or one sentence that says what to do."""

import builtins
import sys
from pathlib import Path
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest

from tests.images.vendor import made
from unsmear import images
from unsmear.errors import ImageError, MissingExtra
from unsmear.images import files
from unsmear.images.image import SeveralImagesError
from unsmear.images.vendor import czi, reader

VENDOR = Path(__file__).parents[4] / "shared/data/vendor_files"
needs_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="needs the shared real files")
HEADS = {
    "a.czi": b"ZISRAWFILE",
    "a.nd2": bytes.fromhex("dacebe0a"),
    "a.lif": bytes.fromhex("70000000"),
    "a.oib": bytes.fromhex("d0cf11e0a1b11ae1"),
    "a.oif": "[FileInformation]".encode("utf-16"),
}


@needs_files
def test_scenes_of_a_czi(tmp_path):
    path = VENDOR / "xyz__multiple_images.czi"
    assert images.scenes(path) == ["scene 1", "scene 2"]
    with pytest.raises(SeveralImagesError, match="holds 2 images"):
        images.read(path)
    for scene in (0, 1):
        image = images.read(path, scene=scene)
        assert (image.axes, image.pixels.shape, image.pixels.dtype) == ("ZYX", (2, 251, 251), "u2")
        assert image.pixel_size == pytest.approx((0.1956444, 0.1956444))
        lost = images.write(tmp_path / f"{scene}.ome.tif", image, "note")
        assert lost == ("Zeiss' own metadata",)
        again = images.read(tmp_path / f"{scene}.ome.tif")
        np.testing.assert_array_equal(again.pixels, image.pixels)
        assert again.pixel_size == pytest.approx(image.pixel_size)
    assert not np.array_equal(images.read(path, scene=0).pixels, image.pixels)


@needs_files
def test_an_nd2(tmp_path):
    image = images.read(VENDOR / "cluster.nd2")
    assert (image.axes, image.pixels.shape) == ("TCZYX", (3, 2, 10, 31, 38))
    assert image.channels == ("5-FAM/pH 9.0", "FM 4-64/2% CHAPS")
    assert image.pixel_size == pytest.approx((0.167809, 0.167809))
    images.write(tmp_path / "a.ome.tif", image, "note")
    again = images.read(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(again.planes(), image.planes())
    assert again.channels == image.channels


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("rest", [b"", bytes(600), b"\xff" * 5000])
def test_a_damaged_file_is_one_sentence(name, rest, tmp_path, capfd):
    (tmp_path / name).write_bytes(HEADS[name] + rest)
    with pytest.raises(ImageError, match=rf"^{name}: [^\n]*\.$"):
        images.read(tmp_path / name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.czi", "czifile"), ("a.nd2", "nd2"), ("a.lif", "liffile"), ("a.oib", "oiffile")],
)
def test_a_missing_reader_names_the_extra(name, package, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(HEADS[name] + bytes(600))
    monkeypatch.delitem(sys.modules, package, raising=False)
    imported = builtins.__import__

    def refuse(module, *rest, **more):
        if module.partition(".")[0] == package:
            raise ImportError(module)
        return imported(module, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setitem(sys.modules, package, None)
    sentence = rf"^{name}: .* needs {package}: pip install 'unsmear\[formats\]'\.$"
    with pytest.raises(MissingExtra, match=sentence):
        images.read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a.vsi", "an Olympus VSI slide, which cannot be read; export it as OME-TIFF"),
        ("a.oir", "an Olympus OIR file, which cannot be read; export it as OME-TIFF"),
        ("a.h5", "an HDF5 file, which cannot be read; export it as OME-TIFF"),
        ("a.dm3", "a Gatan file, which cannot be read; export it as OME-TIFF"),
        ("a.gif", "a GIF, which cannot be read; save it as TIFF or PNG"),
        ("a.dat", "none of them; save it as one of them"),
    ],
)
def test_a_format_without_a_reader_is_named(name, sentence, tmp_path):
    # A VSI begins as a TIFF does, and its pixels lie elsewhere.
    (tmp_path / name).write_bytes((b"II*\0" if name == "a.vsi" else b"\1\2") + bytes(600))
    with pytest.raises(ImageError) as raised:
        images.read(tmp_path / name)
    assert str(raised.value).startswith(f"{name}: ")
    assert str(raised.value).endswith(f"got {sentence}.")


def test_dimensions_that_are_none_of_ours():
    arguments = {"source": "x", "metadata": {}, "unkept": "x"}
    image = reader.image(np.zeros((1, 3, 1, 5, 6)), "VCBYX", None, "a.czi", **arguments)
    assert (image.axes, image.pixels.shape) == ("CYX", (3, 5, 6))
    image = reader.image(np.zeros((4, 2, 5, 6)), "ZPYX", None, "a.nd2", **arguments)
    assert (image.axes, image.pixels.shape) == ("PZYX", (2, 4, 5, 6))
    with pytest.raises(Exception, match=r"a\.czi: its dimensions \(VYX, 3x5x6\)"):
        reader.image(np.zeros((3, 5, 6)), "VYX", None, "a.czi", **arguments)
    image = reader.image(np.zeros((3, 5, 6)), "VYX", "ZYX", "a.czi", **arguments)
    assert image.axes == "ZYX"


@pytest.mark.parametrize("size", [(1e9, 1e9), (0.0, 0.0), (None, 0.3), (float("nan"), 0.3)])
def test_a_size_that_cannot_be_one_is_not_known(size):
    image = reader.image(np.zeros((5, 6)), "YX", None, "a", size=size, source="x", metadata={},
                         unkept="x")  # fmt: skip
    assert (image.pixel_size, image.pixel_size_from) == (None, "")


def test_a_scan_of_another_plane_is_named():
    with pytest.raises(ImageError, match=r"^a\.lif: an image must have Y and X .* got TCZX"):
        reader.image(np.zeros((2, 3, 5, 6)), "TCZX", None, "a.lif", source="x", metadata={},
                     unkept="x")  # fmt: skip


def block(scene, y, x, value, mosaic, pyramid=0):
    """Return a block of a CZI as czifile of 2019 gives it."""
    pixels = np.full((1, 1, 4, 5, 1), value, np.uint16)
    return SimpleNamespace(
        dimension_entries=[SimpleNamespace(dimension="S", start=scene, size=1)],
        pyramid_type=pyramid,
        mosaic_index=mosaic,
        compression=0,
        axes="SCYX0",
        start=(scene, 0, y, x, 0),
        shape=(1, 1, 4, 5, 1),
        data_segment=lambda: SimpleNamespace(data=lambda resize: pixels),
    )


def test_the_blocks_of_a_czi_are_read_from_a_file(tmp_path):
    pytest.importorskip("czifile")
    rng = np.random.default_rng(0)
    corners = {0: (-5, 100), 1: (-5, 134), 2: (15, 100)}
    blocks = [
        made.Block(rng.integers(1, 60000, (20, 24)).astype("u2"), y, x, {"C": c, "M": number})
        for c in (0, 1)
        for number, (y, x) in corners.items()
    ]
    made.czi(tmp_path / "a.czi", blocks, channels=("DAPI", "GFP"))
    image = images.read(tmp_path / "a.czi")
    expected = np.zeros((2, 40, 58), "u2")
    for block in blocks:
        y, x = block.y + 5, block.x - 100
        expected[block.dims["C"], y : y + 20, x : x + 24] = block.pixels
    assert (image.axes, image.channels) == ("CYX", ("DAPI", "GFP"))
    assert image.pixel_size == pytest.approx((0.15, 0.15))
    assert image.pixel_size_from == "CZI metadata"
    np.testing.assert_array_equal(image.pixels, expected)


def test_scenes_of_a_czi_have_its_names(tmp_path):
    pytest.importorskip("czifile")
    blocks = [
        made.Block(np.full((6 + number, 8), number, "u2"), 0, 50 * number, {"S": number})
        for number in range(3)
    ]
    made.czi(tmp_path / "a.czi", blocks, scenes=("B2", "", "left & right"))
    assert images.scenes(tmp_path / "a.czi") == ["B2", "scene 2", "left & right"]
    for number in range(3):
        image = images.read(tmp_path / "a.czi", scene=number)
        np.testing.assert_array_equal(image.pixels, blocks[number].pixels)
    # One scene of a plate, split into files, has the number that it had there.
    made.czi(tmp_path / "b.czi", [made.Block(blocks[0].pixels, 0, 0, {"S": 2})],
             scenes=("A1", "A2", "A3"))  # fmt: skip
    assert images.scenes(tmp_path / "b.czi") == ["A3"]
    assert images.read(tmp_path / "b.czi").axes == "YX"


@pytest.mark.parametrize("compression", [5, 6, "6 in halves"])
@pytest.mark.parametrize("colours", [False, True])
def test_a_czi_of_zstandard(compression, colours, tmp_path):
    pytest.importorskip("czifile")
    shape = (20, 24, 3) if colours else (20, 24)
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype("u2")
    stored = pixels[..., ::-1] if colours else pixels
    raw = stored.tobytes()
    packed = imagecodecs.zstd_encode(raw)
    if compression == 6:
        packed = b"\1" + packed
    elif compression != 5:
        packed = b"\3\1\1" + imagecodecs.zstd_encode(raw[::2] + raw[1::2])
    number = int(str(compression)[0])
    made.czi(tmp_path / "a.czi", [made.Block(pixels, 0, 0, {"C": 0}, number, packed)])
    np.testing.assert_array_equal(images.read(tmp_path / "a.czi").pixels, pixels)


def test_a_czi_without_metadata_has_its_pixels(tmp_path):
    pytest.importorskip("czifile")
    pixels = np.random.default_rng(0).integers(0, 4000, (6, 8)).astype("u2")
    made.czi(tmp_path / "a.czi", [made.Block(pixels, 0, 0, {"C": 0})], channels=())
    image = images.read(tmp_path / "a.czi")
    assert (image.axes, image.channels, image.pixel_size) == ("YX", (), None)
    np.testing.assert_array_equal(image.pixels, pixels)


def test_a_compression_that_is_not_read_is_named(tmp_path):
    if hasattr(pytest.importorskip("czifile").CziFile, "scenes"):
        pytest.skip("this czifile decodes all by itself")
    pixels = np.zeros((6, 8), "u2")
    made.czi(tmp_path / "a.czi", [made.Block(pixels, 0, 0, {"C": 0}, 999, b"xx")])
    with pytest.raises(ImageError, match=r"^a\.czi: a Zeiss CZI must be .* compression 999"):
        images.read(tmp_path / "a.czi")


def test_memory_that_a_damaged_file_asks_for(tmp_path):
    def ask():
        with reader.guarded(tmp_path, "a.czi", "a Zeiss CZI"):
            raise MemoryError

    with pytest.raises(ImageError, match=r"^a\.czi: a Zeiss CZI must fit in memory"):
        ask()


def test_images_of_a_lif(tmp_path):
    pytest.importorskip("liffile")
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 4095, shape).astype("u2")
                     for shape in ((2, 3, 10, 12), (1, 1, 6, 5)))  # fmt: skip
    made.lif(tmp_path / "a.lif", {"Series 1": (first, ("Leica/ALEXA 488", "DAPI")),
                                  "left": (second, ())})  # fmt: skip
    assert images.scenes(tmp_path / "a.lif") == ["Series 1", "left"]
    image = images.read(tmp_path / "a.lif", scene=0)
    assert (image.axes, image.channels) == ("CZYX", ("ALEXA 488", "DAPI"))
    assert image.pixel_size == pytest.approx((0.2, 0.2))
    np.testing.assert_array_equal(image.pixels, first)
    image = images.read(tmp_path / "a.lif", scene=1)
    assert (image.axes, image.channels) == ("YX", ())
    np.testing.assert_array_equal(image.pixels, second[0, 0])


@pytest.mark.parametrize(("order", "letters"), [("CZT", "CZT"), ("ZCT", "CZT"), ("CZ", "CZ"),
                                                ("ZT", "ZT"), ("C", "C")])  # fmt: skip
def test_the_planes_of_an_oif_are_where_their_names_say(order, letters, tmp_path):
    pytest.importorskip("oiffile")
    sizes = {"C": 3, "Z": 3, "T": 2}
    shape = (*(sizes[letter] for letter in letters), 8, 9)
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype("u2")
    made.oif(tmp_path / "a.oif", f"XY{order}", letters, pixels)
    image = images.read(tmp_path / "a.oif")
    assert set(image.axes) == {*letters, "Y", "X"}
    expected = pixels.transpose([f"{letters}YX".index(letter) for letter in image.axes])
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixel_size == pytest.approx((0.2, 0.2))
    assert image.channels == (("dye1", "dye2", "dye3") if "C" in letters else ())


def test_an_oif_is_copied_with_its_planes(tmp_path):
    pytest.importorskip("oiffile")
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 8, 9)).astype("u2")
    made.oif(tmp_path / "a.oif", "XYC", "C", pixels)
    files.copy(tmp_path / "a.oif", tmp_path / "out" / "b.oif")
    np.testing.assert_array_equal(images.read(tmp_path / "out" / "b.oif").pixels, pixels)


def test_a_mosaic_is_put_together_and_its_gaps_are_zero():
    blocks = [block(0, 2, 7, 2, 1), block(0, 0, 0, 1, 0), block(0, 0, 3, 4, 2),
              block(0, 0, 0, 9, 0, pyramid=1), block(1, 50, 60, 3, 0)]  # fmt: skip
    file = SimpleNamespace(filtered_subblock_directory=blocks, dtype=np.uint16)
    pixels, dims = czi._by_blocks(file, 0, "a.czi")
    assert dims == "sCYXS"
    expected = np.zeros((6, 12), np.uint16)
    expected[:4, :5] = 1
    expected[2:, 7:] = 2
    expected[:4, 3:8] = 4
    np.testing.assert_array_equal(pixels[0, 0, ..., 0], expected)
    pixels, _ = czi._by_blocks(file, 1, "a.czi")
    np.testing.assert_array_equal(pixels[0, 0, ..., 0], np.full((4, 5), 3))
