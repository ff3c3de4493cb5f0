"""Labelled images whose labels can be seen: a disc, stripes, both or neither."""

import numpy as np
import pytest

from unsmear import images
from unsmear.images import Image

DISC, STRIPES = 2, 10
SIDE = 40


def draw_cell(labels, generator, side=SIDE, dtype=np.uint8):
    """Return (channel, y, x): stripes in the first channel, a disc in the second, noise."""
    y, x = np.mgrid[:side, :side] - generator.uniform(side / 3, 2 * side / 3, (2, 1, 1))
    planes = generator.uniform(0, 0.2, (3, side, side))
    if STRIPES in labels:
        planes[0] += 0.6 * (np.sin(x * generator.uniform(1, 1.5)) > 0)
    if DISC in labels:
        planes[1] += 0.7 * (np.hypot(x, y) < side / 6)
    return np.rint(planes * np.iinfo(dtype).max).astype(dtype)


def drawn_labels(generator):
    return tuple(label for label in (DISC, STRIPES) if generator.random() < 0.5) or (16,)


@pytest.fixture(scope="session")
def kaggle(tmp_path_factory):
    """Return a folder of forty fields, a file a colour, and the train.csv of their labels."""
    folder = tmp_path_factory.mktemp("kaggle")
    generator = np.random.default_rng(0)
    lines = ["ID,Label"]
    for number in range(40):
        labels = drawn_labels(generator)
        lines.append(f"field{number:02d},{'|'.join(map(str, labels))}")
        planes = draw_cell(labels, generator)
        for colour, plane in zip(("red", "green", "blue"), planes, strict=True):
            images.write(folder / f"field{number:02d}_{colour}.png", Image(plane, "YX"))
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def cell():
    """Return the function that draws the planes of an image with these labels."""
    return draw_cell
