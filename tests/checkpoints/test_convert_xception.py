"""Files with Xception's weights, as Keras and timm write them, each in its versions' words."""

import re
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from unsmear import models
from unsmear.checkpoints import convert_xception
from unsmear.errors import MissingExtra, WeightsError

KERAS_PARTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
OLD_PARTS = {"moving_mean": "running_mean", "moving_variance": "running_std", "kernel": "W"}


@pytest.fixture(scope="module")
def tensors():
    """Return a network's tensors, none of which is as in a new network."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        drawn = models.build("xception", labels=1).state_dict()
        for name, tensor in drawn.items():
            if tensor.ndim == 1 and not name.startswith("head."):
                tensor.copy_(torch.rand(tensor.shape) + 0.1)
    return {name: tensor for name, tensor in drawn.items() if "tracked" not in name}


def body(tensors):
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}


def same(mine, theirs):
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


def in_keras(name, first=0):
    """Return Keras's layer and part of one of our tensors.

    first: from where the convolutions past the blocks are counted.
    """
    *module, part = name.split(".")
    if module[0] == "head":
        return "predictions", {"weight": "kernel", "bias": "bias"}[part]
    block = {"stem": 1, "tail": 14}.get(module[0]) or int(module[1]) + 2
    kind = "conv" if block == 1 else "sepconv"
    if "skip" in module:
        number = {2: 0, 3: 1, 4: 2, 13: 3}[block] + first
        ending = f"_{number}" if number else ""
        conv = module[-1] == "conv"
        return (f"conv2d{ending}", "kernel") if conv else (norm_name(ending), KERAS_PARTS[part])
    at = int(module[1][-1]) if block in (1, 14) else int(module[3]) + 1
    layer = f"block{block}_{kind}{at}"
    if "norm" in module[1] or "norms" in module:
        return f"{layer}_bn", KERAS_PARTS[part]
    return layer, "kernel" if block == 1 else f"{module[-1]}_kernel"


def norm_name(ending):
    return f"batch_normalization{ending}"


def turned(name, tensor):
    """Return a tensor with Keras's axes."""
    if name == "head.weight":
        return tensor.T
    if tensor.ndim < 4:
        return tensor
    return tensor.permute(2, 3, 0, 1) if "depthwise" in name else tensor.permute(2, 3, 1, 0)


def keras_arrays(tensors, first=0):
    """Return arrays by layer and part."""
    return {
        in_keras(name, first): np.ascontiguousarray(turned(name, tensor))
        for name, tensor in tensors.items()
    }


def as_keras_2(layer, part):
    return f"{layer}/{layer}/{part}:0"


def as_whole_model(layer, part):
    return f"model_weights/{layer}/{layer}_1/{part}:0"


def as_keras_3(layer, part):
    return f"{layer}/{layer}/{part}"


def as_keras_1(layer, part):
    layer = layer.replace("conv2d", "convolution2d").replace("batch_n", "batchn")
    return f"{layer}/{layer}_{OLD_PARTS.get(part, part)}:0"


def as_keras_1_again(layer, part):
    return as_keras_1(layer, part).replace(":0", "_1:0")


def as_part_of_a_model(layer, part):
    return f"model_weights/xception/{layer}/{part}:0"


def as_nothing_but_names(layer, part):
    return f"{layer}_{part.removesuffix('_kernel')}"


def under(layer, part):
    return f"{layer}/{part}"


def write(path, arrays, called=as_keras_2):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for (layer, part), array in arrays.items():
            file[called(layer, part)] = array
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "called",
    [
        as_keras_2,
        as_whole_model,
        as_keras_3,
        as_keras_1,
        as_keras_1_again,
        as_part_of_a_model,
        as_nothing_but_names,
    ],
)
def test_each_version_of_keras_is_read(tensors, tmp_path, called):
    path = write(tmp_path / "xception.h5.part", keras_arrays(tensors), called)
    assert same(convert_xception.read(path), body(tensors))


@pytest.mark.parametrize("first", [1, 7, 8])
@pytest.mark.slow
def test_the_ways_past_the_blocks_are_told_by_their_order(tensors, tmp_path, first):
    arrays = keras_arrays(body(tensors), first)  # 8, 9, 10, 11: not in the order of letters
    path = write(tmp_path / "xception_notop.h5", arrays)
    assert same(convert_xception.from_keras(path), body(tensors))


@pytest.mark.slow
def test_what_an_optimiser_left_is_not_looked_at(tensors, tmp_path):
    arrays = keras_arrays(tensors)
    left = {("optimizer_weights/Adam", f"{layer}_m_{part}"): np.ones(1) for layer, part in arrays}
    path = write(tmp_path / "whole.h5", arrays | left, under)
    assert same(convert_xception.read(path), body(tensors))


def test_keras_3_s_files_without_names_are_refused(tmp_path):
    path = write(tmp_path / "x.weights.h5", {("layers/conv2d/vars", "0"): np.ones(2)}, under)
    with pytest.raises(WeightsError, match=r"^x\.weights\.h5: Keras 3's .* keeps no names"):
        convert_xception.read(path)


def in_timm(name):
    """Return timm's name of one of our tensors."""
    *module, part = name.split(".")
    if module[0] == "head":
        return f"fc.{part}"
    if module[0] in ("stem", "tail"):
        number = int(module[1][-1]) + 2 * (module[0] == "tail")
        layer = f"bn{number}" if "norm" in module[1] else f"conv{number}"
        inner = {"depthwise": ".conv1", "pointwise": ".pointwise"}.get(module[-1], "")
        return f"{layer}{inner}.{part}"
    block = f"block{int(module[1]) + 1}"
    if "skip" in module:
        return f"{block}.skip{'' if module[-1] == 'conv' else 'bn'}.{part}"
    place = 3 * int(module[3]) + (module[1] != "0")
    if "norms" in module:
        return f"{block}.rep.{place + 1}.{part}"
    inner = {"depthwise": "conv1", "pointwise": "pointwise"}[module[-1]]
    return f"{block}.rep.{place}.{inner}.{part}"


def timm_arrays(tensors):
    renamed = {in_timm(name): tensor.clone() for name, tensor in tensors.items()}
    counts = {name: torch.tensor(5) for name in renamed if name.endswith("running_mean")}
    tracked = {name.replace("running_mean", "num_batches_tracked"): n for name, n in counts.items()}
    return renamed | tracked


def older(arrays):
    """Return the arrays as pretrainedmodels had them."""
    named = {name.replace("fc.", "last_linear."): array for name, array in arrays.items()}
    return {n: a[:, :, 0, 0] if "pointwise" in n else a for n, a in named.items()}


def wrapped(arrays):
    return {"epoch": 3, "state_dict": {f"module.{name}": array for name, array in arrays.items()}}


def as_safetensors(arrays, path):
    save_file({name: array.contiguous() for name, array in arrays.items()}, path)


@pytest.mark.parametrize(
    ("changed", "file", "save"),
    [
        (dict, "model.safetensors", as_safetensors),
        (dict, "legacy_xception.pth", torch.save),
        (older, "xception.pth", torch.save),
        (wrapped, "last.pth.tar", torch.save),
    ],
)
@pytest.mark.slow
def test_timm_and_its_ancestors_are_read(tensors, tmp_path, changed, file, save):
    path = tmp_path / file
    save(changed(timm_arrays(tensors)), path)
    read = convert_xception.read(path)
    expected = body(tensors)
    assert read.keys() == expected.keys()
    gammas = [name.replace("running_var", "weight") for name in read if "running_var" in name]
    assert all(torch.equal(read[name], expected[name]) for name in read.keys() - set(gammas))
    assert same(read, convert_xception.from_timm(path))
    for gamma in gammas:
        parts = [gamma.replace("weight", part) for part in ("bias", "running_mean", "running_var")]
        maps = torch.randn(1, len(read[gamma]), 3, 3)
        ours, theirs = ([given[part] for part in parts] for given in (read, expected))
        torch.testing.assert_close(
            normed(maps, read[gamma], *ours, eps=1e-3),
            normed(maps, expected[gamma], *theirs, eps=1e-5),
        )


def normed(maps, gamma, beta, mean, variance, eps):
    return nn.functional.batch_norm(maps, mean, variance, gamma, beta, eps=eps)


@pytest.mark.slow
def test_our_own_file_is_read_without_its_head(tensors, tmp_path):
    as_safetensors(tensors, tmp_path / "x.safetensors")
    assert same(convert_xception.read(tmp_path / "x.safetensors"), body(tensors))


@pytest.mark.slow
def test_the_arrays_that_are_wrong_are_named(tensors, tmp_path):
    arrays = keras_arrays(tensors)
    del arrays["block5_sepconv2", "depthwise_kernel"]
    arrays["block14_sepconv1_bn", "beta"] = np.zeros(1537, np.float32)
    with pytest.raises(WeightsError) as raised:
        convert_xception.read(write(tmp_path / "xception.h5", arrays))
    assert str(raised.value) == (
        "xception.h5: the arrays must be Xception's; missing: blocks.3.convs.1.depthwise.weight; "
        "of another shape: tail.norm1.bias must be 1536, is 1537."
    )


@pytest.mark.slow
def test_numbers_that_are_none_are_named(tensors, tmp_path):
    arrays = keras_arrays(tensors)
    arrays["block1_conv1", "kernel"] = np.full_like(arrays["block1_conv1", "kernel"], np.nan)
    with pytest.raises(WeightsError, match=r"not of finite .* numbers: stem\.conv1\.weight\.$"):
        convert_xception.read(write(tmp_path / "xception.h5", arrays))


def test_an_array_that_claims_to_be_a_giant_is_not_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "xception.h5", "w") as file:
        giant = (2**20, 2**10, 2**10, 2**4)  # 64 TiB that nobody wrote
        file.create_dataset("block1_conv1/block1_conv1/kernel:0", giant, np.float32, chunks=True)
    with pytest.raises(WeightsError, match=r"stem\.conv1\.weight must be 32x3x3x3, is 16x1024x"):
        convert_xception.read(tmp_path / "xception.h5")


def test_another_network_s_file_is_refused_in_few_words(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg16.pth")
    with pytest.raises(WeightsError, match=r"missing: stem\.conv1\.weight, .* and 2\d\d more\.$"):
        convert_xception.read(tmp_path / "vgg16.pth")


@pytest.mark.slow
def test_a_layer_that_is_there_twice_is_named(tensors, tmp_path):
    arrays = keras_arrays(tensors)
    arrays["other/block1_conv1", "kernel"] = arrays["block1_conv1", "kernel"]
    sentence = "must be in the file once, got two"
    with pytest.raises(WeightsError, match=sentence):
        convert_xception.read(write(tmp_path / "xception.h5", arrays, under))


@pytest.mark.parametrize("ending", [".h5", ".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>please log in", b"\x89HDF\r\n\x1a\n" + bytes(99)])
def test_a_damaged_file_is_one_sentence(tmp_path, ending, content):
    path = tmp_path / f"xception{ending}"
    path.write_bytes(content)
    if ending == ".h5":
        pytest.importorskip("h5py")
    with pytest.raises(
        WeightsError, match=rf"^xception\{ending}: .* damaged or of another kind\.$"
    ):
        convert_xception.read(path)


@pytest.mark.parametrize("held", [[1, 2], {"epoch": 3}, {"weight": [1.0]}, torch.zeros(2)])
def test_a_file_of_torch_that_holds_something_else_is_one_sentence(tmp_path, held):
    torch.save(held, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"^x\.pth: .* damaged or of another kind\.$"):
        convert_xception.read(tmp_path / "x.pth")


def test_a_missing_file_and_a_missing_extra_are_said(tmp_path, monkeypatch):
    with pytest.raises(
        WeightsError, match=r"none\.h5: Xception's weights must be a file, got none"
    ):
        convert_xception.read(tmp_path / "none.h5")
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    sentence = re.escape("x.h5: Keras's files need h5py: pip install 'unsmear[keras]'")
    with pytest.raises(MissingExtra, match=sentence):
        convert_xception.read(tmp_path / "x.h5")
