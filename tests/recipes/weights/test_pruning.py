"""Pruning: what is kept gives what it gave, and what nothing uses is what goes."""

import pytest
import torch

from recipes.weights import pruning
from recipes.weights.pruning import prune
from unsmear.models.deep_wiener import DeepWiener


@pytest.fixture(autouse=True)
def every_pixel(monkeypatch):
    monkeypatch.setattr(pruning, "EVERY", 1)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(widths, hidden=None, seed=0):
    torch.manual_seed(seed)
    made = DeepWiener(versions=2, constants=1, widths=widths, hidden=hidden)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=(2 / weight[0].numel()) ** 0.5)
    return made


def planes(count=3):
    generator = torch.Generator().manual_seed(1)

    def random(*shape):
        return torch.randn(1, *shape, generator=generator)

    return [(random(2, 96, 128), random(1), 1.0 + index) for index in range(count)]


def results(network, given):
    with torch.inference_mode():
        return [torch.cat(network(versions, constants)) for versions, constants, _ in given]


def same(first, second):
    pairs = zip(results(first, planes()), results(second, planes()), strict=True)
    return max(float((a - b).abs().max() / b.std()) for a, b in pairs)


def test_as_many_channels_give_the_same_results():
    large, small = network((6, 4)), network((6, 4), seed=1)
    assert same(small, large) > 0.1
    assert list(prune(large, small, planes())) == [
        "before.0.0.one",
        "before.0.0.two",
        "down.0",
        "before.1.0.one",
        "before.1.0.two",
        "after.1.0.one",
        "after.1.0.two",
        "up.0",
        "after.0.0.one",
        "after.0.0.two",
        "last",
    ]
    assert same(small, large) < 1e-3


def test_channels_that_nothing_uses_are_left_out():
    large = network((6, 5), (4, 3))
    with torch.no_grad():
        for level, dead in enumerate((2, 1)):
            for blocks in (large.before, large.after):
                blocks[level][0].one.weight[:, dead] = 0  # of the level
                blocks[level][0].two.weight[:, 0] = 0  # within the block
        large.down[0].weight[:, 2] = large.up[0].weight[1] = large.last.weight[:, 2] = 0
    small = network((5, 4), (3, 2), seed=1)
    list(prune(large, small, planes()))
    assert same(small, large) < 1e-3


def test_fewer_channels_are_fitted():
    """Better than without the part that is fitted, although half of the channels are gone."""
    large, small = network((8, 8)), network((8, 4), (4, 4), seed=1)
    list(prune(large, small, planes()))
    wanted, given = results(large, planes()), results(small, planes())
    without = [torch.cat([versions[:, :1]] * 2) for versions, _, _ in planes()]
    for other, result, plain in zip(wanted, given, without, strict=True):
        assert (result - other)[0].square().mean() < 0.5 * (plain - other)[0].square().mean()
