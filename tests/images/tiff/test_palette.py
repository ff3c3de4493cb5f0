"""Which tables of colours are lookup tables."""

import numpy as np
import pytest

from unsmear.images.tiff import palette

RAMP = np.arange(256) * 257


def marked(first=(0, 0, 65535), last=(65535, 0, 0)):
    """Return a grey ramp with marks of under- and overexposure."""
    table = np.stack([RAMP] * 3)
    table[:, 0], table[:, -1] = first, last
    return table


def padded(count):
    """Return a grey ramp of few levels, the rest black."""
    table = np.zeros((3, 256), int)
    table[:, :count] = np.linspace(0, 65535, count).astype(int)
    return table


@pytest.mark.parametrize(
    "table",
    [
        np.stack([RAMP] * 3), np.stack([RAMP[::-1]] * 3), np.stack([RAMP * 0, RAMP, RAMP * 0]),
        np.stack([RAMP, RAMP[::-1], RAMP * 0 + 65535]), marked(), padded(16), padded(2),
        np.stack([np.arange(65536)] * 3), np.stack([np.minimum(RAMP * 3, 65535), RAMP, RAMP // 2]),
    ],
)  # fmt: skip
def test_ramps(table):
    assert palette.is_ramp(table)


def few(*colours):
    table = np.zeros((3, 256), int)
    table[:, : len(colours)] = np.transpose(colours)
    return table


@pytest.mark.parametrize(
    "table",
    [
        np.random.default_rng(0).integers(0, 65535, (3, 256)), np.zeros((3, 256), int),
        np.full((3, 256), 65535), few((0, 0, 0), (65535, 0, 0), (0, 65535, 0)),
        np.stack([np.tile(RAMP[:16], 16)] * 3), np.stack([RAMP, np.abs(RAMP - 30000), RAMP]),
    ],
)  # fmt: skip
def test_tables_of_pictures(table):
    assert not palette.is_ramp(table)
