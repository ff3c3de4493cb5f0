"""Samples are reproducible, and held-out images are not used for training."""

import csv

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from recipes.weights import datasets
from recipes.weights.datasets import CALIBRATION, FORBIDDEN, TEST, Plane, reduce, split_of
from recipes.weights.deep_wiener import SampleTensors
from recipes.weights.restorer_samples import MARGIN, Samples
from unsmear.errors import DataError


def textures(count=3, side=96):
    """Return planes of 16 bit with blobs."""
    planes = []
    for index in range(count):
        noise = np.random.default_rng(index).random((side, side))
        plane = cv2.GaussianBlur(noise, (0, 0), 2)
        plane = 60000 * ((plane - plane.min()) / np.ptp(plane)) ** 3
        planes.append(Plane(f"{index}", "synthetic", f"{index}", plane.astype(np.uint16)))
    return planes


def same(first, second):
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


@pytest.mark.slow
def test_a_number_is_always_the_same_sample():
    samples = Samples(textures(), seed=5, side=64)
    drawn = [samples[number] for number in range(6)]
    again = Samples(textures(), seed=5, side=64)
    assert all(same(again[number], drawn[number]) for number in reversed(range(6)))
    assert not same(drawn[0], drawn[1])
    assert not same(Samples(textures(), seed=6, side=64)[0], drawn[0])


@pytest.mark.slow
def test_workers_change_nothing():
    drawn = SampleTensors(Samples(textures(), seed=5, side=64), first=2, count=5)
    alone, shared = (list(DataLoader(drawn, 2, num_workers=n)) for n in (0, 2))
    for batch, expected in zip(alone, shared, strict=True):
        assert all(bool((a == b).all()) for a, b in zip(batch, expected, strict=True))
    later = SampleTensors(Samples(textures(), seed=5, side=64), first=4, count=3)
    assert bool((later[0][0] == drawn[2][0]).all())


@pytest.mark.slow
@pytest.mark.parametrize("side", [40, 64])
def test_a_sample_is_one_plane_and_what_a_filter_makes_of_it(side):
    samples = Samples(textures(side=side + 2 * MARGIN + 8), seed=1, side=side)
    for number in range(12):
        sample = samples[number]
        assert sample.versions.shape == (4, side, side)
        assert sample.sharp.shape == (1, side, side)
        assert sample.constants.shape == (2,)
        assert sample.constants.min() > 0
        assert all(part.dtype == np.float32 for part in vars(sample).values())
        assert all(np.isfinite(part).all() for part in vars(sample).values())
        # The sharp plane belongs to the blurred one: a wrong crop or level would show here.
        assert np.corrcoef(sample.versions[-1].ravel(), sample.sharp.ravel())[0, 1] > 0.3


def test_a_plane_is_reduced_to_a_brightest_pixel_of_one():
    plane = textures(1, side=90)[0]
    assert reduce(plane, 1).max() == 1
    assert reduce(plane, 2).shape == (45, 45)


@pytest.mark.parametrize(
    ("group", "split"),
    [("proticelli_C3", "test"), ("sbs_D01", "calibration"), ("sbs_A01", "training")],
)
def test_groups_stand_on_one_side(group, split):
    assert split_of(group) == split


def test_the_sides_share_no_beginning():
    assert not any(a.startswith(b) or b.startswith(a) for a in TEST for b in CALIBRATION)


def test_no_group_kept_aside_and_no_forbidden_folder_trains(shared_data, monkeypatch):
    """Every file that a side would read, by the manifest; reading them all would take long."""
    monkeypatch.setattr(datasets, "planes_of", lambda path, folder, group: [(path, folder, group)])
    with (shared_data / "MANIFEST.csv").open(newline="") as lines:
        groups = {row["file"]: row["group"] for row in csv.DictReader(lines)}
    sides = {side: list(datasets.real(shared_data, side)) for side in ("training", "calibration")}
    for side, held_out in (("training", (*TEST, *CALIBRATION)), ("calibration", TEST)):
        assert sides[side]
        for path, folder, group in sides[side]:
            assert folder not in FORBIDDEN
            assert groups[str(path.relative_to(shared_data))] == group
            assert not group.startswith(tuple(held_out))
    assert not {part[2] for part in sides["training"]} & {part[2] for part in sides["calibration"]}
    # Each beginning is that of a group there is: a misspelt one would keep nothing aside.
    for beginning in (*TEST, *CALIBRATION):
        assert any(group.startswith(beginning) for group in groups.values()), beginning


def test_synthetic_fields_differ_between_the_sides():
    seeds = {seed for _, seed in datasets.FIELDS.values()}
    assert len(seeds) == len(datasets.FIELDS)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"must have a MANIFEST\.csv, got none"):
        list(datasets.real(tmp_path, "training"))
