"""Xception beside Keras's own logits and beside Keras's layers written out in NumPy."""

import re
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch

from unsmear import models
from unsmear.checkpoints.convert_xception import from_keras
from unsmear.errors import OptionError
from unsmear.models.transfer import fit_weights

SKIPS = ((64, 128), (128, 256), (256, 728), (728, 1024))
SPREADS = {"gamma": (1, 0.1), "beta": (0, 0.1), "moving_mean": (0, 0.1), "bias": (0, 0.1)}


def keras_shapes():
    """Return the shapes of Keras's weights, by its names, as keras.applications makes them."""
    convs = {"block1_conv1": (3, 32), "block1_conv2": (32, 64)}
    widths = {2: (64, 128, 128), 3: (128, 256, 256), 4: (256, 728, 728)}
    widths |= dict.fromkeys(range(5, 13), (728, 728, 728, 728))
    widths |= {13: (728, 728, 1024), 14: (1024, 1536, 2048)}
    shapes = {f"{name}/kernel": (3, 3, *pair) for name, pair in convs.items()}
    norms = {f"{name}_bn": pair[1] for name, pair in convs.items()}
    for block in widths:
        for number, (before, after) in enumerate(pairwise(widths[block]), start=1):
            name = f"block{block}_sepconv{number}"
            shapes[f"{name}/depthwise_kernel"] = (3, 3, before, 1)
            shapes[f"{name}/pointwise_kernel"] = (1, 1, before, after)
            norms[f"{name}_bn"] = after
    for number, pair in enumerate(SKIPS):
        ending = f"_{number}" if number else ""
        shapes[f"conv2d{ending}/kernel"] = (1, 1, *pair)
        norms[f"batch_normalization{ending}"] = pair[1]
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    shapes |= {f"{name}/{part}": (width,) for name, width in norms.items() for part in parts}
    return shapes | {"predictions/kernel": (2048, 19), "predictions/bias": (19,)}


def drawn(name, shape):
    """Return an array as `make_xception_vectors.py` draws it."""
    z = np.random.RandomState(crc32(name.encode())).standard_normal(shape)
    part = name.split("/")[-1]
    if part == "moving_variance":
        return np.exp(0.3 * z).astype(np.float32)
    fan_in = 9 if part == "depthwise_kernel" else np.prod(shape[:-1])
    mean, spread = SPREADS.get(part, (0, fan_in**-0.5))
    return (mean + spread * z).astype(np.float32)


@pytest.fixture(scope="module")
def keras_arrays():
    return {name: drawn(name, shape) for name, shape in keras_shapes().items()}


@pytest.fixture(scope="module")
def network(keras_arrays, tmp_path_factory):
    """Return the network with these weights, which went through a file of Keras."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path_factory.mktemp("keras") / "xception.h5"
    with h5py.File(path, "w") as file:
        for name, array in keras_arrays.items():
            layer, part = name.split("/")
            file[f"{layer}/{layer}/{part}:0"] = array
    network = models.build("xception").eval()
    head = {
        "head.weight": torch.from_numpy(keras_arrays["predictions/kernel"].T),
        "head.bias": torch.from_numpy(keras_arrays["predictions/bias"]),
    }
    network.load_state_dict(fit_weights(network, from_keras(path) | head))
    return network


def logits(network, images):
    """Return what a network makes of images (batch, y, x, channel)."""
    batch = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        return network(batch.to(next(network.parameters()).dtype)).numpy()


def windows(image, size, stride, *, same, fill=0.0):
    """Return (y, x, channel, size, size) of an image (y, x, channel), padded as TensorFlow pads."""
    if same:
        missing = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in image.shape[:2]]
        margins = [(total // 2, total - total // 2) for total in missing]
        image = np.pad(image, [*margins, (0, 0)], constant_values=fill)
    patches = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
    return patches[::stride, ::stride]


class Keras:
    """The forward pass of keras.applications.Xception, a layer a method, float64."""

    def __init__(self, arrays):
        self.arrays = {name: array.astype(np.float64) for name, array in arrays.items()}

    def conv(self, image, name, stride=1, *, same=False):
        kernel = self.arrays[f"{name}/kernel"]
        patches = windows(image, kernel.shape[0], stride, same=same)
        return np.einsum("yxcij,ijco->yxo", patches, kernel, optimize=True)

    def separable(self, image, name):
        kernel = self.arrays[f"{name}/depthwise_kernel"][..., 0]
        each = np.einsum("yxcij,ijc->yxc", windows(image, 3, 1, same=True), kernel)
        return each @ self.arrays[f"{name}/pointwise_kernel"][0, 0]

    def norm(self, image, name):
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (self.arrays[f"{name}/{part}"] for part in parts)
        return gamma * (image - mean) / np.sqrt(variance + 1e-3) + beta

    def separable_norm(self, image, name):
        return self.norm(self.separable(image, name), f"{name}_bn")

    def pool(self, image):
        return windows(image, 3, 2, same=True, fill=-np.inf).max((-2, -1))

    def predict(self, image):
        x = relu(self.norm(self.conv(image, "block1_conv1", 2), "block1_conv1_bn"))
        x = relu(self.norm(self.conv(x, "block1_conv2"), "block1_conv2_bn"))
        for number, block in enumerate((2, 3, 4, *range(5, 13), 13)):
            residual = x
            middle = 5 <= block <= 12
            for at in range(1, 4 if middle else 3):
                x = x if (block, at) == (2, 1) else relu(x)
                x = self.separable_norm(x, f"block{block}_sepconv{at}")
            if not middle:
                ending = {0: "", 1: "_1", 2: "_2", 11: "_3"}[number]
                residual = self.conv(residual, f"conv2d{ending}", 2, same=True)
                residual = self.norm(residual, f"batch_normalization{ending}")
                x = self.pool(x)
            x = x + residual
        x = relu(self.separable_norm(x, "block14_sepconv1"))
        x = relu(self.separable_norm(x, "block14_sepconv2"))
        features = x.mean((0, 1))
        return features @ self.arrays["predictions/kernel"] + self.arrays["predictions/bias"]


def relu(image):
    return np.maximum(image, 0)


def test_the_logits_are_keras_s_own(network):
    images = np.random.RandomState(7586).uniform(-1, 1, (2, 75, 86, 3)).astype(np.float32)
    with np.load(Path(__file__).with_name("xception_75x86.npz")) as arrays:
        expected = arrays["logits"]
    np.testing.assert_allclose(logits(network, images), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(33, 33), (48, 48), (7, 40), (41, 30)])
@pytest.mark.slow
def test_the_logits_are_those_of_keras_s_layers_in_numpy(network, keras_arrays, shape):
    image = np.random.default_rng(shape).uniform(-1, 1, (*shape, 3))
    network.double()
    try:
        result = logits(network, image[None])[0]
    finally:
        network.float()
    np.testing.assert_allclose(result, Keras(keras_arrays).predict(image), rtol=0, atol=1e-11)


def test_the_parameters_are_counted_as_keras_counts_them():
    with torch.device("meta"):
        network = models.build("xception", labels=19, channels=3)
        four = models.build("xception", labels=5, channels=4)
    trained = sum(part.numel() for part in network.parameters())
    running = sum(part.numel() for name, part in network.named_buffers() if "running" in name)
    head = sum(part.numel() for part in network.head.parameters())
    assert running == 54_528  # Keras's "non-trainable": means and variances of BatchNorm
    assert head == 2048 * 19 + 19
    assert trained + running - head == 20_861_480  # Keras's without the top
    assert trained + running == 20_900_411
    assert sum(part.numel() for part in four.parameters()) == trained + 9 * 32 - 14 * 2049


def test_every_part_of_keras_s_names_is_there(keras_arrays):
    counted = sum(array.size for array in keras_arrays.values())
    assert counted == 20_900_411
    assert len([name for name in keras_arrays if re.match("conv2d", name)]) == 4


def test_batch_normalization_is_keras_s():
    with torch.device("meta"):
        network = models.build("xception")
    norms = [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert len(norms) == 40
    assert {(part.eps, part.momentum) for part in norms} == {(1e-3, 0.01)}
    convs = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    assert all(part.bias is None for part in convs)


@pytest.mark.slow
def test_the_smallest_image_is_taken_and_none_smaller():
    network = models.build("xception", labels=2, channels=4).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 4, network.smallest, network.smallest)).shape == (1, 2)
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 4, network.smallest - 1, network.smallest))


@pytest.mark.parametrize("option", ["labels", "channels"])
def test_nothing_of_0_is_built(option):
    with pytest.raises(OptionError, match=f"^{option} must be 1 or more, got 0"):
        models.build("xception", **{option: 0})
