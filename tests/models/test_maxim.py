"""MAXIM against vectors of its authors' own model; see `make_maxim_vectors.py` for those here."""

import ast
from copy import deepcopy
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from torch.nn import functional

from unsmear.checkpoints import convert_maxim
from unsmear.errors import ImageError, OptionError
from unsmear.models import final, maxim, maxim_layers
from unsmear.models.maxim_layers import Dense, Norm, Up

CLOSE = 2e-5
"""Largest difference allowed in float32, of images from 0 to 1."""
NARROW = {"features": 8, "stages": 2}
KEPT = np.s_[:, 1::3, 2::5]
"""Pixels of the largest scale in our own file of vectors."""
COUNTS = {"S-1": 6_139_561, "S-2": 14_176_178, "S-3": 22_212_795}


@pytest.fixture(scope="module")
def reference():
    """Return the folder of the vectors, which lies beside the repository and not in it."""
    folder = (Path(__file__).parents[2] / "../shared/reference/maxim").resolve()
    if not folder.is_dir():
        pytest.skip("the vectors of MAXIM (../shared/reference/maxim) are not here")
    return folder


def drawn(key, shape):
    """Return the array that a key's name alone decides, as for the vectors."""
    z = np.random.RandomState(crc32(key.encode())).standard_normal(shape)
    arrays = {
        "kernel": z * 0.7 / np.sqrt(np.prod(shape[:-1])),
        "scale": 1 + 0.1 * z,
        "bias": 0.1 * z,
    }
    return arrays[key.split("/")[-1]].astype(np.float32)


def keys(reference, variant):
    lines = (reference / f"KEYS_s{variant[-1]}.txt").read_text().splitlines()
    split = (line.split(" ", 1) for line in lines)
    return {key: ast.literal_eval(shape) for key, shape in split}


@pytest.fixture(scope="module")
def authors(reference, tmp_path_factory):
    """Return a function that reads a variant's network from a file as the authors published it."""
    path = tmp_path_factory.mktemp("published") / "checkpoint.npz"

    @cache
    def read(variant):
        shapes = keys(reference, variant)
        np.savez(path, **{f"opt/target/{key}": drawn(key, shapes[key]) for key in shapes})
        return convert_maxim.from_flax(path)

    return lambda variant: deepcopy(read(variant))


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """Return a file of the network of our own vectors, and what the authors' model made."""
    path = tmp_path_factory.mktemp("narrow") / "checkpoint.npz"
    convert_maxim.to_flax(maxim.MAXIM(**NARROW), path)
    with np.load(path) as arrays:
        shapes = {key: arrays[key].shape for key in arrays.files}
    np.savez(path, **{key: drawn(key[len("opt/target/") :], shapes[key]) for key in shapes})
    with np.load(Path(__file__).with_name("maxim_64x128.npz")) as arrays:
        return path, dict(arrays)


@pytest.fixture
def images():
    """Return two different images of 64x128."""
    images = np.random.RandomState(6402).random_sample((2, 64, 128, 3)).astype(np.float32)
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def outputs(network, blurred):
    """Return every output by stage and scale, as the vectors have them: (batch, y, x, channel)."""
    with torch.inference_mode():
        restored = network(blurred)
    return {
        f"stage{stage}_scale{scale}": image.permute(0, 2, 3, 1).numpy()
        for stage, scales in enumerate(restored)
        for scale, image in enumerate(scales)
    }


def differences(network, images, expected):
    """Return the largest difference of every output of our own vectors."""
    restored = outputs(network, images)
    assert restored.keys() == expected.keys()
    compared = {
        name: restored[name][KEPT] if name.endswith("2") else restored[name] for name in restored
    }
    return {name: np.abs(compared[name] - expected[name]).max() for name in restored}


@pytest.mark.slow
@pytest.mark.parametrize("variant", COUNTS)
def test_every_output_of_every_stage_and_scale_is_the_authors(reference, authors, variant):
    with np.load(reference / f"s{variant[-1]}_64x64.npz") as arrays:
        expected = dict(arrays)
    restored = outputs(
        authors(variant), torch.from_numpy(expected.pop("input")).permute(0, 3, 1, 2)
    )
    assert restored.keys() == expected.keys()
    assert len(restored) == 3 * int(variant[-1])
    for name, image in restored.items():
        np.testing.assert_allclose(image, expected[name], rtol=0, atol=CLOSE, err_msg=name)


@pytest.mark.slow
def test_in_double_precision_hardly_anything_is_left(reference, authors):
    with np.load(reference / "s3_64x64_f64.npz") as arrays:
        expected = dict(arrays)
    blurred = torch.from_numpy(expected.pop("input").astype(np.float64)).permute(0, 3, 1, 2)
    restored = outputs(authors("S-3").double(), blurred)
    assert restored.keys() == expected.keys()
    for name, image in restored.items():
        assert image.dtype == expected[name].dtype == np.float64
        np.testing.assert_allclose(image, expected[name], rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("variant", COUNTS)
def test_every_parameter_has_the_authors_name_and_shape(reference, tmp_path, variant):
    network = maxim.variant(variant)
    assert sum(parameter.numel() for parameter in network.parameters()) == COUNTS[variant]
    convert_maxim.to_flax(network, tmp_path / "checkpoint.npz")
    with np.load(tmp_path / "checkpoint.npz") as arrays:
        shapes = {key: arrays[key].shape for key in arrays.files}
    assert shapes == {f"opt/target/{key}": shape for key, shape in keys(reference, variant).items()}


@pytest.mark.slow
def test_two_images_that_are_not_square_are_the_authors(narrow, images):
    path, expected = narrow
    network = convert_maxim.from_flax(path)
    assert max(differences(network, images, expected).values()) < CLOSE
    assert max(differences(network.double(), images.double(), expected).values()) < CLOSE
    assert np.abs(expected["stage1_scale1"][0] - expected["stage1_scale1"][1]).max() > 0.1


@pytest.mark.slow
def test_an_image_is_the_same_alone_and_in_a_batch(narrow, images):
    network = convert_maxim.from_flax(narrow[0])
    together = outputs(network, images)
    for number, image in enumerate(images):
        for name, alone in outputs(network, image[None]).items():
            np.testing.assert_allclose(together[name][number], alone[0], rtol=0, atol=1e-5)
    swapped = outputs(network, images.flip(0))
    for name in together:
        np.testing.assert_allclose(together[name][::-1], swapped[name], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_result_is_the_largest_scale_of_the_last_stage(narrow, images):
    network = convert_maxim.from_flax(narrow[0])
    with torch.inference_mode():
        restored = network(images)
    assert [[image.shape[2:] for image in scales] for scales in restored] == [
        [(16, 32), (32, 64), (64, 128)]
    ] * 2
    assert final(restored) is restored[1][2]


def _flip(network, _):
    for layer in network.modules():
        if isinstance(layer, Up):
            layer.weight.data = layer.weight.data.flip(2, 3)


def _nearest(_, patch):
    patch.setattr(
        maxim, "nearest", lambda x, levels: functional.interpolate(x, scale_factor=0.5**levels)
    )


def _sampled(_, patch):
    patch.setattr(
        maxim_layers,
        "shrink",
        lambda x, factor: functional.interpolate(x, scale_factor=1 / factor, mode="bilinear"),
    )


def _gelu(_, patch):
    patch.setattr(Dense, "bent", lambda self, x: functional.gelu(self(x)))


def _epsilon(network, _):
    for layer in network.modules():
        if isinstance(layer, Norm):
            layer.eps = 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("mutate", [_flip, _nearest, _sampled, _gelu, _epsilon])
def test_what_ports_get_wrong_is_caught(narrow, images, monkeypatch, mutate):
    path, expected = narrow
    network = convert_maxim.from_flax(path)
    assert max(differences(network, images, expected).values()) < CLOSE
    mutate(network, monkeypatch)
    wrong = max(differences(network, images, expected).values())
    print(f"{mutate.__name__}: {wrong:.2g}")
    assert wrong > 4 * CLOSE


@pytest.mark.slow
@pytest.mark.parametrize("mutate", [_flip, _nearest, _sampled, _gelu, _epsilon])
def test_what_ports_get_wrong_is_caught_in_the_deblurring_network(
    reference, authors, monkeypatch, mutate
):
    with np.load(reference / "s3_64x64.npz") as arrays:
        expected = dict(arrays)
    blurred = torch.from_numpy(expected.pop("input")).permute(0, 3, 1, 2)
    network = authors("S-3")
    mutate(network, monkeypatch)
    restored = outputs(network, blurred)
    wrong = max(np.abs(restored[name] - expected[name]).max() for name in restored)
    print(f"{mutate.__name__}: {wrong:.2g}")
    assert wrong > 4 * CLOSE


def test_variants_are_those_of_the_paper():
    assert sorted(maxim.VARIANTS) == ["M-1", "M-2", "M-3", "S-1", "S-2", "S-3"]
    network = maxim.variant("M-2", features=8)
    assert network.stages == 2
    assert convert_maxim.size_of("", _shapes(network))["features"] == 8
    with pytest.raises(OptionError, match=r"must be one of S-1, .* got 'XL-1'"):
        maxim.variant("XL-1")


def _shapes(network):
    return ((name, tuple(weight.shape)) for name, weight in network.named_parameters())


@pytest.mark.parametrize("sides", [(64, 96), (32, 64)])
def test_sides_must_be_multiples_of_the_stride(sides):
    with pytest.raises(ImageError, match="multiples of 64"):
        maxim.MAXIM(**NARROW, bottlenecks=1)(torch.zeros(1, 3, *sides))
