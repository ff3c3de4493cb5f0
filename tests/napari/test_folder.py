"""The widget for a folder: it starts `unsmear restore`, follows its record, and stops it."""

from types import SimpleNamespace

import pytest

import unsmear
from tests.napari.conftest import smeared
from unsmear.batches import layout
from unsmear.cli import app
from unsmear.errors import UnsmearError
from unsmear.images import Image


@pytest.fixture
def opened():
    """What was opened in the viewer."""
    return []


@pytest.fixture
def widget(qt, wait, opened):
    """Return the widget, with a viewer that notes what is opened in it."""
    from unsmear.napari.folder import FolderWidget

    viewer = SimpleNamespace(open=lambda path, plugin: opened.append((path, plugin)))
    widget = FolderWidget(viewer)
    yield widget
    widget.stop.click()
    wait(lambda: not widget.running)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of an image that moved and one that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    unsmear.write(folder / "cells.tif", Image(smeared((64, 64), 7), "YX"))
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.mark.slow
def test_a_folder_is_restored_and_a_result_opened(widget, folder, tmp_path, wait, opened):
    output = tmp_path / "restored"
    widget.source.setText(str(folder))
    widget.target.setText(str(output))
    widget.band.setChecked(True)
    assert "--uncertainty" in widget.arguments()
    widget.start.click()
    assert widget.running
    assert not widget.start.isEnabled()
    wait(lambda: not widget.running)
    assert widget.message.text().startswith("2 of 2 files: ")
    assert "1 failed" in widget.message.text()
    lines = [widget.images.item(n).text() for n in range(widget.images.count())]
    assert any(line.startswith("cells: ") for line in lines)
    assert any(line.startswith("bad.png: ") for line in lines)
    (cells,) = (n for n, line in enumerate(lines) if line.startswith("cells: "))
    widget.images.itemDoubleClicked.emit(widget.images.item(cells))
    assert opened == [(str(output / "cells.tif"), "unsmear")]
    assert unsmear.read(output / "cells.tif").pixels.shape == (64, 64)
    assert widget.page.isEnabled() == layout.page(output).exists()
    assert "--resume" in widget.arguments()


@pytest.mark.slow
def test_a_batch_is_stopped(widget, folder, tmp_path, wait):
    for number in range(30):
        unsmear.write(folder / f"more-{number}.tif", Image(smeared((128, 128), 9), "YX"))
    widget.source.setText(str(folder))
    widget.target.setText(str(tmp_path / "restored"))
    widget.start.click()
    wait(lambda: widget.images.count() > 0)
    widget.stop.click()
    wait(lambda: not widget.running)
    assert 0 < widget.images.count() < 32
    assert widget.start.isEnabled()


def test_folders_must_be_given(widget):
    widget.start.click()
    assert not widget.running
    assert widget.message.text() == ("Both folders must be given: that of the images, and another.")


@pytest.mark.slow
def test_what_cannot_go_on_says_why(widget, folder, tmp_path, wait):
    """Results of another version are not mixed with new ones."""
    output = tmp_path / "restored"
    (folder / "bad.png").unlink()
    options = ["restore", str(folder), "-o", str(output), "--per", "file"]
    with pytest.raises(SystemExit, match="0"):
        app(options)
    widget.source.setText(str(folder))
    widget.target.setText(str(output))
    widget.start.click()
    wait(lambda: not widget.running)
    assert "--per" in widget.message.text()


@pytest.fixture
def at_work(widget, tmp_path, monkeypatch):
    """Return the widget while a batch is at work that never ends."""
    monkeypatch.setattr(widget, "arguments", lambda: ["-c", "import time; time.sleep(60)"])
    widget.source.setText(str(tmp_path))
    widget.target.setText(str(tmp_path / "restored"))
    widget.start.click()
    assert widget.process.waitForStarted()
    return widget


def test_closing_napari_ends_the_batch(at_work):
    at_work._quit()
    assert not at_work.running


def test_another_folder_for_results_changes_nothing_of_what_is_at_work(
    at_work, tmp_path, monkeypatch
):
    from unsmear.napari import folder

    read = []

    def no_record(output):
        read.append(output)
        raise UnsmearError("no record.")

    monkeypatch.setattr(folder.record, "read", no_record)
    at_work.target.setText(str(tmp_path / "another"))
    at_work._look()
    assert read == [tmp_path / "restored"]


def test_a_record_that_cannot_be_read_leaves_the_buttons_of_use(at_work, wait, monkeypatch):
    from unsmear.napari import folder

    def damaged(output):
        raise UnsmearError("the record is damaged.")

    monkeypatch.setattr(folder.record, "exists", lambda output: True)
    monkeypatch.setattr(folder.record, "read", damaged)
    at_work.stop.click()
    wait(lambda: not at_work.running)
    assert at_work.message.text() == "the record is damaged."
    assert at_work.start.isEnabled()
    at_work.start.click()
    assert at_work.message.text() == "the record is damaged."
    assert not at_work.running
