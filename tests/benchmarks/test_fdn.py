"""FDN as a rival in the benchmarks: one step, the whole restoration, and the authors' files."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from benchmarks.common import fdn
from unsmear.errors import WeightsError

KERNEL = np.array([[0.5, 0.2, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.1]])


@pytest.fixture
def stages():
    """Return three steps of random weights."""
    torch.manual_seed(0)
    return [fdn.Stage().requires_grad_(False) for _ in range(3)]


@pytest.fixture
def plane():
    """Return an image of 21 by 34 pixels."""
    return np.random.default_rng(0).uniform(0.2, 0.8, (21, 34))


def trusting(stages):
    """Return the steps without their networks, with all weight on the data."""
    for stage in stages:
        nn.init.zeros_(stage.convolutions[-1].weight)
        nn.init.zeros_(stage.convolutions[-1].bias)
        nn.init.constant_(stage.dense[-1].bias, 1e5)
    return stages


def test_a_step_solves_the_normal_equations(stages):
    stage, shape = trusting(stages)[0], (8, 9)
    nn.init.constant_(stage.dense[-1].bias, 3.0)
    data = np.random.default_rng(1).uniform(size=shape)
    weight = float(stage.data_weight(2.0))
    waves = np.array([[np.cos(np.pi * n * (2 * x + 1) / 10) for x in range(5)] for n in range(5)])
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    filters = [np.outer(waves[m], waves[n]) for m in range(5) for n in range(5) if m or n]
    blur = circulant(KERNEL, shape)
    smooth = sum(circulant(each, shape).T @ circulant(each, shape) for each in filters)
    wanted = np.linalg.solve(weight * blur.T @ blur + smooth, weight * blur.T @ data.ravel())
    given = torch.tensor(data, dtype=torch.float32)
    result = stage(given, given, fdn._transfer(KERNEL, shape), 2.0)
    assert result.numpy() == pytest.approx(wanted.reshape(shape), abs=1e-4)


def circulant(kernel, shape):
    """Return the matrix of a convolution of images whose borders join."""
    points = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
    return np.array([ndimage.convolve(each, kernel, mode="wrap").ravel() for each in points]).T


@pytest.mark.parametrize("kernel", [np.ones((1, 1)), np.ones((3, 5)) / 15])
def test_the_restored_plane_has_the_size_of_the_blurred_one(stages, plane, kernel):
    restored = fdn.restore(plane, kernel, 2.0, stages)
    assert restored.shape == plane.shape
    assert np.isfinite(restored).all()


def test_a_kernel_of_one_point_leaves_what_is_trusted(stages, plane):
    point = np.pad(np.ones((1, 1)), 2)
    restored = fdn.restore(plane, point, 1.0, trusting(stages))
    assert restored == pytest.approx(plane, abs=1e-3)


def test_the_kernel_lies_as_in_a_convolution(stages, plane):
    sharp = ndimage.gaussian_filter(plane, 1)
    blurred = ndimage.convolve(sharp, KERNEL, mode="nearest")
    restored, turned = (
        fdn.restore(blurred, kernel, 1.0, trusting(stages))
        for kernel in (KERNEL, KERNEL[::-1, ::-1])
    )
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(restored - sharp)[inner].max() < 0.01
    assert np.abs(turned - sharp)[inner].max() > 0.02


def test_a_turned_image_and_kernel_give_the_turned_result(stages, plane):
    for stage in stages:
        for layer in stage.convolutions:
            layer.weight.copy_((layer.weight + layer.weight.flip(2, 3)) / 2)
    restored = fdn.restore(plane, KERNEL, 2.0, stages)
    turned = fdn.restore(plane[::-1, ::-1], KERNEL[::-1, ::-1], 2.0, stages)
    assert turned[::-1, ::-1] == pytest.approx(restored, abs=1e-4)


def test_strips_do_not_show(stages, plane, monkeypatch):
    given = torch.tensor(plane, dtype=torch.float32)
    whole = stages[0].correction(given)
    monkeypatch.setattr(fdn, "STRIP", 8)
    assert stages[0].correction(given).numpy() == pytest.approx(whole.numpy(), abs=1e-6)


@pytest.fixture
def arrays():
    """Return arrays named as in the authors' files, whose steps may begin at 2."""
    random = np.random.default_rng(2)
    sizes = [(1, 32), *[(32, 32)] * 4, (32, 1)]
    named = {}
    for step in range(2, 12):
        layers = {f"conv{n + 1}": (3, 3, *size) for n, size in enumerate(sizes)}
        layers |= {"dense1": (1, 16), "dense2": (16, 16), "dense3": (16, 16), "lambda": (16, 1)}
        for layer, shape in layers.items():
            place = f"model_{step}/{layer}_{step - 1}"
            named[f"{place}/kernel:0"] = random.normal(size=shape).astype(np.float32)
            named[f"{place}/bias:0"] = random.normal(size=shape[-1]).astype(np.float32)
        filters = random.normal(size=(24, 24)).astype(np.float32)
        named[f"model_{step}/x_out_{step - 1}/filter_weights:0"] = filters
    return named


def written(path, arrays):
    """Write arrays to an HDF5 file; return its path."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_the_arrays_of_a_file_find_their_places(arrays, tmp_path):
    stages = fdn.load(written(tmp_path / "fdn.hdf5", arrays))
    assert len(stages) == 10
    kernel, last = arrays["model_2/conv3_1/kernel:0"], arrays["model_11/lambda_10/kernel:0"]
    third = stages[0].convolutions[2].weight.detach()
    assert third[5, 7, 0, 2].item() == kernel[0, 2, 7, 5]
    assert stages[9].dense[3].weight.detach().numpy() == pytest.approx(last.T)
    filters = arrays["model_10/x_out_9/filter_weights:0"]
    assert stages[8].filters.detach().numpy() == pytest.approx(filters)


@pytest.mark.parametrize("change", ["missing", "unknown", "size"])
def test_another_network_is_refused_in_one_sentence(arrays, tmp_path, change):
    if change == "missing":
        del arrays["model_4/dense2_3/bias:0"]
    elif change == "unknown":
        arrays["block1/kernel:0"] = np.zeros(3)
    else:
        arrays["model_4/dense2_3/bias:0"] = np.zeros(17)
    with pytest.raises(WeightsError, match=r"^\S+fdn.hdf5: .*stages_01-10_finetuned.hdf5, got \d+"):
        fdn.load(written(tmp_path / "fdn.hdf5", arrays))


@pytest.mark.parametrize("content", [None, b"", b"no weights", b"\x89HDF\r\n\x1a\n damaged"])
def test_no_weights_are_refused_in_one_sentence(tmp_path, content):
    pytest.importorskip("h5py")
    path = tmp_path / "fdn.hdf5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"fdn.hdf5: FDN's weights must be .* another kind\.$"):
        fdn.load(path)
