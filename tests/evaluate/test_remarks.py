"""Pairs that nothing blurred and ranges that are too wide are named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unsmear import evaluate
from unsmear.evaluate import Row, Scored
from unsmear.images import write
from unsmear.images.image import Image


def pair(name: str, before: float, after: float) -> tuple[Row, Row]:
    """Return the rows of a blurred and a restored image with these PSNR, dB."""

    def row(restorer: str, psnr: float) -> Row:
        gain = 0.0 if psnr == before else psnr - before
        known = (name, name, "", restorer, "unknown", "", None, None, None, None)
        return Row(*known, psnr, psnr, 0.9, gain, psnr < before)

    return row("blurred", before), row("wiener", after)


def test_pairs_that_nothing_blurred_leave_the_means_finite_and_are_named():
    rows = [
        *pair("a", 30, 36), *pair("b", 32, 34), *pair("empty", math.inf, math.inf),
        *pair("harmed", math.inf, 40),
    ]  # fmt: skip
    blurred, wiener = evaluate.summarise(rows)[:2]
    assert (blurred.images, blurred.psnr.value) == (2, 31)
    assert (wiener.psnr.value, wiener.gain.value) == (35, 4)
    assert wiener.worse == 1 / 4
    (sentence,) = evaluate.remarks([Scored(tuple(rows))], None)
    assert sentence.startswith("empty, harmed: the blurred image is the sharp one")


def test_where_nothing_was_blurred_the_means_are_infinite():
    line = evaluate.summarise([*pair("a", math.inf, math.inf), *pair("b", math.inf, 50)])[1]
    assert (line.images, line.psnr.value, line.gain.value) == (2, math.inf, -math.inf)


@pytest.mark.parametrize(("peak", "said"), [(255, False), (3600, True), (60000, False)])
def test_a_range_that_may_be_too_wide_is_named(tmp_path, peak: int, said: bool):
    sharp = np.random.default_rng(0).integers(0, peak, (32, 32)).astype(np.uint16)
    sharp[0, 0] = peak
    for side, values in (("sharp", sharp), ("blur", np.roll(sharp, 1))):
        (tmp_path / side).mkdir()
        write(tmp_path / side / "a.tif", Image(values, "YX"))
    scored = evaluate.score_case(evaluate.find_cases(tmp_path)[0][0], [])
    assert bool(evaluate.remarks([scored], None)) == said
    assert evaluate.remarks([scored], 4095) == []
    if said:
        assert "--data-range 4095" in evaluate.remarks([scored], None)[0]
