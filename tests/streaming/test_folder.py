"""Frames of a folder come in order, whatever happens to its files."""

import os
import threading
import time

import numpy as np
import pytest

from unsmear import images
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.streaming.folder import Folder, number_of


def put(folder, number, name="frame-{:03d}.tif"):
    """Write a frame whose pixels say its number."""
    path = folder / name.format(number)
    images.write(path, Image(np.full((8, 8), number, np.uint8), "YX"))
    return path


def frames(folder, **options):
    return list(Folder(folder, **{"idle": 0.3, "patience": 0.2, **options}))


def numbers(given):
    return [None if frame.image is None else int(frame.image.pixels[0, 0]) for frame in given]


class Writer(threading.Thread):
    """Does one thing after the other, with pauses between."""

    def __init__(self, *steps, pause=0.05):
        super().__init__(daemon=True)
        self.steps, self.pause = steps, pause
        self.start()

    def run(self):
        for step in self.steps:
            time.sleep(self.pause)
            step()


def test_a_folder_that_is_being_written(tmp_path):
    writer = Writer(*[lambda n=n: put(tmp_path, n) for n in range(6)])
    given = frames(tmp_path, count=6)
    writer.join()
    assert numbers(given) == list(range(6))
    assert [frame.name for frame in given][:2] == ["frame-000.tif", "frame-001.tif"]


def test_what_is_there_is_taken_by_number_and_not_by_name(tmp_path):
    for number in (10, 9, 11):
        put(tmp_path, number, "f{}.tif")
    assert numbers(frames(tmp_path, idle=0)) == [9, 10, 11]


def test_frames_out_of_order_wait_for_those_before_them(tmp_path):
    put(tmp_path, 0)
    writer = Writer(*[lambda n=n: put(tmp_path, n) for n in (2, 3, 1)])
    assert numbers(frames(tmp_path, patience=2)) == [0, 1, 2, 3]
    writer.join()


def test_a_frame_that_does_not_come_is_marked_and_taken_when_it_does(tmp_path):
    for number in (0, 2, 5):
        put(tmp_path, number)
    source = Folder(tmp_path, idle=0.4, patience=0.1)
    given = []
    for frame in source:
        given.append(frame)
        if frame.missing == 2:
            put(tmp_path, 3)
    assert numbers(given) == [0, None, 2, None, 3, 5]
    assert [frame.missing for frame in given] == [0, 1, 0, 2, 0, 0]
    assert given[1].problem == "frame 1 did not come within 0.1 s of a later one; left out."
    assert given[3].problem.startswith("frames 3 to 4 did not come")
    assert source.given == 4


def test_a_file_that_is_half_written_is_waited_for(tmp_path):
    whole = put(tmp_path, 0).read_bytes()
    path = tmp_path / "frame-000.tif"
    path.write_bytes(whole[:100])
    writer = Writer(lambda: path.write_bytes(whole[:150]), lambda: path.write_bytes(whole))
    given = frames(tmp_path, patience=2)
    writer.join()
    assert numbers(given) == [0]


def test_a_damaged_file_is_marked_and_the_others_go_on(tmp_path):
    for number in range(3):
        put(tmp_path, number)
    path = tmp_path / "frame-001.tif"
    path.write_bytes(path.read_bytes()[:150])
    given = frames(tmp_path)
    assert numbers(given) == [0, None, 2]
    assert given[1].problem.startswith("frame-001.tif: ")
    assert given[1].path == tmp_path / "frame-001.tif"


def test_other_files_and_temporary_ones_are_no_frames(tmp_path):
    put(tmp_path, 0)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".frame-001.tif.1.part").write_bytes(b"half")
    (tmp_path / ".frame-002.tif").write_bytes(b"half")
    assert numbers(frames(tmp_path, idle=0)) == [0]


def test_a_stage_that_stops_leaves_the_count_short(tmp_path):
    for number in range(2):
        put(tmp_path, number)
    source = Folder(tmp_path, count=5, idle=0.1)
    assert len(list(source)) == 2
    assert source.short == 3


def test_what_is_done_is_left_out_and_counts(tmp_path):
    for number in range(4):
        put(tmp_path, number)
    source = Folder(tmp_path, count=4, idle=5, done={"frame-000.tif", "frame-002.tif"})
    assert numbers(source) == [1, 3]
    assert source.short == 0


def test_without_numbers_or_if_asked_frames_come_as_they_arrive(tmp_path):
    for number, name in enumerate(("b.tif", "a.tif")):
        path = put(tmp_path, number, name)
        os.utime(path, (1e9 + number, 1e9 + number))
    assert len(frames(tmp_path, idle=0)) == 2
    far = tmp_path / "far"
    for number in (7, 200):
        put(far, number)
    assert numbers(frames(far, order="arrival", idle=0)) == [7, 200]


def test_arrival_is_when_the_file_was_written(tmp_path):
    source = iter(Folder(tmp_path, idle=2))
    writer = Writer(lambda: put(tmp_path, 0))
    (began, frame) = time.monotonic(), next(source)
    writer.join()
    assert began < frame.arrived < time.monotonic()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("frame-000012.ome.tif", 12), ("t3_c1_0007.PNG", 7), ("a.tif", None), ("2.zarr.tif", 2),
        ("scan2/x.ome.tiff", 2),
    ],
)  # fmt: skip
def test_the_number_of_a_frame(name, number):
    assert number_of(name) == number


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"count": 0}, "count must be 1 or more"),
        ({"idle": -1}, "idle must be 0 or more"),
        ({"patience": float("inf")}, "patience must be 0 or more"),
    ],
)
def test_values_out_of_their_range_are_refused(tmp_path, options, sentence):
    with pytest.raises(OptionError, match=sentence):
        Folder(tmp_path, **options)


def test_a_file_is_no_folder(tmp_path):
    path = put(tmp_path, 0)
    with pytest.raises(OptionError, match="frames must be in a folder, got a file"):
        Folder(path)
