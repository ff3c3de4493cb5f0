"""The distance between VGG16's features, from every layout of its weights."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import conv2d, max_pool2d, relu

from unsmear.checkpoints import convert_vgg, published
from unsmear.errors import MissingExtra, OptionError, WeightsError
from unsmear.losses.perceptual import Perceptual
from unsmear.models.vgg import LAYERS

LAYER = "block2_conv1"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def vgg16():
    path = (Path(__file__).parents[2] / "../shared/weights/vgg16_block3_conv3.npz").resolve()
    if not path.exists():
        pytest.skip("the weights of VGG16 (../shared/weights) are not here")
    return path


def images(seed=0, shape=(2, 3, 16, 12)):
    source = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=source) for _ in range(2)]


def forward(small, maps):
    """VGG16 up to block2_conv1, written out."""
    maps = relu(conv2d(maps, small["block1_conv1.weight"], small["block1_conv1.bias"], padding=1))
    maps = relu(conv2d(maps, small["block1_conv2.weight"], small["block1_conv2.bias"], padding=1))
    maps = max_pool2d(maps, 2)
    return relu(conv2d(maps, small["block2_conv1.weight"], small["block2_conv1.bias"], padding=1))


def caffe(image):
    return (255 * image).flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)


def imagenet(image):
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    return (image - mean) / deviation


def write_ours(path, small):
    named = {n.replace(".weight", "/kernel").replace(".bias", "/bias"): v for n, v in small.items()}
    np.savez(path, **{name: value.numpy() for name, value in named.items()})
    return path


def test_the_check_value_of_the_original_weights(vgg16):
    image = np.random.RandomState(16).random_sample((1, 32, 32, 3)).astype(np.float32) * 255
    features = Perceptual(vgg16).features(torch.from_numpy(image / 255).permute(0, 3, 1, 2))
    assert features.shape == (1, 256, 8, 8)
    assert features.mean().item() == pytest.approx(314.2015, abs=2e-3)
    first = features.flatten()[:4].tolist()
    assert first == pytest.approx([1506.084, 908.461, 433.515, 711.877], abs=1e-2)


def test_the_value_is_in_the_unit_of_the_ancestors(vgg16):
    loss = Perceptual(vgg16)
    restored, sharp = images()
    distance = (loss.features(sharp) - loss.features(restored)).square().mean() / 127.5**2
    assert loss(restored, sharp).item() == pytest.approx(distance.item(), rel=1e-5)
    assert loss(sharp, sharp).item() == 0


def test_our_layout(small, tmp_path):
    path = write_ours(tmp_path / "vgg.npz", small)
    image, _ = images()
    torch.testing.assert_close(
        Perceptual(path, LAYER).features(image), forward(small, caffe(image)), rtol=1e-4, atol=1e-3
    )


def test_our_layout_as_safetensors(small, tmp_path):
    write_ours(tmp_path / "vgg.npz", small)
    with np.load(tmp_path / "vgg.npz") as arrays:
        save_file(
            {n: torch.from_numpy(arrays[n]) for n in arrays.files}, tmp_path / "v.safetensors"
        )
    image, _ = images()
    ours, same = (Perceptual(tmp_path / name, LAYER) for name in ("vgg.npz", "v.safetensors"))
    assert torch.equal(ours.features(image), same.features(image))


@pytest.mark.parametrize("ending", ["pth", "old.pth", "safetensors"])
def test_the_layout_of_torchvision(small, torchvision, tmp_path, ending):
    path = tmp_path / f"vgg.{ending}"
    if ending == "safetensors":
        save_file(torchvision, path)
    else:  # what is published has the format of before 2020
        torch.save(torchvision, path, _use_new_zipfile_serialization=ending == "pth")
    image, other = images()
    loss = Perceptual(path, LAYER)
    expected = forward(small, imagenet(image))
    torch.testing.assert_close(loss.features(image), expected, rtol=1e-4, atol=1e-5)
    unit = sum(0.5 / deviation for deviation in IMAGENET[1]) / 3
    value = (forward(small, imagenet(other)) - expected).square().mean() / unit**2
    assert loss(image, other).item() == pytest.approx(value.item(), rel=1e-4)


@pytest.mark.parametrize("names", [str, lambda name: f"model_weights/{name.replace('_W_1', '')}"])
def test_the_arrays_of_keras(small, keras, names):
    features = convert_vgg.from_keras({names(name): value for name, value in keras.items()})
    assert features.keys() == small.keys()
    for name, value in small.items():
        assert torch.equal(features[name], value)


def test_the_file_of_keras(small, keras, tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    with h5py.File(path, "w") as file:
        file.create_group("block1_pool")
        for name, value in keras.items():
            file[name] = value.numpy()
    image, _ = images()
    torch.testing.assert_close(
        Perceptual(path, LAYER).features(image), forward(small, caffe(image)), rtol=1e-4, atol=1e-3
    )


def test_the_file_of_keras_asks_for_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "vgg.h5").write_bytes(b"")
    with pytest.raises(MissingExtra, match=r"vgg\.h5: Keras's files need h5py: pip install h5py"):
        Perceptual(tmp_path / "vgg.h5")


def test_all_faults_are_named_in_one_sentence(small, tmp_path):
    del small["block1_conv1.bias"]
    small["block1_conv2.weight"] = torch.zeros(64, 64, 1, 1)
    small["block2_conv1.bias"] = small["block2_conv1.bias"] * float("nan")
    path = write_ours(tmp_path / "vgg.npz", small | {"block9.bias": torch.zeros(2)})
    with pytest.raises(WeightsError) as raised:
        Perceptual(path, LAYER)
    assert str(raised.value) == (
        "vgg.npz: the arrays must be VGG16's; block1_conv1.bias is missing; "
        "block1_conv2.weight must be 64x64x3x3, is 64x64x1x1; "
        "block2_conv1.bias must be finite floating-point numbers; "
        "block9.bias does not belong to VGG16."
    )


def test_a_layer_that_the_file_does_not_reach_is_said_so(small, tmp_path):
    path = write_ours(tmp_path / "vgg.npz", small)
    with pytest.raises(WeightsError) as raised:
        Perceptual(path)
    assert str(raised.value) == (
        "vgg.npz: layer must be one that the file has, up to block2_conv1, got block3_conv3."
    )
    Perceptual(path, "block1_conv1")  # and an earlier one is there


class Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_nothing_is_unpickled(tmp_path, capsys):
    torch.save({"features.0.bias": Evil()}, tmp_path / "vgg.pth")
    np.savez(tmp_path / "vgg.npz", **{"block1_conv1/bias": np.array([Evil()], dtype=object)})
    wanted = {"vgg.pth": "got the Python object", "vgg.npz": "of arrays by name and nothing else"}
    for name, sentence in wanted.items():
        with pytest.raises(WeightsError, match=sentence):
            Perceptual(tmp_path / name)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("ending", ["npz", "pth", "safetensors"])
def test_a_damaged_file_is_said_so(tmp_path, ending, torchvision):
    path = tmp_path / f"vgg.{ending}"
    torch.save(torchvision, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    for data in (b"", b"not weights at all", whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="damaged or of another kind"):
            Perceptual(path)


def test_a_missing_file_and_an_unknown_ending(tmp_path):
    with pytest.raises(WeightsError, match="got none of that name"):
        Perceptual(tmp_path / "none.npz")
    with pytest.raises(WeightsError, match=r"ending in \.npz, \.h5, \.pth, \.safetensors"):
        Perceptual(tmp_path / "vgg.bin")


def test_without_weights_the_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as raised:
        Perceptual()
    for way in ("`unsmear weights get vgg16`", "a file of yours", "--loss.charbonnier 1"):
        assert way in str(raised.value)


def test_without_weights_of_vgg19_it_says_so_though_vgg16_s_are_here(monkeypatch, tmp_path):
    monkeypatch.setattr(published, "find", {"vgg16": tmp_path / "vgg.pth"}.get)
    with pytest.raises(WeightsError) as raised:
        Perceptual(network="vgg19")
    assert str(raised.value) == (
        "VGG19's weights are missing for the perceptual loss: name a file of yours with "
        "--perceptual.weights (torchvision's vgg19-dcbb9e9d.pth or a file of Keras), use VGG16 "
        "(--perceptual.network vgg16, after `unsmear weights get vgg16`), or use other losses "
        "(--loss.charbonnier 1 --loss.perceptual 0)."
    )


VGG19 = (0, 2, 5, 7, 10, 12, 14, 16, 19)
"""torchvision's indices of VGG19's convolutions up to block4_conv1, of its features."""


@pytest.fixture(scope="module")
def vgg19():
    """Return torchvision's layers of VGG19 up to block4_conv1, with random weights."""
    torch.manual_seed(19)
    layers, before = [], 3
    for width in (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512):
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
    return nn.Sequential(*layers)


@pytest.mark.parametrize("activated", [True, False])
def test_vgg19_is_deblurgans(vgg19, tmp_path, activated):
    named = {f"features.{name}": value for name, value in vgg19.state_dict().items()}
    assert {int(name.split(".")[1]) for name in named} == set(VGG19)
    torch.save(named, tmp_path / "vgg19.pth")
    loss = Perceptual(tmp_path / "vgg19.pth", "block3_conv3", "vgg19", activated=activated)
    image, _ = images()
    cut = vgg19[: 14 + 1 + activated]  # DeblurGAN's index of conv3_3, with its ReLU or without
    with torch.no_grad():
        expected = cut(imagenet(image))
    torch.testing.assert_close(loss.features(image), expected, rtol=1e-4, atol=1e-5)
    assert (loss.features(image).min() < 0) != activated


def test_vgg16_s_file_is_not_taken_for_vgg19_s_nor_the_other_way(vgg19, tmp_path):
    named = {f"features.{name}": value for name, value in vgg19.state_dict().items()}
    torch.save(named, tmp_path / "vgg19.pth")
    with pytest.raises(WeightsError, match=r"features\.16\.weight does not belong to VGG16"):
        Perceptual(tmp_path / "vgg19.pth", LAYER)
    index = dict(zip(VGG19, LAYERS["vgg19"], strict=False))
    ours = {f"{index[int(name.split('.')[1])]}.{name.split('.')[2]}": named[name] for name in named}
    for part in ("weight", "bias"):
        del ours[f"block3_conv4.{part}"]
    with pytest.raises(WeightsError) as raised:
        Perceptual(write_ours(tmp_path / "vgg16.npz", ours), LAYER, "vgg19")
    assert str(raised.value) == (
        "vgg16.npz: the arrays must be VGG19's; block3_conv4.weight is missing; block3_conv4.bias "
        "is missing."
    )


def test_weights_that_were_got_are_taken(torchvision, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "find", {"vgg16": tmp_path / "vgg.pth"}.get)
    torch.save(torchvision, tmp_path / "vgg.pth")
    image, _ = images()
    assert torch.equal(
        Perceptual(layer=LAYER).features(image),
        Perceptual(tmp_path / "vgg.pth", LAYER).features(image),
    )


@pytest.fixture
def loss(torchvision, tmp_path):
    save_file(torchvision, tmp_path / "vgg.safetensors")
    return Perceptual(tmp_path / "vgg.safetensors", LAYER)


def test_only_the_restored_image_gets_a_gradient(loss):
    restored, sharp = (image.requires_grad_() for image in images())
    loss(restored, sharp).backward()
    assert restored.grad.abs().sum() > 0
    assert sharp.grad is None
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_the_gradient_is_that_of_the_value(loss):
    loss = loss.double()
    restored, sharp = (image.double() for image in images(3, (1, 3, 4, 4)))
    assert torch.autograd.gradcheck(
        lambda image: 1e4 * loss(image, sharp), restored.requires_grad_()
    )


def test_one_channel_is_repeated_and_others_are_refused(loss):
    grey, other = images(1, (2, 1, 8, 8))
    repeated = loss(grey.repeat(1, 3, 1, 1), other.repeat(1, 3, 1, 1))
    assert loss(grey, other).item() == pytest.approx(repeated.item(), rel=1e-6)
    with pytest.raises(OptionError, match="1 or 3 channels"):
        loss(*images(1, (2, 4, 8, 8)))


def test_the_images_stay_as_they_were(loss):
    restored, sharp = images()
    before = restored.clone(), sharp.clone()
    loss(restored, sharp)
    assert torch.equal(restored, before[0])
    assert torch.equal(sharp, before[1])
