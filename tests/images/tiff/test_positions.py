"""Positions of the stage, and images that are spread over several files."""

import io

import numpy as np
import pytest
import tifffile

from tests.images.kinds import micromanager
from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import tiff

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
)
NAMES = [f"run_MMStack_Pos{number}.ome.tif" for number in range(3)]


def planes(*shape, dtype="u2"):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def encoded(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="minisblack", metadata=None, **options)
    return stream.getvalue()


def image_name(image):
    return image.metadata["tiff"]["ome"]["Name"]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("present", [(0, 1, 2), (0, 1), (1, 2), (0,), (2,)])
def test_each_file_of_micromanager_is_its_own_position(present, times, tmp_path):
    wanted = {p: micromanager(tmp_path / NAMES[p], p, NAMES, times) for p in present}
    for position, pixels in wanted.items():
        path = tmp_path / NAMES[position]
        image = images.read(path)
        assert image.axes == "TCZYX"[times == 1 :]
        np.testing.assert_array_equal(image.pixels, pixels if times > 1 else pixels[0])
        assert image_name(image) == f"run_MMStack_Pos{position}"
        assert image.unkept == ()
        assert tiff.members(path) == (path.name,)
        out = tmp_path / "out" / path.name
        images.write(out, image.with_planes(image.planes() + 1), "note")
        xml = out.read_bytes()
        assert xml.index(f'Name="run_MMStack_Pos{position}"'.encode()) < xml.index(b"note")


@pytest.mark.parametrize("present", [(0, 1), (1,)])
def test_positions_without_ome_metadata(present, tmp_path):
    wanted = {p: micromanager(tmp_path / NAMES[p], p, NAMES[:2], ome=False) for p in present}
    for position, pixels in wanted.items():
        image = images.read(tmp_path / NAMES[position])
        np.testing.assert_array_equal(image.pixels, pixels[0])
        assert image.channels == ("DAPI", "Cy5")


def test_a_stack_that_stopped_is_not_filled_with_black(tmp_path):
    micromanager(tmp_path / NAMES[0], 0, NAMES[:2])
    micromanager(tmp_path / NAMES[1], 1, NAMES[:2], stopped=1)
    assert images.read(tmp_path / NAMES[0]).axes == "CZYX"
    with pytest.raises(ImageError, match="lacks 1 of its 6 planes"):
        images.read(tmp_path / NAMES[1])


def pixels_of(number, names, size=6, name="set", stains=("DAPI", "GFP"), pixel_size=0.325):
    """Return the OME-XML of an image of one plane a file, each another channel."""
    parts = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{file}">urn:uuid:{file}'
        "</UUID></TiffData>"
        for c, file in enumerate(names)
    )
    channels = "".join(
        f'<Channel ID="Channel:{number}:{c}" Name="{stains[c]}" SamplesPerPixel="1"/>'
        for c in range(len(names))
    )
    return (
        f'<Image ID="Image:{number}" Name="{name}"><Pixels ID="Pixels:{number}" '
        f'DimensionOrder="XYCZT" Type="uint16" SizeX="7" SizeY="{size}" SizeC="{len(names)}" '
        f'SizeZ="1" SizeT="1" PhysicalSizeX="{pixel_size}" PhysicalSizeY="{pixel_size}">'
        f"{channels}{parts}</Pixels></Image>"
    )


def test_the_file_that_a_set_lacks_is_named(tmp_path):
    names = ["a &amp; b C0.ome.tif", "a &amp; b C1.ome.tif"]
    path = tmp_path / "a & b C0.ome.tif"
    xml = f'{HEAD} UUID="urn:uuid:{names[0]}">{pixels_of(0, names)}</OME>'
    path.write_bytes(encoded(planes(6, 7), description=xml.encode()))
    with pytest.raises(ImageError, match=r"set must lie beside it, got no a & b C1\.ome\.tif\.$"):
        images.read(path)
    (tmp_path / "a & b C1.ome.tif").write_bytes(path.read_bytes())
    assert images.read(path).channels == ("DAPI", "GFP")
    assert tiff.members(path) == ("a & b C0.ome.tif", "a & b C1.ome.tif")


def test_a_companion_that_describes_several_images(tmp_path):
    described = "".join(
        pixels_of(p, [f"p{p}c{c}.ome.tif" for c in range(2)], name=f"Pos{p}") for p in range(2)
    )
    (tmp_path / "set.companion.ome").write_text(f'{HEAD} UUID="urn:uuid:9">{described}</OME>')
    pixels = planes(2, 2, 6, 7)
    for p in range(2):
        for c in range(2):
            xml = f'{HEAD}><BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/></OME>'
            data = encoded(pixels[p, c], description=xml.encode())
            (tmp_path / f"p{p}c{c}.ome.tif").write_bytes(data)
    for p in range(2):
        image = images.read(tmp_path / f"p{p}c1.ome.tif")
        np.testing.assert_array_equal(image.pixels, pixels[p])
        assert image_name(image) == f"Pos{p}"
        assert set(tiff.members(tmp_path / f"p{p}c1.ome.tif")) == {
            f"p{p}c{c}.ome.tif" for c in range(2)
        }
        images.write(tmp_path / "out.ome.tif", image, "note")
        again = images.read(tmp_path / "out.ome.tif")
        assert (image_name(again), again.channels) == (f"Pos{p}", ("DAPI", "GFP"))


def test_the_colours_of_a_file_with_a_companion(tmp_path):
    described = (
        '<Image ID="Image:0" Name="he"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" '
        'SizeX="7" SizeY="6" SizeC="3" SizeZ="1" SizeT="1"><Channel ID="Channel:0:0" '
        'SamplesPerPixel="3"/><TiffData IFD="0" PlaneCount="1"><UUID FileName="he.ome.tif">'
        "urn:uuid:1</UUID></TiffData></Pixels></Image>"
    )
    (tmp_path / "set.companion.ome").write_text(f'{HEAD} UUID="urn:uuid:9">{described}</OME>')
    pixels = planes(6, 7, 3, dtype="u1")
    xml = f"{HEAD}><BinaryOnly MetadataFile='set.companion.ome' UUID='urn:uuid:9'/></OME>"
    with tifffile.TiffWriter(tmp_path / "he.ome.tif") as file:
        file.write(pixels, photometric="rgb", metadata=None, description=xml.encode())
    image = images.read(tmp_path / "he.ome.tif")
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("other", [{"pixel_size": 0.65}, {"stains": ("Cy5", "GFP")}])
def test_images_with_other_metadata_are_no_positions_of_one(other, tmp_path):
    described = [
        pixels_of(0, ["a.ome.tif"], name="low"),
        pixels_of(1, ["a.ome.tif"], name="high", **other).replace('IFD="0"', 'IFD="1"'),
    ]
    xml = f'{HEAD} UUID="urn:uuid:a.ome.tif">{"".join(described)}</OME>'
    path = tmp_path / "a.ome.tif"
    path.write_bytes(encoded(planes(2, 6, 7), description=xml.encode()))
    assert images.scenes(path) == ["low", "high"]
    high = images.read(path, scene=1)
    assert high.pixel_size[0] == other.get("pixel_size", 0.325)
    assert high.channels == (other.get("stains", ("DAPI",))[0],)


@pytest.mark.parametrize("scene", [-1, 1])
def test_a_scene_that_is_none_is_refused(scene, tmp_path):
    images.write(tmp_path / "a.tif", images.Image(planes(6, 7), "YX"))
    with pytest.raises(ImageError, match=rf"the image's number must be 0 to 0, got {scene}\."):
        images.read(tmp_path / "a.tif", scene=scene)
