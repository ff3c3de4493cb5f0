"""The chart of scores has a row for each restorer, perfect and worse images among them."""

import math

import numpy as np
import pytest

from unsmear import images
from unsmear.evaluate import Row, summarise
from unsmear.report.scores import draw_scores


def row(name, restorer, gain):
    blur = ("motion 6 px", "motion", 6.0, 20.0, None, None)
    return Row(name, name, "", restorer, *blur, 20.0 + gain, 20.0 + gain, 0.8, gain, gain < 0)


def test_every_image_of_every_restorer_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    gains = {"sharp": math.inf, "blurred": 0.0, "wiener": 3.0, "worse": -2.0}
    rows = [row(f"p{n}", name, gain + 0.1 * n) for name, gain in gains.items() for n in range(4)]
    rows.append(row("p9", "wiener", math.inf))
    draw_scores(tmp_path / "scores.png", rows, summarise(rows, resamples=50))
    pixels = images.read(tmp_path / "scores.png").pixels
    few = summarise([r for r in rows if r.restorer != "worse"], resamples=50)
    draw_scores(tmp_path / "fewer.png", rows, few)
    assert images.read(tmp_path / "fewer.png").pixels.shape[0] < pixels.shape[0]
    blue = (np.abs(pixels[..., :3].astype(int) - (165, 187, 211)).sum(-1) < 30).sum()
    assert blue > 12 * 10  # dots
