"""A slide's result is made by one process at a time, and what a killed one left can be swept."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.images.slides import made
from unsmear import lease
from unsmear.atomic import write_aside
from unsmear.errors import ImageError
from unsmear.images import slides
from unsmear.images.slides import leases


def begun(folder, key="half"):
    """Begin a result, and give it back with one block written."""
    if not (folder / "s.zarr").exists():
        made.write_zarr(folder / "s.zarr")
    slide, path = slides.open(folder / "s.zarr"), folder / "out" / "r.zarr"
    with slides.given_back(path):
        sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, key)
        place = made.blocks_of(slide)[0]
        sink.write(*place, made.restored(slide.read(*place), "u2"))
        sink.mark(*place, {})
    return sink, place


def orphan(path):
    """Leave the lease of a result as a killed process does."""
    machine, _, name = lease.new_owner().split(" ")
    path.with_name(f".{path.name}.lease").write_text(f"{machine} {2**22 + 1} {name}")
    path.with_name(f".{path.name}.lease.12.clock").touch()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_result_is_given_back_when_its_making_fails(tmp_path):
    made.write_zarr(tmp_path / "s.zarr")
    path = tmp_path / "out" / "r.zarr"
    slide = slides.open(tmp_path / "s.zarr")

    def fail():
        with slides.given_back(path):
            slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK)
            assert names(path.parent) == [".r.zarr.lease", ".r.zarr.part-of-slide"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(path.parent) == [".r.zarr.part-of-slide"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_that_was_killed_is_not_taken_for_this_one(tmp_path):
    child = os.fork()
    if child == 0:
        leases.take(tmp_path / "r.zarr")
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    leases.take(tmp_path / "r.zarr")
    leases.give_back(tmp_path / "r.zarr")
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_swept(tmp_path):
    sink, _ = begun(tmp_path)
    orphan(sink.path)
    slides.abandon(sink.path.with_name("other.zarr"))
    slides.abandon(sink.path, tmp_path / "other.zarr")
    assert len(names(sink.path.parent)) == 3
    slides.abandon(sink.path, tmp_path / "s.zarr")
    assert names(sink.path.parent) == []


def test_what_a_living_process_makes_stays(tmp_path):
    sink, _ = begun(tmp_path)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom unsmear.images.slides import leases\n"
        "leases.take(Path(sys.argv[1]))\nprint('taken', flush=True)\ntime.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(sink.path)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        slides.abandon(sink.path)
        assert leases.folder(sink.path).exists()
        with pytest.raises(ImageError, match=r"^r\.zarr: the result is being made by another"):
            leases.take(sink.path)
    finally:
        other.kill()
        other.wait()
    slides.abandon(sink.path)
    assert names(sink.path.parent) == []


def test_a_lease_that_was_lost_is_taken_anew(tmp_path):
    path = tmp_path / "r.zarr"
    before = threading.active_count()
    with slides.given_back(path):
        leases.take(path)
        orphan(path)  # another process took it over, and was killed
        leases.take(path)
        assert ".r.zarr.lease" in names(tmp_path)
        assert threading.active_count() == before + 1
    assert names(tmp_path) == []
    assert threading.active_count() == before


def test_a_late_block_of_other_options_does_not_meet_the_new_ones(tmp_path):
    """A worker of a cluster may still write when its command was killed and begun anew."""
    late, place = begun(tmp_path, "old options")
    sink, _ = begun(tmp_path, "new options")
    before = sink._planes.read(*place)
    write_aside(sink.beside / "block", b"of the new options")
    late.write(*place, np.full_like(before, 7))
    write_aside(late.beside / "block", b"of the old options")
    assert (sink.beside / "block").read_bytes() == b"of the new options"
    assert np.array_equal(sink._planes.read(*place), before)
    sink.discard()
    assert names(sink.path.parent) == []


@pytest.mark.parametrize("place", ["s.zarr", "s.zarr/r.zarr", "link.zarr", "."])
def test_a_result_is_no_part_of_its_slide(tmp_path, place):
    made.write_zarr(tmp_path / "s.zarr")
    (tmp_path / "link.zarr").symlink_to("s.zarr")
    before = names(tmp_path)
    slide = slides.open(tmp_path / "s.zarr")
    with pytest.raises(ImageError, match="the result must be another file than the slide"):
        slides.Sink.create(tmp_path / place, slide, np.dtype("u2"), made.BLOCK)
    assert names(tmp_path) == before
    assert not [name for name in os.listdir(tmp_path / "s.zarr") if name.startswith(".")]
