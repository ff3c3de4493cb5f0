"""Cards of strangers: what is larger than its file is refused before it is built."""

import math
import time

import numpy as np
import pytest

from unsmear import models
from unsmear.checkpoints import checkpoint, loading
from unsmear.errors import OptionError, WeightsError

pytest.importorskip("torch")

WIDTHS = {"versions": 2, "constants": 2, "widths": [16, 32, 48], "depth": 1}


def card_with(tmp_path, network="DeepWiener", tensors=None, **options):
    tensors = {"a": np.zeros((4, 4), np.float32)} if tensors is None else tensors
    checkpoint.save(tmp_path / "w", tensors, {"network": network, "options": options})
    return checkpoint.load(tmp_path / "w")


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 10**9},
        {"depth": -1},
        {"versions": -1},
        {"constants": 10**12},
        {"fold": 10**5},
        {"fold": 0},
        {"widths": []},
        {"widths": [10**7, 10**7]},
        {"widths": [-1, 2]},
        {"widths": "a lot"},
        {"widths": [1.5]},
        {"hidden": [10**6] * 3},
        {"nothing": 1},
    ],
)
def test_options_of_a_deep_wiener(tmp_path, options):
    loaded = card_with(tmp_path, **WIDTHS | options)
    began = time.process_time()
    with pytest.raises(WeightsError, match=r"^w: the weights must fit their card; "):
        loading.build_deep_wiener(loaded)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("unet", {"levels": 10**9}),
        ("unet", {"features": -1}),
        ("nafnet", {"middle": 10**9}),
        ("nafnet", {"width": 10**9}),
        ("dcae", {"filters": [10**6] * 4}),
        ("maxim", {"stages": 10**9}),
        ("multi-scale", {"blocks": 10**9}),
    ],
)
def test_options_of_a_network(tmp_path, network, options):
    loaded = card_with(tmp_path, network, **options)
    with pytest.raises(WeightsError, match=r"^w: the weights must fit their card; "):
        loading.build_network(loaded)


def test_options_that_are_none(tmp_path):
    checkpoint.save(tmp_path / "w", {}, {"network": "unet", "options": [1, 2]})
    with pytest.raises(WeightsError, match="options must be a JSON object"):
        loading.build_network(checkpoint.load(tmp_path / "w"))


def test_a_network_of_its_own_file_is_built(tmp_path):
    from unsmear import models

    tensors = models.build("unet", features=4).state_dict()
    assert loading.build_network(card_with(tmp_path, "unet", tensors, features=4)).channels == 3


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "1", None, [1]])
def test_an_error_quantile_that_is_none(value):
    with pytest.raises(WeightsError, match=r"^w.json: error_quantile must be a number from 0, got"):
        loading.error_quantile("w", {"error_quantile": value})


def test_twenty_levels_are_refused_at_once():
    with pytest.raises(OptionError, match="a stride of 4096 or less, got 1048576"):
        models.build("dcae", channels=1, filters=(1,) * 20)
