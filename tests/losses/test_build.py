"""A loss made of several terms."""

import subprocess
import sys

import pytest
import torch

from unsmear import losses
from unsmear.errors import OptionError
from unsmear.losses import pixel


def halves(restored, sharp):
    return (restored - sharp).mean() / 2


def test_terms_are_returned_as_they_are_and_summed_with_their_weights():
    restored, sharp = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    wanted = {"l1": 2.0, "frequency": 0.1, "l2": 0.0, "perceptual": 3.0}
    values = losses.build(wanted, halves)(restored, sharp)
    assert list(values) == ["l1", "frequency", "perceptual", "loss"]
    assert values["l1"] == pixel.l1(restored, sharp)
    assert values["perceptual"] == halves(restored, sharp)
    total = 2 * values["l1"] + 0.1 * values["frequency"] + 3 * values["perceptual"]
    torch.testing.assert_close(values["loss"], total)


@pytest.mark.parametrize("name", [name for name in losses.TERMS if name != "perceptual"])
def test_every_term_can_stand_alone(name):
    restored, sharp = torch.rand(2, 1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    values = losses.build({name: 1.0})(restored, sharp)
    assert values["loss"] == values[name] == getattr(pixel, name)(restored, sharp)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"charbonier": 1}, r"got 'charbonier' \(did you mean charbonnier\?\)\."),
        ({"zzz": 1}, r"must be one of l1, l2, .*, got 'zzz'\."),
        ({"l1": -1}, r"the weight of l1 must be 0 or more and finite, got -1\."),
        ({"l1": float("nan")}, "finite, got nan"),
        ({}, "must have a term"),
        ({"l1": 0, "perceptual": 0}, "must have a term"),
        ({"perceptual": 1}, r"perceptual must be a loss .*, got None\."),
    ],
)
def test_a_bad_loss_is_refused(weights, sentence):
    with pytest.raises(OptionError, match=sentence):
        losses.build(weights)


def test_the_names_are_known_without_torch():
    code = "import sys; from unsmear import losses; losses.TERMS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
