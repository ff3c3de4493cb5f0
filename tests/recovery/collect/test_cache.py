"""Restored images that are kept, so that another question restores nothing again."""

from dataclasses import replace

import numpy as np
import pytest

from unsmear import evaluate, images
from unsmear.errors import ImageError
from unsmear.evaluate import MethodWithKernel
from unsmear.images import Image
from unsmear.recovery.collect.cache import keep
from unsmear.restoration.base import Method, Restorer

COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def cases(tmp_path):
    random = np.random.default_rng(0)
    for side in ("sharp", "blur"):
        for name in ("a", "b"):
            pixels = random.integers(0, 255, (4, 24, 24)).astype(np.uint8)
            images.write(tmp_path / side / f"{name}.tif", Image(pixels, "CYX", COLOURS))
    return evaluate.find_cases(tmp_path)[0]


@pytest.fixture
def halving():
    """Return a contender that halves the light, and the list of what it was given."""
    calls = []

    class Half(Restorer):
        halo = 0

        def restore(self, batch):
            calls.append(batch.shape)
            return batch * 0.5

    def fit(blurred, kernel):
        return Half()

    method = Method("halving", "Half of the light.", False, fit, conserves_flux=False)
    return MethodWithKernel(method), calls


def test_what_is_kept_is_not_restored_again(cases, halving, tmp_path):
    contender, calls = halving
    first = keep(cases[0], [contender], tmp_path / "kept")
    count = len(calls)
    second = keep(cases[0], [contender], tmp_path / "kept")
    assert count > 0
    assert len(calls) == count
    assert list(first) == ["sharp", "blurred", "halving"]
    np.testing.assert_array_equal(first["halving"].pixels, second["halving"].pixels)
    assert second["halving"].channels == COLOURS
    keep(cases[1], [contender], tmp_path / "kept")
    assert len(calls) == 2 * count


def test_cases_of_one_file_by_two_names_are_kept_apart(cases, halving, tmp_path):
    contender, _ = halving
    for length in (6, 10):
        keep(replace(cases[0], name=f"a {length} px"), [contender], tmp_path / "kept")
    names = sorted(path.name for path in (tmp_path / "kept" / "halving").iterdir())
    assert names == ["a_10_px.tif", "a_6_px.tif"]


def test_a_kept_image_of_another_kind_is_named(cases, halving, tmp_path):
    contender, _ = halving
    keep(cases[0], [contender], tmp_path / "kept")
    (file,) = (tmp_path / "kept" / "halving").iterdir()
    images.write(file, Image(np.zeros((4, 8, 8), np.uint8), "CYX", COLOURS))
    with pytest.raises(ImageError, match=r"a\.tif: a restored image must be"):
        keep(cases[0], [contender], tmp_path / "kept")
