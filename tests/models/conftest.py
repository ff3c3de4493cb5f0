"""Networks whose weights are drawn the same in every run."""

import pytest
import torch
from torch import nn

from unsmear import models


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(7)
        yield


@pytest.fixture
def settle():
    """Return a function that makes a new network behave as a trained one, in double precision.

    No weight is 0, running statistics are those of an input, and nothing is dropped.
    """

    def settled(network):
        network.double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
        side = network.stride * -(-32 // network.stride)
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
                module.momentum = None  # the mean over all that it sees
        network.train()(draw(network, 2, side, side))
        return network.eval()

    return settled


@pytest.fixture(name="draw")
def draw_():
    """Return a function that draws blurred images in a network's values."""
    return draw


def draw(network, batch, rows, columns):
    low, high = network.values
    dtype = next(network.parameters()).dtype
    return low + (high - low) * torch.rand(batch, network.channels, rows, columns, dtype=dtype)


@pytest.fixture(name="reach", params=["rows", "columns"])
def reach_(request):
    """Return a function that measures how far a network sees along one axis."""

    def measured(network, halo):
        return reach(network, halo, turned=request.param == "rows")

    return measured


def reach(network, halo, turned):
    """Return whether anything beyond the halo is seen, and whether anything at its end is.

    Both for a result at any place within a stride; all that lies there is drawn anew.
    """
    stride = network.stride
    middle = (-(-halo // stride) + 1) * stride
    blurred = draw(network, 1, -(-16 // stride) * stride, 2 * middle + stride)
    column = torch.arange(blurred.shape[-1])
    before = forward(network, blurred, turned)
    beyond, end = False, False
    for pixel in range(middle, middle + stride):
        distance = (column - pixel).abs()
        for mask in (distance > halo, distance == halo):
            other = torch.where(mask, draw(network, 1, *blurred.shape[2:]), blurred)
            after = forward(network, other, turned)
            changed = not torch.equal(after[..., pixel], before[..., pixel])
            beyond |= changed and bool(mask[0])
            end |= changed and not bool(mask[0])
    return beyond, end


def forward(network, blurred, turned):
    with torch.no_grad():
        restored = models.final(network(blurred.mT if turned else blurred))
    return restored.mT if turned else restored
