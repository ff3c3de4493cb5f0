"""NAFNet against its authors' own outputs and size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models import published
from unsmear import models
from unsmear.errors import OptionError

SMALL = {"width": 4, "encoder": (1, 1), "decoder": (1, 1)}


def test_restores_as_the_authors_own():
    with np.load(Path(__file__).with_name("published.npz")) as arrays:
        expected = torch.from_numpy(arrays["nafnet"])
    with torch.no_grad():
        restored = published.build("nafnet")(published.image())
    torch.testing.assert_close(restored, expected, atol=2e-5, rtol=1e-4)
    assert not torch.allclose(expected, published.image(), atol=0.1)


def test_has_as_many_parameters_as_published():
    with torch.device("meta"):
        network = models.build("nafnet", width=32, encoder=(1, 1, 1, 28))
    assert sum(weight.numel() for weight in network.parameters()) == 17_111_907


def test_sees_the_whole_image(settle, reach):
    network = settle(models.build("nafnet", channels=1, **SMALL))
    assert network.halo is None
    beyond, _ = reach(network, 100)
    assert beyond


def test_the_blocks_change_nothing_at_first():
    network = models.build("nafnet", **SMALL)
    planes = torch.rand(2, 4, 8, 8)
    assert torch.equal(network.encoders[0](planes), planes)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"decoder": (1,)}, r"^decoder must have as many levels as encoder, 4, got 1\.$"),
        ({"encoder": (), "decoder": ()}, r"^levels must be 1 or more, got 0\.$"),
        ({"width": 0}, r"^width must be 1 or more, got 0\.$"),
    ],
)
def test_options_that_it_cannot_have_are_refused(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        models.build("nafnet", **options)
