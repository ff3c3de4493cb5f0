"""What an image takes from its place on the plate, and what it keeps."""

import numpy as np
import pytest

from unsmear.data.plates import Place, apply_place
from unsmear.images import Image

PLACE = Place("B02", "B", "2", channel="DAPI", pixel_size=(0.3, 0.3), pixel_size_from="Index.xml")


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, (0.3, 0.3)), ((0.5, 0.5), (0.5, 0.5)), ((352.8, 352.8), (0.3, 0.3))],
)
def test_own_pixel_size_stays_where_it_can_be_one(own, expected):
    image = Image(
        np.zeros((4, 5), np.uint8), "YX", pixel_size=own, pixel_size_from="TIFF" if own else ""
    )
    applied = apply_place(image, PLACE, "Opera/Operetta")
    assert applied.pixel_size == expected
    assert applied.pixel_size_from == ("TIFF" if own == expected else "Index.xml")
