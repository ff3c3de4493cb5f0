"""Values for parts of an image on the command line: --kernel DAPI=beads.tif, --length 1=8."""

from pathlib import Path

import pytest

from unsmear.cli.options.kernel import KernelOptions
from unsmear.cli.options.place import PlaceOptions
from unsmear.errors import OptionError


def test_values_for_all_parts_and_for_each():
    options = PlaceOptions(length=("DAPI=4", "GFP=8"), angle=("30",))
    assert options.by_place() == {"DAPI": KernelOptions(4, 30), "GFP": KernelOptions(8, 30)}
    options = PlaceOptions(length=("10",), angle=("t=0=30", "t=1=50"))
    assert options.by_place() == {"t=0": KernelOptions(10, 30), "t=1": KernelOptions(10, 50)}
    assert PlaceOptions(length=("10",), angle=("30",)).by_place() == {"": KernelOptions(10, 30)}
    assert PlaceOptions().by_place() == {"": KernelOptions()}


def test_kernels_and_lengths_and_what_did_not_move():
    options = PlaceOptions(
        length=("GFP=8", "RFP=0"), angle=("30",), kernel=("DAPI=a.txt", "Cy5=none")
    )
    assert options.by_place() == {
        "GFP": KernelOptions(8, 30), "RFP": None, "DAPI": KernelOptions(kernel=Path("a.txt")),
        "Cy5": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"length": ("8", "9"), "angle": ("3",)}, "--length must be given once, got 8 and 9"),
        ({"kernel": ("A=a.txt", "A=b.txt")}, "--kernel must be given once for A, got A=a.txt and"),
        ({"length": ("8", "A=9"), "angle": ("3",)}, "once, or once for each part by its name"),
        ({"length": ("A=8",), "angle": ("A=3", "B=4")}, "B: --angle must come with --length"),
        ({"length": ("A=8",)}, "A: --length must come with --angle"),
        ({"length": ("A=x",), "angle": ("3",)}, "--length must be a number, got 'A=x'"),
        ({"kernel": ("none",)}, "--kernel must name the part that did not move: PART=none"),
        ({"kernel": ("A=a.txt",), "length": ("A=8",), "angle": ("3",)}, "given in one way"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        PlaceOptions(**options).by_place()


def test_a_file_whose_name_holds_an_equals_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a=b.txt").write_text("1")
    assert list(PlaceOptions(kernel=("a=b.txt",)).by_place()) == [""]
    found = PlaceOptions(kernel=("t=2=a=b.txt",)).by_place()
    assert found == {"t=2": KernelOptions(kernel=Path("a=b.txt"))}
