"""Detection of JPEG blocks, and the confidence of motions that they may explain."""

import cv2
import numpy as np
import pytest

from unsmear import blur, estimate
from unsmear.estimate import jpeg_blocks, processed, spectrum, support


def field(seed, quality=None):
    """Return one plane of smooth noise, 8 bit, (1, 1, 256, 256), through a JPEG if told so."""
    noise = np.random.default_rng(seed).random((256, 256)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    counts = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
    if quality:
        jpeg = cv2.imencode(".jpg", counts, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        counts = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    return counts[None, None]


@pytest.mark.parametrize("seed", range(5))
def test_blocks_are_seen_where_they_are(seed):
    assert jpeg_blocks.are_visible(field(seed, 20))
    assert not jpeg_blocks.are_visible(field(seed))


@pytest.mark.parametrize("seed", range(5))
def test_blocks_of_good_quality_are_present_though_not_visible(seed):
    assert jpeg_blocks.are_present(field(seed, 90))
    assert not jpeg_blocks.are_present(field(seed))
    assert spectrum.measure(field(seed, 90)).noise == "compressed"
    assert spectrum.measure(field(seed)).noise == "camera"


@pytest.mark.parametrize(
    ("angle", "near"), [(0, True), (92.9, True), (175, True), (45, False), (72, False)]
)
def test_blocks_lie_along_the_axes(angle, near):
    assert jpeg_blocks.may_explain(angle) is near


@pytest.mark.slow
def test_a_movement_along_an_axis_is_doubted_only_among_blocks(monkeypatch):
    planes = blur.convolve(field(1), blur.Motion(9, 0).kernel())
    assert estimate.estimate_planes(planes).sure
    monkeypatch.setattr(jpeg_blocks, "are_visible", lambda planes: True)
    monkeypatch.setattr(support, "exceeds_blocks", lambda gathered: False)
    result = estimate.estimate_planes(planes)
    assert result.found
    assert not result.sure


def test_a_movement_at_the_edge_of_the_search_is_doubted():
    result = estimate.estimate_planes(blur.convolve(field(2), blur.Motion(80, 30).kernel()))
    assert not result.sure


@pytest.mark.parametrize("seed", range(3))
def test_what_blocks_hide_is_not_called_still(seed):
    result = estimate.estimate_planes(field(seed, 10))
    assert result.kind == "none"
    assert result.processed == processed.COMPRESSED
    assert result.confidence <= 0.4
    assert result.describe().startswith("whether anything moved is not known")
    assert estimate.estimate_planes(field(seed)).processed is None
