"""Frames through shared memory: none is overwritten, and who is gone is noticed."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from unsmear.blur import Motion
from unsmear.errors import ImageError, OptionError
from unsmear.streaming import stream
from unsmear.streaming.ring import FrameRing

SHAPE = (24, 32)

PRODUCER = """
import sys
import numpy as np
from unsmear.streaming.ring import FrameRing

known = {"pixel_size": 0.2, "exposure": 0.01}
ring = FrameRing.create((24, 32), np.uint16, slots=3, name=sys.argv[1], **known)
print("made", flush=True)
for number in range(int(sys.argv[2])):
    ring.put(np.full((24, 32), number, np.uint16), place=(0.0, 4.0 * number))
print("put", flush=True)
if sys.argv[3] == "end":
    ring.end()
    sys.stdin.read()
    ring.close()
else:
    import os
    os._exit(0)
"""


@pytest.fixture
def ring():
    with FrameRing.create(SHAPE, np.uint16, slots=3, pixel_size=0.2, exposure=0.01) as made:
        yield made


def frame(number):
    return np.full(SHAPE, number, np.uint16)


def test_frames_come_with_what_is_known_of_them(ring):
    ring.put(frame(7), place=(3.0, 4.0))
    ring.put(frame(8), number=21)
    ring.end()
    first, second = ring
    assert (first.name, second.name) == ("frame-000000", "frame-000021")
    assert first.image.pixel_size == (0.2, 0.2)
    assert first.image.timing.of(0) == 0.01
    assert first.image.timing.place == (3.0, 4.0)
    assert second.image.timing.place is None
    assert np.array_equal(second.image.pixels, frame(8))
    assert 0 <= time.monotonic() - first.arrived < 60


def test_a_full_ring_takes_no_frame_and_overwrites_none(ring):
    assert all(ring.put(frame(n)) for n in range(3))
    assert not ring.put(frame(9), timeout=0.01)
    ring.end()
    assert [int(f.image.pixels[0, 0]) for f in ring] == [0, 1, 2]


def test_a_producer_waits_for_room(ring):
    def produce():
        for number in range(20):
            ring.put(frame(number))
        ring.end()

    thread = threading.Thread(target=produce)
    thread.start()
    assert [int(f.image.pixels[0, 0]) for f in ring] == list(range(20))
    thread.join()


def test_a_stream_reads_a_ring(ring):
    ring.put(frame(5))
    ring.put(frame(5))
    ring.end()
    left = list(stream(ring, Motion(3), method="wiener", check_every=0))
    assert [streamed.name for streamed in left] == ["frame-000000", "frame-000001"]
    assert all(np.array_equal(streamed.image.pixels, frame(5)) for streamed in left)


def test_a_frame_that_is_damaged_in_memory_is_marked(ring, monkeypatch):
    monkeypatch.setattr("unsmear.streaming.ring.TORN", 0.01)
    ring.put(frame(1))
    ring.put(frame(2))
    ring._pixels[0, 3, 3] = 9999
    ring.end()
    damaged, whole = ring
    assert damaged.image is None
    assert damaged.problem.startswith("frame-000000: its checksum is wrong")
    assert whole.image is not None


@pytest.mark.slow
@pytest.mark.parametrize("end", ["end", "killed"])
def test_another_process_fills_the_ring(end):
    name = f"unsmear-test-{time.monotonic_ns()}"
    words = [sys.executable, "-c", PRODUCER, name, "9", end]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as producer:
        assert producer.stdout.readline() == "made\n"
        read = []
        with FrameRing.attach(name) as ring:
            if end == "end":
                read = [int(f.image.pixels[0, 0]) for f in ring]
                assert read == list(range(9))
                left = producer.communicate()
                assert left == ("put\n", "")
            else:
                frames = iter(ring)
                read = [int(next(frames).image.pixels[0, 0]) for _ in range(9)]
                producer.wait()
                with pytest.raises(OptionError, match="that writes this ring has ended"):
                    next(frames)


def test_a_producer_notices_that_nobody_reads_any_more(ring, monkeypatch):
    monkeypatch.setattr("unsmear.streaming.ring.LIVES", 0.01)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ring._header[0]["consumer"] = gone.pid
    for number in range(3):
        ring.put(frame(number))
    with pytest.raises(OptionError, match="the process that reads this ring has ended"):
        ring.put(frame(3))


def test_what_no_ring_can_hold_is_refused(ring):
    with pytest.raises(ImageError, match="a frame must be 24x32 pixels in this ring, got 4x4"):
        ring.put(np.zeros((4, 4)))
    with pytest.raises(OptionError, match="got 8 of 4x4 int64"):
        FrameRing.create((4, 4), np.int64)
    with pytest.raises(OptionError, match="there is a ring of this name already"):
        FrameRing.create(SHAPE, np.uint8, name=ring.name)
    with pytest.raises(OptionError, match="there is no ring of this name"):
        FrameRing.attach("unsmear-none")


def test_other_shared_memory_is_no_ring():
    from multiprocessing.shared_memory import SharedMemory

    memory = SharedMemory(create=True, size=4096)
    try:
        with pytest.raises(OptionError, match="must hold a ring of frames, got other data"):
            FrameRing.attach(memory.name)
    finally:
        memory.close()
        memory.unlink()
