"""Names of results: different on every disk, and such as every system takes."""

import zipfile

import pytest

from tests.cli import damaged
from unsmear.data import naming
from unsmear.data.source import find

PNG = damaged.encode(".png", damaged.plane())


def test_names_that_differ_by_capitals_alone_are_numbered():
    endings = [(".png",), (".png",), (".tif",), (".PNG",)]
    assert naming.distinct([["A", "a", "a", "Ä"]], endings) == ["A", "a_2", "a", "Ä"]
    assert naming.distinct([["Ä", "ä"]], endings[:2]) == ["Ä", "ä_2"]


def test_results_of_such_images_have_names_of_their_own(tmp_path):
    for folder, name in (("x", "Cell"), ("y", "cell")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.png").write_bytes(PNG)
    assert [item.stem for item in find([tmp_path / "x", tmp_path / "y"])] == ["Cell", "cell_2"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a/b", "a/b"),
        ("a:b", "a_b"),
        ("a\\b?*", "a_b__"),
        ("x. /y ", "x/y"),
        ("... ", "_"),
        ("nul", "_nul"),
        ("Con.a", "_Con.a"),
        ("com1 ", "_com1"),
        ("console", "console"),
        ("COM10", "COM10"),
        ("\x07a", "_a"),
    ],
)
def test_what_windows_takes(name, taken):
    assert naming.for_windows(name) == taken


def test_members_of_zip_files_are_named_so_on_windows(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("NUL.png", PNG)
        archive.writestr("b:c.png", PNG)
    assert sorted(item.stem for item in find([tmp_path / "a.zip"])) == ["NUL", "b:c"]
    monkeypatch.setattr(naming, "WINDOWS", True)
    assert sorted(item.stem for item in find([tmp_path / "a.zip"])) == ["_NUL", "b_c"]
