"""The layers of MAXIM: what is worked in one pass is what it is in two."""

import pytest
import torch
from torch.nn import functional

from unsmear.models import maxim, maxim_layers
from unsmear.models.maxim_layers import Dense


@pytest.fixture
def layer():
    torch.manual_seed(8)
    return Dense(6, 10)


@pytest.fixture
def x():
    return torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(8))


@pytest.fixture
def calls(monkeypatch):
    """Return a list that grows by one with every call of oneDNN's operator."""
    operator, calls = maxim_layers.FUSED, []
    if operator is None:
        pytest.skip("this PyTorch has no such operator")

    def call(*given):
        calls.append(given)
        return operator(*given)

    monkeypatch.setattr(maxim_layers, "FUSED", call)
    return calls


def bent(layer, x):
    with torch.inference_mode():
        return layer.bent(x)


def apart(layer, x):
    return functional.gelu(layer(x), approximate="tanh").detach()


def test_in_one_pass_is_in_two(layer, x, calls):
    torch.testing.assert_close(bent(layer, x), apart(layer, x), rtol=0, atol=1e-6)
    assert len(calls) == 1
    layer.bent(x).sum().backward()
    assert len(calls) == 1
    assert layer.weight.grad.abs().sum() > 0


def test_it_works_where_the_operator_is_not(layer, x, monkeypatch):
    monkeypatch.setattr(maxim_layers, "FUSED", None)
    assert torch.equal(bent(layer, x), apart(layer, x))


@pytest.mark.parametrize("error", [AttributeError, RuntimeError])
def test_an_operator_that_cannot_be_looked_up_is_none(error, monkeypatch):
    class Refusing:
        def __getattr__(self, name):
            raise error(name)

    monkeypatch.setattr(torch.ops, "mkldnn", Refusing())
    assert maxim_layers.find_fused() is None


def test_onednn_can_be_switched_off(layer, x, calls):
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(bent(layer, x), apart(layer, x))
    assert not calls
    bent(layer, x)
    assert len(calls) == 1


def test_autocast_makes_the_same_with_gradients_and_without(layer, x, calls):
    with torch.autocast("cpu", torch.bfloat16):
        learned, output = layer.bent(x), bent(layer, x)
    assert output.dtype == learned.dtype == torch.bfloat16
    torch.testing.assert_close(output, learned.detach())
    assert not calls


@pytest.mark.parametrize("guard", [torch.enable_grad, torch.inference_mode])
@pytest.mark.slow
def test_no_images_give_none(guard):
    network = maxim.MAXIM(features=8, stages=2, groups=1, bottlenecks=1)
    with guard():
        output = network(torch.zeros(0, 3, 64, 128))
    assert [[tuple(image.shape) for image in scales] for scales in output] == [
        [(0, 3, 16, 32), (0, 3, 32, 64), (0, 3, 64, 128)]
    ] * 2


@pytest.mark.parametrize("axis", ["grid", "block"])
def test_tokens_go_back_to_where_they_were(axis):
    image = torch.randn(2, 3, 16, 24)
    tokens, back = maxim_layers.tokens_of(image, 8, axis)
    assert tokens.shape == (6 * 2, 3, 64, 1)
    assert torch.equal(back(tokens), image)
    # The first token's second partner is its neighbour, or lies one cell of 2x3 further.
    assert torch.equal(tokens[0, :, 1, 0], image[0, :, 0, 3 if axis == "grid" else 1])
