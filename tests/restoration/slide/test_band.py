"""Tests of the uncertainty of slides, which is laid out from what is known of each block."""

import numpy as np
import pytest

from tests.images.slides import made
from unsmear import images
from unsmear.images import slides
from unsmear.restoration.slide import band
from unsmear.restoration.slide.survey import blocks


def laid_out(folder, key, half_width):
    """Lay out half-widths of one value beside a result of a key; return them as they were read."""
    folder.mkdir(exist_ok=True)
    if not (folder / "s.zarr").exists():
        made.write_zarr(folder / "s.zarr")
    slide, path = slides.open(folder / "s.zarr"), folder / "r.zarr.error.tif"
    with slides.given_back(folder / "r.zarr"):
        sink = slides.Sink.create(folder / "r.zarr", slide, np.dtype("u2"), made.BLOCK, key)
        for block in blocks(slide.header.planes().shape, made.BLOCK):
            shape = block.rows.stop - block.rows.start, block.columns.stop - block.columns.start
            band.write(sink.beside, block, np.full(shape, half_width, np.float32))
        band.lay_out(path, slide, sink, made.DONE)
    return images.read(path).pixels


def stop_after(monkeypatch, count):
    """Let a result be stopped when some of its blocks are marked."""
    mark = slides.Sink.mark

    def stopped(sink, *block):
        mark(sink, *block)
        if len(sink.done) == count:
            raise KeyboardInterrupt

    monkeypatch.setattr(slides.Sink, "mark", stopped)


def test_half_widths_of_other_options_are_not_mixed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            laid_out(tmp_path, "one kernel", 1)
    assert not (tmp_path / ".r.zarr.error.tif.lease").exists()
    assert np.all(laid_out(tmp_path, "another kernel", 2) == 2)


def test_half_widths_go_on_where_they_were(tmp_path, monkeypatch):
    whole = laid_out(tmp_path / "whole", "key", 1)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            laid_out(tmp_path, "key", 1)
    written, write = [], slides.Sink.write
    monkeypatch.setattr(
        slides.Sink, "write", lambda sink, *block: written.append(block) or write(sink, *block)
    )
    assert np.array_equal(laid_out(tmp_path, "key", 1), whole)
    assert len(written) == 2 * 9 - 3
