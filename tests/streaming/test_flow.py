"""Frames leave in order, in time or marked, and none is lost."""

import itertools
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.streaming.scanned import SPEED, plan, write
from unsmear import images, streaming
from unsmear.blur import Motion
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.images.timing import Timing
from unsmear.streaming import Flow, Frame, StageMotion, Stream, flow, frames_of, paced, restoring
from unsmear.streaming.restoring import Outcome
from unsmear.synthetic.scan import Exposure

HOW = restoring(Motion(6), "wiener", {}, "both")


def image(value=1, place=None):
    timing = Timing((0.01,), place=place)
    return Image(np.full((32, 32), value, np.uint16), "YX", pixel_size=(0.2, 0.2), timing=timing)


@pytest.fixture
def work(monkeypatch):
    """Return a function by which frames are restored in its place, in no time by itself."""
    done = []

    def stand_in(seconds=0.0, wait=None):
        def restore(how, frame, before, after):
            if wait is not None:
                wait(frame)
            time.sleep(seconds)
            done.append((frame, before, after))
            if frame.image is None:
                return Outcome(None, "failed", frame.problem)
            return Outcome(frame.image, "restored", seconds=seconds)

        monkeypatch.setattr(flow, "restore", restore)
        monkeypatch.setattr(flow, "warm_up", lambda how: None)
        return done

    return stand_in


def run(frames, **options):
    with Stream(frames_of(frames), HOW, Flow(check_every=0, **options)) as stream:
        return list(stream), stream


def test_frames_leave_in_the_order_of_their_arrival(work):
    # The first of each four is the slowest; four threads restore side by side.
    work(wait=lambda frame: time.sleep(0.02 if frame.number % 4 == 0 else 0))
    left, stream = run([image(n) for n in range(16)], workers=4)
    assert [frame.number for frame in left] == list(range(16))
    assert [int(frame.image.pixels[0, 0]) for frame in left] == list(range(16))
    assert stream.summary().counts == {"restored": 16}


def test_an_iterator_that_is_too_fast_waits(work):
    work()
    given = itertools.count()
    frames = (image(next(given)) for _ in range(100))
    with Stream(frames_of(frames), HOW, Flow(check_every=0)) as stream:
        next(stream)
        time.sleep(0.1)
        assert next(given) <= 2 + flow.AHEAD + 1


def test_a_consumer_that_is_slow_loses_nothing(work):
    work()
    with Stream(frames_of([image(n) for n in range(12)]), HOW, Flow(check_every=0)) as stream:
        numbers = []
        for frame in stream:
            time.sleep(0.01)
            numbers.append(frame.number)
    assert numbers == list(range(12))


def test_a_consumer_that_goes_away_lets_the_threads_end(work):
    work()
    before = threading.active_count()
    with Stream(frames_of(image(n) for n in itertools.count()), HOW, Flow(check_every=0)) as stream:
        next(stream)
    assert threading.active_count() == before


def test_what_is_late_waits_or_is_passed_through_and_says_so(work):
    work(seconds=0.05)
    frames = [image(n) for n in range(12)]
    everything = {"budget": 0.02, "borders": "none"}
    waited, stream = run(frames, **everything)
    assert {frame.action for frame in waited} == {"restored"}
    assert stream.summary().late == 12
    passed, stream = run(frames, when_late="pass", **everything)
    assert [frame.number for frame in passed] == list(range(12))
    actions = [frame.action for frame in passed]
    assert actions.count("passed through") >= 10
    marked = next(frame for frame in passed if frame.action == "passed through")
    assert "s were left for it" in marked.reason
    assert marked.image is marked.frame.image
    assert sum(stream.summary().counts.values()) == 12


def test_a_frame_has_those_beside_it_as_borders(work):
    seen = work()
    frames = [image(n, place=(0, 5.0 * n)) for n in range(3)]
    run(frames)
    assert [(b and b.number, a and a.number) for _, b, a in seen] == [(None, 1), (0, 2), (1, None)]
    seen.clear()


def test_a_frame_does_not_wait_for_ever_for_the_one_after_it(work):
    work()
    come = threading.Event()

    def frames():
        yield image(0, place=(0, 0))
        come.wait(5)
        yield image(1, place=(0, 5))

    with Stream(frames_of(frames()), HOW, Flow(patience=0.05, check_every=0)) as stream:
        assert next(stream).number == 0
        come.set()
        assert next(stream).number == 1


def test_an_error_of_the_iterator_is_raised_after_the_frames_before_it(work):
    work()

    def frames():
        yield image(0)
        raise ConnectionError("the camera is gone")

    with Stream(frames_of(frames()), HOW, Flow(check_every=0)) as stream:
        assert next(stream).number == 0
        with pytest.raises(ConnectionError, match="the camera is gone"):
            next(stream)


def test_a_frame_that_fails_is_marked_and_the_others_go_on(work):
    work()
    damaged = Frame("b", None, 1, problem="b: damaged.")
    frames = [Frame("a", image(), 0), damaged, Frame("c", image(), 2)]
    left, stream = run(frames)
    assert [frame.action for frame in left] == ["restored", "failed", "restored"]
    assert left[1].reason == "b: damaged."
    assert not stream.summary().complete


def test_latency_counts_from_when_a_camera_would_have_given_the_frame(work):
    work(seconds=0.03)
    frames = [image(n) for n in range(8)]
    arriving = paced(frames_of(frames), 100)
    with Stream(arriving, HOW, Flow(budget=10, borders="none", check_every=0)) as stream:
        latencies = [frame.latency for frame in stream]
    # Each takes 0.03 s, and they come every 0.01 s.
    assert latencies[-1] > 0.12
    assert latencies == sorted(latencies)


@pytest.fixture(scope="module")
def strip(tmp_path_factory):
    """Return frames and their sharp partners."""
    written = write(plan(tmp_path_factory.mktemp("strip")))
    return [list(map(images.read, paths)) for paths in written]


@pytest.mark.slow
class TestWithRealFrames:
    def test_frames_come_back_sharper_and_the_more_so_with_borders(self, strip):
        frames, sharp = strip
        errors = {}
        for borders in ("none", "both"):
            motion = StageMotion(SPEED)
            left = list(streaming.stream(frames, motion, method="wiener", borders=borders))
            assert {frame.action for frame in left} == {"restored"}
            pairs = list(zip(left, sharp, strict=True))[1:-1]
            sides = [
                frame.image.pixels[:, columns].astype(float) - truth.pixels[:, columns]
                for frame, truth in pairs
                for columns in (slice(0, 6), slice(-6, None))
            ]
            errors[borders] = float(np.std(sides))
        recorded = [
            frame.pixels[:, :6].astype(float) - truth.pixels[:, :6]
            for frame, truth in zip(frames, sharp, strict=True)
        ]
        assert errors["both"] < 0.9 * errors["none"] < np.std(recorded)
        assert [frame.borders for frame in left] == [1, 2, 2, 2, 2, 1]

    def test_with_the_one_before_as_its_only_border_a_frame_waits_for_none(self, strip):
        motion = StageMotion(SPEED)
        left = list(streaming.stream(strip[0], motion, method="wiener", borders="before"))
        assert [frame.borders for frame in left] == [0, 1, 1, 1, 1, 1]

    def test_a_coded_exposure_is_turned_where_the_stage_goes_back(self, tmp_path):
        code = "11110100101"
        grid = replace(plan(tmp_path).grid, count=2, strips=2)
        scan = plan(tmp_path, grid=grid, exposure=Exposure(0.01, code=code))
        frames, sharp = (list(map(images.read, paths)) for paths in write(scan))
        motion = StageMotion(SPEED, code=code)
        left = list(streaming.stream(frames, motion, method="wiener"))
        for streamed, blurred, truth in zip(left, frames, sharp, strict=True):
            errors = [
                np.std(image.pixels - truth.pixels.astype(float))
                for image in (streamed.image, blurred)
            ]
            assert errors[0] < 0.8 * errors[1], streamed.name

    def test_a_stage_that_stands_still_leaves_frames_as_they_are(self, strip):
        frames, _ = strip
        given = [frames[0], frames[1], frames[1]]
        left = list(streaming.stream(given, StageMotion(SPEED), method="wiener"))
        assert [frame.action for frame in left] == ["restored", "restored", "left unchanged"]
        assert left[2].reason == "the stage has not moved since the frame before"
        assert np.array_equal(left[2].image.pixels, frames[1].pixels)

    def test_what_is_not_known_is_one_error_for_all(self, strip):
        bare = [Image(frame.pixels, "YX", name="a.tif") for frame in strip[0]]
        with (
            pytest.raises(OptionError, match=r"a\.tif: the exposure time is unknown; give it"),
            streaming.stream(bare, StageMotion(SPEED), method="wiener") as stream,
        ):
            next(stream)

    def test_a_frame_of_another_size_is_no_border_and_has_none(self, strip):
        frames, _ = strip
        other = Image(frames[1].pixels[:40], "YX", pixel_size=(0.2, 0.2), timing=frames[1].timing)
        given = [frames[0], other, frames[2]]
        left = list(streaming.stream(given, StageMotion(SPEED), method="wiener"))
        assert [(frame.action, frame.borders) for frame in left] == [("restored", 0)] * 3

    def test_a_frame_with_holes_fails_alone(self, strip):
        frames = [image.light().pixels.astype(np.float32) for image in strip[0][:3]]
        frames[1][3, 3] = np.nan
        left = list(streaming.stream(frames, Motion(6), method="wiener"))
        assert [frame.action for frame in left] == ["restored", "failed", "restored"]
        assert "pixels must be finite for stream, got 1 NaN" in left[1].reason


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"budget": 0}, "budget must be above 0, got 0"),
        ({"when_late": "pass"}, "when_late 'pass' must come with a budget"),
        ({"workers": 0}, "workers must be 1 or more"),
        ({"check_every": -1}, "check_every must be 0 or more"),
        ({"patience": -1}, "patience must be 0 or more"),
        ({"rate": 0}, "rate must be above 0 frames a second"),
        ({"method": "nonsense"}, "nonsense"),
        ({"options": {"iterations": 3}}, "iterations"),
    ],
)
def test_values_out_of_their_range_are_refused(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        streaming.stream([], Motion(4), **{"method": "wiener", **options})
