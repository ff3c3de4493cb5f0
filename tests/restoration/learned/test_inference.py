"""Loading of weights, and the errors for weights of no restorer."""

import pytest
import torch
from torch.nn import functional

from unsmear.checkpoints import checkpoint
from unsmear.errors import WeightsError
from unsmear.models.deep_wiener import DeepWiener
from unsmear.restoration.learned import inference

OPTIONS = {"versions": 2, "constants": 2, "widths": [4, 4], "depth": 1}


def save(path, network_="DeepWiener", options=OPTIONS, **card):
    tensors = DeepWiener(**OPTIONS).state_dict()
    checkpoint.save(path, tensors, {"network": network_, "options": options, **card})
    return str(path)


def test_what_the_card_says_is_known(tmp_path):
    loaded = inference.load(save(tmp_path / "own", error_quantile=1.3))
    assert (loaded.versions, loaded.stride, loaded.quantile) == (2, 4, 1.3)
    assert loaded.halo % loaded.stride == 0


def test_a_band_that_was_never_set_is_not_given(tmp_path):
    loaded = inference.load(save(tmp_path / "own"))
    with pytest.raises(
        WeightsError, match=r"^own\.json: a restorer's card must have an error_quan"
    ):
        _ = loaded.quantile


@pytest.mark.parametrize(("widths", "fold"), [((1, 1), 2), ((1, 1, 1), 2), ((1, 1), 4)])
def test_the_halo_is_how_far_a_pixel_sees_wherever_it_lies(widths, fold):
    """At one of the places within a fold exactly so far, and nowhere further."""
    model = DeepWiener(versions=2, constants=1, widths=widths, fold=fold)
    for weight in model.parameters():  # all of one sign, so that nothing cancels or is cut off
        torch.nn.init.constant_(weight, 0.1)
    model.double()
    middle = -(-model.halo // model.stride) * model.stride
    side = 2 * middle + model.stride
    reaches = []
    for phase in range(model.stride):
        versions = torch.ones(1, 2, model.stride, side, dtype=torch.float64, requires_grad=True)
        restored, _ = model(versions, torch.ones(1, 1, dtype=torch.float64))
        restored[0, 0, 0, middle + phase].backward()
        touched = versions.grad[0].abs().sum((0, 1)).nonzero()
        reaches.append(int((touched - middle - phase).abs().max()))
    assert max(reaches) == model.halo
    assert len(set(reaches)) > 1


@pytest.mark.parametrize("fold", [2, 4])
def test_the_first_convolution_is_that_of_pixels_folded_into_channels(fold):
    torch.manual_seed(0)
    model = DeepWiener(versions=3, constants=2, widths=(4,), fold=fold)
    seen = []
    model.before[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    versions, constants = torch.rand(2, 3, 16, 24), torch.rand(2, 2)
    model(versions, constants)
    folded = functional.pixel_unshuffle(versions, fold)
    spread = constants[:, :, None, None].expand(-1, -1, *folded.shape[2:])
    expected = model.first(torch.cat([folded, spread], 1))
    torch.testing.assert_close(seen[0], expected, atol=1e-6, rtol=1e-5)


def test_untrained_weights_give_back_the_first_version(tmp_path):
    versions = torch.rand(2, 33, 42).numpy()
    restored, scale = inference.load(save(tmp_path / "own"))(versions, torch.ones(2).numpy())
    assert (restored == versions[0]).all()
    assert scale.shape == restored.shape


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ({"network_": "KernelNet"}, "^own: the network must be DeepWiener, got KernelNet.$"),
        ({"options": OPTIONS | {"versions": 3}}, "^own: the weights must fit their card; .*size"),
        ({"options": {"colour": 1}}, "^own: the weights must fit their card; .*colour"),
    ],
)
def test_weights_of_another_network_are_refused(card, sentence, tmp_path):
    with pytest.raises(WeightsError, match=sentence) as raised:
        inference.load(save(tmp_path / "own", **card))
    assert "\n" not in str(raised.value)
