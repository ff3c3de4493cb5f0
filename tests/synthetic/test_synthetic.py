"""Synthetic fields: repeatable, labelled as often as the real ones, each pattern in its place."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear import images
from unsmear.data.labels import CHANNELS, LABELS
from unsmear.errors import DataError, OptionError
from unsmear.synthetic import Plan, draw_field, draw_labels, write_field, write_table
from unsmear.synthetic import scene as scene_
from unsmear.synthetic.geometry import populate, rasterise
from unsmear.synthetic.label_frequencies import COUNTS, IMAGES, NEGATIVE, PER_IMAGE
from unsmear.synthetic.patterns import PATTERNS
from unsmear.synthetic.stains import stain
from unsmear.synthetic.texture import net, noise

REAL_LIST = Path(__file__).parents[3] / "shared/data/hpa_labels/train.csv"
PIXEL = 0.16


def make_scene(seed, dividing=False):
    generator = np.random.default_rng((seed, 0))
    scene = scene_.build(generator, (384, 448), PIXEL, dividing)
    return scene, stain(scene)


@pytest.fixture(scope="module")
def still():
    """A scene in interphase, and one drawn label by label from it."""
    return next(s for s in map(make_scene, range(20)) if not s[0].round_up.any())


@pytest.fixture(scope="module")
def patterns(still):
    return [pattern(*still) for pattern in PATTERNS]


def mean(plane, where):
    assert where.sum() > 20
    return float(plane[where].mean())


def distance_to(scene, points):
    """Return each pixel's distance to the nearest of the points, micrometres."""
    y, x = np.indices(scene.shape) * scene.pixel
    return np.min([np.hypot(y - point[0], x - point[1]) for point in points], axis=0)


# Fields


def test_the_same_generator_state_gives_the_same_field():
    first, second = (draw_field(np.random.default_rng((7, 3)), (96, 128)) for _ in range(2))
    assert np.array_equal(first.planes, second.planes)
    assert np.array_equal(first.cells, second.cells)


def test_another_seed_gives_another_field():
    first, second = (draw_field(np.random.default_rng((7, i)), (96, 128)) for i in range(2))
    assert not np.array_equal(first.planes, second.planes)


@settings(max_examples=15, deadline=None)
@given(
    size=st.tuples(st.integers(16, 120), st.integers(16, 120)),
    label=st.integers(0, 18),
    pixel_size=st.floats(0.03, 1.0),
    bits=st.sampled_from([8, 16]),
    seed=st.integers(0, 2**32),
)
@pytest.mark.slow
def test_any_field_has_its_size_depth_and_a_cell(size, label, pixel_size, bits, seed):
    field = draw_field(np.random.default_rng(seed), size, (label,), pixel_size, bits)
    assert field.planes.shape == (4, *size)
    assert field.planes.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert field.cells.shape == field.nuclei.shape == size
    assert field.cells.max() > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_nucleus_lies_in_its_cell_and_has_its_number(seed):
    field = draw_field(np.random.default_rng(seed), (384, 384))
    inside = field.nuclei > 0
    assert np.array_equal(field.cells[inside], field.nuclei[inside])
    assert 0.01 < inside.mean() < 0.6 * (field.cells > 0).mean()


@pytest.mark.slow
def test_cells_and_nuclei_have_the_size_of_cells_and_nuclei():
    cells, nuclei = [], []
    for seed in range(8):
        population = populate(np.random.default_rng(seed), (112.0, 112.0))
        maps = rasterise(population, (350, 350), 0.32)
        whole_cells = set(np.flatnonzero(~population.mitotic) + 1) & set(np.unique(maps.cells))
        for side in (0, -1):
            whole_cells -= {*maps.cells[side], *maps.cells[:, side]}
        cells += [np.sqrt((maps.cells == cell).sum() * 4 / np.pi) * 0.32 for cell in whole_cells]
        nuclei += [np.sqrt((maps.nuclei == cell).sum() * 4 / np.pi) * 0.32 for cell in whole_cells]
    assert 22 < np.median(cells) < 36  # diameters in micrometres of discs of the same area
    assert 10 < np.median(nuclei) < 16
    assert np.std(cells) > 2


def test_lengths_are_micrometres_at_any_pixel_size():
    population = populate(np.random.default_rng(0), (64.0, 64.0))
    fine, coarse = (rasterise(population, (n, n), 64 / n) for n in (400, 200))
    assert np.mean(fine.cells[::2, ::2] == coarse.cells) > 0.98
    assert np.abs(fine.edge[::2, ::2] - coarse.edge).mean() < 0.3
    assert np.abs(fine.shell[::2, ::2] - coarse.shell).mean() < 0.3


def test_channels_show_their_stains():
    field = draw_field(np.random.default_rng((1, 1)), (384, 384), (17,))
    red, _, blue, yellow = field.planes.astype(float)
    nucleus = field.nuclei > 0
    cytoplasm = (field.cells > 0) & ~nucleus
    outside = cv2.erode((field.cells == 0).astype(np.uint8), np.ones((9, 9))) > 0
    assert blue[nucleus].mean() > 8 * blue[cytoplasm].mean()
    for plane in (red, yellow):
        assert plane[cytoplasm].mean() > 1.2 * plane[nucleus].mean()
        assert plane[cytoplasm].mean() > 3 * plane[outside].mean()


def test_sixteen_bits_are_the_same_picture():
    low, high = (draw_field(np.random.default_rng(5), (128, 128), bits=bits) for bits in (8, 16))
    assert np.abs(high.planes / 257.0 - low.planes).max() <= 1.01
    assert len(np.unique(high.planes)) > 1000


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"size": (8, 64)}, "size"),
        ({"labels": ()}, "labels"),
        ({"labels": (19,)}, "labels"),
        ({"labels": (0, 0)}, "labels"),
        ({"labels": (0, 18)}, "labels"),
        ({"pixel_size": 0.0}, "pixel size"),
        ({"pixel_size": float("nan")}, "pixel size"),
        ({"bits": 12}, "bits"),
    ],
)
def test_a_bad_option_gives_one_sentence(options, named):
    with pytest.raises(OptionError, match=rf"^{named} must be .*got .*\.$"):
        draw_field(np.random.default_rng(0), **options)


# Patterns


def test_every_label_has_a_pattern():
    assert len(PATTERNS) == len(LABELS)


@pytest.mark.parametrize("label", range(19))
def test_patterns_are_finite_and_not_negative(patterns, label):
    assert patterns[label].dtype == np.float32
    assert np.isfinite(patterns[label]).all()
    assert patterns[label].min() >= -1e-3


def test_nuclear_patterns_are_in_their_part_of_the_nucleus(still, patterns):
    scene, _ = still
    shell, nucleolus = scene.maps.shell, scene.nucleoli > 0.9
    rest = (scene.nucleus > 0.9) & (scene.nucleoli < 0.05)
    cytoplasm = (shell > 1) & (scene.inside > 0.9)
    for label in range(6):
        assert patterns[label][cytoplasm].mean() < 0.1 * patterns[label][shell < 0].mean()
    assert mean(patterns[0], rest) > 2 * mean(patterns[0], nucleolus)
    assert mean(patterns[1], np.abs(shell) < 0.15) > 3 * mean(patterns[1], shell < -1)
    assert mean(patterns[2], nucleolus) > 4 * mean(patterns[2], rest)
    assert mean(patterns[3], nucleolus) > 2 * mean(patterns[3], rest)
    for label in (4, 5):
        bright = patterns[label] > np.quantile(patterns[label], 0.998)
        assert (scene.nucleoli[bright] < 0.5).mean() > 0.9
        assert patterns[label].max() > 3 * np.median(patterns[label][rest])


def test_patterns_follow_their_stain(still, patterns):
    scene, stains = still
    cells = scene.maps.cells > 0
    for label, plane in ((6, stains.reticulum), (10, stains.microtubules)):
        assert np.corrcoef(patterns[label][cells], plane[cells])[0, 1] > 0.85


def test_patterns_around_the_nucleus_fade_outwards(still, patterns):
    scene, _ = still
    shell, inside = scene.maps.shell, scene.maps.edge > 1
    near, far = (shell > 0.6) & (shell < 3) & inside, (shell > 7) & inside
    for label in (6, 8, 14, 16, 17):
        assert mean(patterns[label], near) > 1.15 * mean(patterns[label], far)
        assert mean(patterns[label], near) > 1.5 * mean(patterns[label], shell < -1)
    assert mean(patterns[8], near) > 2.5 * mean(patterns[8], far)


def test_patterns_at_the_centrosome(still, patterns):
    scene, _ = still
    from_centrosome = distance_to(scene, scene.population.centrosomes)
    far = (from_centrosome > 6) & (scene.inside > 0.9)
    for label, radius, times in ((7, 2.0, 5), (12, 0.3, 4), (15, 1.0, 4)):
        assert mean(patterns[label], from_centrosome < radius) > times * mean(patterns[label], far)


def test_actin_fibres_run_along_their_cells(still, patterns):
    scene, _ = still
    plane = cv2.GaussianBlur(patterns[9], (0, 0), 1)
    dy, dx = np.gradient(plane)
    within = scene.maps.edge > 2
    axes = scene.population.axes[np.maximum(scene.maps.cells.astype(int) - 1, 0)]
    # Gradients are across the fibres: twice their angle from the cell's axis is half a turn.
    across = np.cos(2 * (np.arctan2(dy, dx) - axes)) * (dx**2 + dy**2)
    assert across[within].sum() < -0.6 * (dx**2 + dy**2)[within].sum()


def test_the_plasma_membrane_is_the_outline(still, patterns):
    scene, _ = still
    outline = (scene.maps.edge < 0.3) & (scene.inside > 0.6)
    assert mean(patterns[13], outline) > 3 * mean(patterns[13], scene.maps.edge > 4)


def test_vesicles_are_dots_and_negative_is_dim(still, patterns):
    scene, _ = still
    inside = scene.inside > 0.9
    assert np.quantile(patterns[17][inside], 0.99) > 4 * np.median(patterns[17][inside])
    assert patterns[18].max() < 0.15


def test_a_mitotic_spindle_is_in_a_round_cell_over_a_plate():
    scene, stains = make_scene(4, dividing=True)
    divides = scene.round_up > 0
    plane = PATTERNS[11](scene, stains)
    assert mean(plane, divides) > 2 * mean(plane, (scene.maps.cells > 0) & ~divides)
    assert stains.nuclei[divides].max() > 1.2 * np.median(stains.nuclei[scene.nucleus > 0.9])
    plate = scene.maps.nuclei[divides & (scene.maps.nuclei > 0)]
    assert 5 < len(plate) / len(np.unique(plate)) * PIXEL**2 < 50  # square micrometres


def test_the_protein_is_unlike_from_cell_to_cell():
    field = draw_field(np.random.default_rng(2), (512, 512), (0,))
    each = [field.planes[1][field.nuclei == i].mean() for i in np.unique(field.nuclei)[1:]]
    assert np.std(each) > 0.08 * np.mean(each)


# Textures


def test_noise_has_mean_0_and_variance_1_at_any_grain():
    for grain in (0.5, 2.0, 7.3, 30.0):
        drawn = noise(np.random.default_rng(0), (600, 500), grain)
        assert drawn.shape == (600, 500)
        assert abs(drawn.mean()) < 0.25
        assert 0.6 < drawn.std() < 1.25


def test_a_net_does_not_depend_on_what_was_drawn_before():
    first, second = (net(np.random.default_rng(3), (64, 64), 6.0) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.min() >= 0
    assert first.max() <= 1.0


# Labels


@pytest.mark.slow
def test_labels_are_as_frequent_as_in_the_real_list():
    count = 12_000
    drawn = draw_labels(np.random.default_rng(0), count)
    for label, real in enumerate(COUNTS):
        share = real / IMAGES
        drawn_share = sum(label in labels for labels in drawn) / count
        assert abs(drawn_share - share) < 5 * np.sqrt(share * (1 - share) / count), LABELS[label]
    for number, real in enumerate(PER_IMAGE, start=1):
        share = real / IMAGES
        drawn_share = sum(len(labels) == number for labels in drawn) / count
        assert abs(drawn_share - share) < 5 * np.sqrt(share / count)
    assert {labels for labels in drawn if NEGATIVE in labels} <= {(NEGATIVE,)}
    assert all(list(labels) == sorted(set(labels)) for labels in drawn)


def test_the_counts_are_those_of_the_real_list():
    if not REAL_LIST.exists():
        pytest.skip("the competition's label list is not in shared/data")
    with REAL_LIST.open(newline="") as file:
        real = [set(map(int, row["Label"].split("|"))) for row in csv.DictReader(file)]
    assert len(real) == IMAGES
    assert tuple(sum(i in labels for labels in real) for i in range(19)) == COUNTS
    assert tuple(sum(len(labels) == n for labels in real) for n in range(1, 6)) == PER_IMAGE
    assert all(labels == {NEGATIVE} for labels in real if NEGATIVE in labels)


@pytest.mark.parametrize("among", [(3,), (18,), (11, 18), (0, 5, 16)])
def test_labels_are_drawn_from_those_asked_for(among):
    drawn = draw_labels(np.random.default_rng(1), 50, among)
    assert {label for labels in drawn for label in labels} <= set(among)


@pytest.mark.parametrize("among", [(19,), (-1, 3)])
def test_labels_that_do_not_exist_cannot_be_drawn(among):
    with pytest.raises(OptionError, match="labels must be"):
        draw_labels(np.random.default_rng(1), 1, among)


# Files


def test_a_written_field_is_the_drawn_field(tmp_path):
    plan = Plan(tmp_path, seed=3, size=(64, 96), pixel_size=0.1, bits=16)
    assert write_field(plan, 5)
    generator = np.random.default_rng((3, 5))
    labels = draw_labels(generator, 1)[0]
    field = draw_field(generator, (64, 96), labels, 0.1, 16)
    assert plan.labels(5) == labels
    name = plan.name(5)
    for channel, plane in zip(CHANNELS, field.planes, strict=True):
        image = images.read(tmp_path / f"{name}_{channel}.png")
        assert np.array_equal(image.pixels, plane)
        assert image.pixel_size == pytest.approx((0.1, 0.1))
    for mask in ("cells", "nuclei"):
        image = images.read(tmp_path / "masks" / f"{name}_{mask}.png")
        assert image.pixels.dtype == np.uint16
        assert np.array_equal(image.pixels, getattr(field, mask))


def test_a_complete_field_is_kept_and_a_partial_one_made_again(tmp_path):
    plan = Plan(tmp_path, seed=0, size=(32, 32))
    write_field(plan, 0)
    before = {path: path.read_bytes() for path in plan.files(0)}
    assert not write_field(plan, 0)
    plan.files(0)[3].unlink()
    assert write_field(plan, 0)
    assert {path: path.read_bytes() for path in plan.files(0)} == before


def test_names_tell_plans_apart(tmp_path):
    plans = [Plan(tmp_path, 0), Plan(tmp_path, 1), Plan(tmp_path, 0, bits=16)]
    assert len({plan.name(index) for plan in plans for index in range(10)}) == 30


def test_the_table_keeps_the_rows_of_other_fields(tmp_path):
    write_table(Plan(tmp_path, seed=0), 3)
    table = write_table(Plan(tmp_path, seed=1), 2).read_text().splitlines()
    assert table[0] == "ID,Label"
    assert len(table) == 6
    assert table[4].split(",")[0] == Plan(tmp_path, seed=1).name(0)


def test_a_table_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "train.csv").write_text("name,value\na,1\n")
    with pytest.raises(DataError, match=r"train.csv: its columns must be ID and Label"):
        write_table(Plan(tmp_path, seed=0), 1)


@pytest.mark.parametrize("held", [b"ID,Label\n\xff,1\n", b"ID,Label\na," + b"1" * 140_000])
def test_a_damaged_table_is_a_sentence(tmp_path, held):
    (tmp_path / "train.csv").write_bytes(held)
    with pytest.raises(DataError, match=r"train\.csv: the file must be a CSV in UTF-8"):
        write_table(Plan(tmp_path, seed=0), 1)
    assert (tmp_path / "train.csv").read_bytes() == held


def test_a_folder_for_a_table_is_a_sentence(tmp_path):
    (tmp_path / "train.csv").mkdir()
    with pytest.raises(DataError, match=r"train\.csv: the file cannot be read"):
        write_table(Plan(tmp_path, seed=0), 1)
