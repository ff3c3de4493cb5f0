"""The channel with the nuclei is the one whose name says it, or the one that the user names."""

import numpy as np
import pytest

from unsmear.errors import OptionError
from unsmear.recovery.measures import check, lacking, segment_image, take
from unsmear.recovery.measures import nuclei as of_nuclei
from unsmear.recovery.measures.stains import nuclear
from unsmear.recovery.measures.units import unit_of


@pytest.mark.parametrize(
    ("channels", "wanted", "expected"),
    [
        (("red", "green", "blue"), "", "blue"),
        (("gfp", "dapi"), "", "dapi"),
        (("hoechst 33342", "gfp"), "", "hoechst 33342"),
        (("blue", "dapi"), "", "blue"),
        (("channel 0",), "", None),
        (("channel 0",), "0", "channel 0"),
        (("gfp", "mcherry"), "mCherry", "mcherry"),
    ],
)
def test_the_channel_of_the_nuclei(channels, wanted, expected):
    assert nuclear(channels, wanted) == expected


def test_a_channel_that_is_not_there_is_refused():
    with pytest.raises(OptionError, match=r"--nuclei must be a channel, gfp, dapi, or its number"):
        nuclear(("gfp", "dapi"), "2")


def test_nuclei_are_measured_in_the_channel_that_is_named():
    y, x = np.mgrid[:64, :64]
    plane = np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 60).astype(np.float32)
    planes = np.stack([np.zeros_like(plane), plane])
    masked = segment_image(planes, ("gfp", "channel 1"), nuclei="1")
    assert take(masked, [of_nuclei.measure])["nuclei count"] == 1
    with pytest.raises(OptionError, match="must have a channel named blue, got gfp, channel 1"):
        take(segment_image(planes, ("gfp", "channel 1")), [of_nuclei.measure])


def test_what_cannot_be_measured_says_what_to_do():
    assert list(lacking(["nuclei", "intensity", "colocalisation"], ("gfp",))) == [
        "nuclei", "colocalisation",
    ]  # fmt: skip
    with pytest.raises(OptionError, match="got gfp; --nuclei CHANNEL names the one"):
        check(["nuclei"], ("gfp",))
    check(["nuclei"], ("gfp",), "gfp")


def test_units_follow_the_longest_name():
    assert unit_of("nuclei area error") == "fraction"
    assert unit_of("nuclei count") == "nuclei"
    assert unit_of("nuclear DAPI") == "fraction"
    assert unit_of("brightest") == "-"
