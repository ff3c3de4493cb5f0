"""Tests of the restoration of slides: images that are read and written block by block."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import unsmear
from unsmear import Image, Motion
from unsmear.blur import convolve
from unsmear.errors import OptionError
from unsmear.images import slides
from unsmear.images.ome_zarr import new
from unsmear.images.slides import Sink
from unsmear.restoration import filling, methods
from unsmear.restoration import slide as restoration
from unsmear.restoration.consistency import LEFT
from unsmear.restoration.settings import Job, Settings
from unsmear.restoration.slide import RestoredSlide, run
from unsmear.restoration.slide.survey import Block

MOTION = Motion(10, 40)
SIDE = 448


def field(seed: int, side: int = SIDE) -> NDArray[np.float32]:
    """Return a sharp field of round cells with small bright spots, 100 to 30,000 counts."""
    rng = np.random.default_rng(seed)
    cells = np.zeros((side, side), np.float32)
    count = side * side // 1200
    y, x = np.mgrid[-12:13, -12:13]
    for row, column, height in zip(
        *rng.integers(12, side - 13, (2, count)), rng.uniform(0.2, 1, count), strict=True
    ):
        radius = rng.uniform(2, 9)
        spot = height / (1 + np.exp(2 * (np.hypot(y, x) - radius)))
        cells[row - 12 : row + 13, column - 12 : column + 13] += spot.astype(np.float32)
    return 100 + 20000 * cells / 2


def recorded(sharp: NDArray[np.float32], motion: Motion | None, seed: int) -> NDArray[np.uint16]:
    """Return a sharp field as a camera records it."""
    light = sharp if motion is None else convolve(sharp, motion.kernel())
    noisy = np.random.default_rng(seed).poisson(np.maximum(light, 0)) + 100
    return np.clip(noisy, 0, 65535).astype(np.uint16)


def restored(
    tmp_path: Path,
    pixels: NDArray[Any],
    kernel: Any = MOTION,
    *,
    method: str = "wiener",
    name: str = "result",
    **options: Any,
) -> tuple[RestoredSlide, NDArray[Any]]:
    """Return what became of an array that was written as a slide, and the result's pixels."""
    source = tmp_path / "source.ome.zarr"
    if not source.exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(new, "make", partial(new.make, chunk=(128, 128)))
            unsmear.write(source, Image(pixels, "CYX"))
    slide, path = slides.open(source), tmp_path / f"{name}.ome.zarr"
    job = Job(Settings(methods.find(method), options.pop("own", {}), **options.pop("settings", {})))
    opened = partial(_opened, path, slide)
    result = restoration.restore(slide, opened, job, kernel, **options)
    if result.sink is None:
        return result, pixels
    result.sink.finish("done")
    return result, unsmear.read(path).pixels


def _opened(path: Path, slide: slides.Slide, dtype: np.dtype[Any], side: tuple[int, int]) -> Sink:
    return Sink.create(path, slide, dtype, side)


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that sets the side of the blocks."""
    return lambda side: monkeypatch.setattr(run, "SIDES", (side,))


@pytest.mark.parametrize("method", ["wiener", "deep-wiener-fast"])
def test_blocks_of_any_side_give_the_same_pixels(
    tmp_path: Path, sides: Callable[[int], None], method: str
) -> None:
    sharp = field(1)
    blurred = recorded(sharp, MOTION, 2)[None]
    sides(256)
    result, in_blocks = restored(tmp_path, blurred, method=method, name="blocks")
    assert result.sink is not None
    assert result.sink.block == (256, 256)
    sides(2048)
    _, whole = restored(tmp_path, blurred, method=method, name="whole")
    assert np.array_equal(in_blocks, whole)
    before, after = (unsmear.psnr(sharp + 100, image[0], data_range=20000)
                     for image in (blurred, whole))  # fmt: skip
    assert after > before + 4


def test_the_result_is_that_of_an_image_in_memory(
    tmp_path: Path, sides: Callable[[int], None]
) -> None:
    blurred = recorded(field(3, 768), MOTION, 4)[None]
    sides(256)
    result, in_blocks = restored(tmp_path, blurred)
    in_memory = unsmear.restore(blurred, MOTION, axes="CYX", method="wiener").image
    difference = in_blocks.astype(float) - in_memory
    # The windows are not the whole image: what is measured on them differs a little.
    assert np.abs(difference).mean() < 0.02 * in_memory.std()
    assert abs(result.flux_change[0, 0]) < 1e-3


def test_each_channel_has_its_own_motion(tmp_path: Path, sides: Callable[[int], None]) -> None:
    sides(256)
    moved, still = field(5), field(6)
    pixels = np.stack([recorded(moved, MOTION, 7), recorded(still, None, 8)])
    result, after = restored(tmp_path, pixels, None)
    assert result.touched
    assert "channel 0: linear motion of 10" in result.movement
    assert np.array_equal(after[1], pixels[1])
    before, now = (unsmear.psnr(moved + 100, image[0], data_range=20000)
                   for image in (pixels, after))  # fmt: skip
    assert now > before + 4


@pytest.mark.slow
def test_a_motion_that_is_not_the_same_everywhere_is_left_alone(tmp_path: Path) -> None:
    halves = [recorded(field(seed, 768), motion, seed)
              for seed, motion in ((1, Motion(10, 40)), (2, Motion(12, 120)))]  # fmt: skip
    result, _ = restored(tmp_path, np.concatenate(halves, axis=1)[None], None)
    assert not result.touched
    assert "not the same in all parts" in result.movement


def test_a_wrong_kernel_is_left_alone(tmp_path: Path) -> None:
    result, _ = restored(tmp_path, recorded(field(9), MOTION, 10)[None], Motion(24, 130))
    assert not result.touched
    assert "not consistent with the image" in result.movement


def test_what_holds_no_data_comes_back_as_it_was(
    tmp_path: Path, sides: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "STEPS", 30)  # the last digit matters in none of it
    sides(256)
    blurred = recorded(field(11), MOTION, 12)[None]
    blurred[:, :300] = 0
    result, after = restored(tmp_path, blurred, no_data=0)
    assert np.array_equal(after[:, :300], blurred[:, :300])
    assert not np.array_equal(after[:, 300:], blurred[:, 300:])
    assert result.counted["no_data"] == 300 * SIDE - 256 * SIDE  # whole blocks are passed over


def test_a_plan_that_was_sent_to_another_process_gives_the_same(
    tmp_path: Path, sides: Callable[[int], None]
) -> None:
    sides(256)
    blurred = recorded(field(13), MOTION, 14)[None]
    _, here = restored(tmp_path, blurred, method="deep-wiener-fast", name="here")

    def sent(work: Any, todo: Any) -> Any:
        return map(pickle.loads(pickle.dumps(work)), pickle.loads(pickle.dumps(list(todo))))

    _, there = restored(tmp_path, blurred, method="deep-wiener-fast", name="there", mapped=sent)
    assert np.array_equal(here, there)


def test_a_stopped_run_does_no_block_twice(tmp_path: Path, sides: Callable[[int], None]) -> None:
    sides(256)
    blurred = recorded(field(15), MOTION, 16)[None]
    check = {"check": True}
    whole, expected = restored(tmp_path, blurred, name="expected", settings=check)
    done = []

    def stopped(work: Any, todo: Any) -> Any:
        if not isinstance(todo[0], Block):  # windows that are measured
            yield from map(work, todo)
            return
        for block in todo[:2]:
            done.append(block)
            yield work(block)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restored(tmp_path, blurred, mapped=stopped, settings=check)
    assert not (tmp_path / "result.ome.zarr").exists()

    def rest(work: Any, todo: Any) -> Any:
        done.extend(each for each in todo if isinstance(each, Block))
        return map(work, todo)

    result, after = restored(tmp_path, blurred, mapped=rest, settings=check)
    assert len(done) == len(set(map(str, done))) == 4
    assert np.array_equal(after, expected)
    assert result.maps is not None
    assert whole.maps is not None
    for name in ("recorded", "restored", "misfit", "verdicts"):
        assert np.array_equal(getattr(result.maps, name), getattr(whole.maps, name))


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("the slide was read")

    with pytest.raises(OptionError, match=r"--memory must be \d{3}MB or more.*got 100MB"):
        restored(tmp_path, recorded(field(17), MOTION, 18)[None], memory=1e8, mapped=never)


def test_a_method_that_needs_the_whole_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unsupervised-wiener needs the whole image"):
        restored(tmp_path, recorded(field(19), MOTION, 20)[None], method="unsupervised-wiener")


def test_noise_alone_is_left_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(21).poisson(1000, (1, SIDE, SIDE)).astype(np.uint16)
    result, _ = restored(tmp_path, noise)
    assert not result.touched
    assert "told from noise" in result.movement


def test_a_constant_image_is_left_alone(tmp_path: Path) -> None:
    result, _ = restored(tmp_path, np.full((1, SIDE, SIDE), 7, np.uint16))
    assert not result.touched


def test_float_results_are_not_clipped(tmp_path: Path, sides: Callable[[int], None]) -> None:
    sides(256)
    blurred = recorded(field(23), MOTION, 24)[None]
    result, after = restored(tmp_path, blurred, settings={"dtype": "float32"})
    assert after.dtype == np.float32
    assert result.counted["black"] == result.counted["white"] == 0


def test_a_gap_in_every_window_is_not_measured(
    tmp_path: Path, sides: Callable[[int], None]
) -> None:
    sides(256)
    sharp = field(25, 512) + 100
    blurred = recorded(field(25, 512), MOTION, 26)[None].astype(np.float32)
    blurred[:, :150, :200] = np.nan
    result, after = restored(tmp_path, blurred)
    before, now = (np.square(image[0, 250:, 250:] - sharp[250:, 250:]).mean()
                   for image in (blurred, after))  # fmt: skip
    assert now < before / 6
    assert abs(result.flux_change[0, 0]) < 5e-3


def test_a_thin_slide_keeps_its_light(tmp_path: Path) -> None:
    thin = recorded(field(27)[:40], MOTION, 28)[None]
    result, after = restored(tmp_path, thin)
    in_memory = unsmear.restore(thin, MOTION, axes="CYX", method="wiener").image
    assert abs(result.flux_change[0, 0]) < 5e-3
    assert np.abs(after.astype(float) - in_memory).mean() < 0.05 * in_memory.std()


def test_blocks_of_odd_chunks_are_no_larger(tmp_path: Path) -> None:
    assert slides.block_of((333, 333)) == (1998, 1998)
    assert slides.block_of((512, 512)) == (2048, 2048)
    assert slides.block_of((1001, 48)) == (2002, 2064)


def test_the_maps_are_those_of_the_image_in_memory(
    tmp_path: Path, sides: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "STEPS", 30)  # the last digit matters in neither
    sharp = np.concatenate([field(29, 384), field(30, 384)], axis=1)
    blurred = recorded(sharp, MOTION, 30)[None]
    blurred[:, 200:240, 500:540] = 30000  # nothing that a motion leaves so sharp
    sides(256)
    result, after = restored(tmp_path, blurred, settings={"check": True})
    assert result.maps is not None
    in_memory = unsmear.restore(blurred, MOTION, axes="CYX", method="wiener", check=True)
    assert in_memory.consistency is not None
    tiles = (12, 32, 24, 32)
    means = (image[0].reshape(tiles).mean(axis=(1, 3)) for image in (blurred, after))
    for found, expected in zip((result.maps.recorded, result.maps.restored), means, strict=True):
        np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(result.maps.means, [[blurred.mean(), after.mean()]])
    misfit, expected = result.maps.misfit[0, 0], in_memory.consistency.misfit[0, 0]
    assert misfit.shape == expected.shape
    assert np.mean(np.abs(misfit - expected) < 0.1 * expected) > 0.9
    assert np.argmax(misfit) == np.argmax(expected)


def test_a_slide_that_is_left_alone_has_maps_too(
    tmp_path: Path, sides: Callable[[int], None]
) -> None:
    sides(256)
    blurred = recorded(field(9), MOTION, 10)[None]
    result, _ = restored(tmp_path, blurred, Motion(24, 130), settings={"check": True})
    assert result.maps is not None
    assert (result.maps.verdicts == LEFT).all()
    assert np.array_equal(result.maps.recorded, result.maps.restored)
