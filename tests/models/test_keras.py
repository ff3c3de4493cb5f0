"""What the layers mean, by examples worked out by hand from Keras's documentation."""

import math

import pytest
import torch
from torch import nn

from unsmear.errors import OptionError
from unsmear.models import keras


def along(layer, values):
    """Return what a layer of kernels 3x3 makes of a row, where the middle row is not 0."""
    rows = torch.zeros(1, 1, 2, len(values))
    rows[0, 0, 0] = torch.tensor(values)
    with torch.no_grad():
        return layer(rows)[0, 0, 0].tolist()


def set_row(layer, weights):
    inner = next(each for each in layer.modules() if hasattr(each, "weight"))
    nn.init.zeros_(inner.bias)
    with torch.no_grad():
        inner.weight.zero_()[0, 0, 0] = torch.tensor(weights)
    return layer


def test_a_stride_of_two_begins_at_the_first_pixel():
    """1 + 2·2 + 3·3, 3 + 2·4 and a zero; torch's own padding would give 0 + 2 + 6 first."""
    layer = set_row(keras.conv(1, 1, 3, stride=2), [1.0, 2.0, 3.0])
    assert along(layer, [1.0, 2.0, 3.0, 4.0]) == [14.0, 11.0]


def test_an_odd_side_has_a_zero_on_both_ends():
    """0 + 2·1 + 3·2, 2 + 2·3 + 3·4, 4 + 2·5 + 0."""
    layer = set_row(keras.conv(1, 1, 3, stride=2), [1.0, 2.0, 3.0])
    rows = torch.zeros(1, 1, 4, 5)
    rows[0, 0, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    with torch.no_grad():
        assert layer(rows)[0, 0, 0].tolist() == [8.0, 20.0, 14.0]


def test_a_transposed_convolution_writes_from_the_first_pixel_on():
    """1·(1, 2, 3) and two pixels on 10·(1, 2, 3), without the fifth."""
    layer = set_row(keras.transposed(1, 1), [1.0, 2.0, 3.0])
    assert along(layer, [1.0, 10.0]) == [1.0, 2.0, 13.0, 20.0]


def test_a_transposed_convolution_is_the_adjoint_of_the_convolution():
    """Keras defines it so: as the gradient of the convolution of the same stride and padding."""
    forth, back = keras.conv(2, 3, 3, stride=2, bias=False), keras.transposed(3, 2)
    with torch.no_grad():
        back[0].weight.copy_(forth[1].weight)
        back[0].bias.zero_()
        left, right = torch.randn(1, 2, 8, 10), torch.randn(1, 3, 4, 5)
        torch.testing.assert_close((forth(left) * right).sum(), (left * back(right)).sum())


@pytest.mark.parametrize("size", [3, 4, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [6, 7])
def test_same_is_the_side_over_the_stride(size, stride, side):
    maps = keras.conv(1, 1, size, stride=stride)(torch.rand(1, 1, side, side + 3))
    assert maps.shape[2:] == (math.ceil(side / stride), math.ceil((side + 3) / stride))


def test_a_mirror_too_small_repeats_the_edge():
    row = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    assert keras.ReflectionPad(1)(row)[0, 0, 1].tolist() == [1, 1, 2, 3, 3]
    three = row.expand(1, 1, 3, 3)
    assert keras.ReflectionPad(1)(three)[0, 0, 1].tolist() == [2, 1, 2, 3, 2]


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [(nn.Conv2d(64, 96, 3), 64 * 9), (nn.ConvTranspose2d(64, 96, 3), 96 * 9)],
)
def test_he_normal_is_cut_off_at_two_sigma(layer, fan_in):
    keras.he_normal(layer)
    sigma = math.sqrt(2 / fan_in)
    weights = layer.weight.detach()
    assert weights.std().item() == pytest.approx(sigma, rel=0.01)
    assert abs(weights.mean().item()) < 0.02 * sigma
    # The cut lies at two sigma of the normal distribution before it: 2 / 0.8796 of those after.
    assert weights.abs().max().item() == pytest.approx(2 * sigma / 0.8796, rel=0.01)
    assert not layer.bias.any()


def test_batch_normalisation_moves_its_statistics_by_a_hundredth():
    layer = keras.norm("batch", 2)
    planes = 5 + 3 * torch.randn(2, 2, 50, 50)
    with torch.no_grad():
        layer(planes)
        mean, variance = planes.mean((0, 2, 3)), planes.var((0, 2, 3))
        torch.testing.assert_close(layer.running_mean, 0.01 * mean)
        torch.testing.assert_close(layer.running_var, 0.99 + 0.01 * variance)
        layer.running_mean.zero_()
        layer.running_var.zero_()
        ones = torch.ones(1, 2, 1, 1)
        torch.testing.assert_close(layer.eval()(ones), ones / math.sqrt(1e-3))


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(OptionError, match=r"^norm must be batch, instance or none, got layer\.$"):
        keras.check("layer")
