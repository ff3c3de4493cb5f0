"""Files of DeblurGAN's weights: names, sizes, and what is refused.

`tests/models/test_deblurgan.py` compares the networks' outputs with the authors'.
"""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from unsmear import models
from unsmear.checkpoints import checkpoint, convert_deblurgan, published
from unsmear.errors import WeightsError
from unsmear.restoration import methods

OPTIONS = {"deblurgan": {"filters": 4, "blocks": 2}, "deblurgan-v2-mobile": {"filters": 4}}


def theirs(blocks=2):
    """Return the authors' names of DeblurGAN's layers with weights, in our order."""
    inner = [f"{10 + block}.conv_block.{layer}" for block in range(blocks) for layer in (1, 6)]
    ups = [str(10 + blocks + layer) for layer in (0, 3, 7)]
    return [f"model.{layer}" for layer in ("1", "4", "7", *inner, *ups)]


def state(name="deblurgan", **more):
    torch.manual_seed(3)
    return models.build(name, **OPTIONS[name], **more).state_dict()


def named_as_theirs(tensors):
    parts = [f"{layer}.{part}" for layer in theirs() for part in ("weight", "bias")]
    return dict(zip(parts, tensors.values(), strict=True))


def same(mine, others):
    return mine.keys() == others.keys() and all(torch.equal(mine[n], others[n]) for n in mine)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_size_follows_from_the_file(tmp_path, channels):
    tensors = state(channels=channels)
    torch.save(named_as_theirs(tensors), tmp_path / "latest_net_G.pth")
    options, read = convert_deblurgan.read(tmp_path / "latest_net_G.pth", "deblurgan")
    assert options == {"channels": channels, "filters": 4, "blocks": 2, "dropout": 0.5}
    assert same(read, tensors)


def test_running_statistics_and_the_format_of_before_2020_are_no_matter(tmp_path):
    tensors = state()
    statistics = {"model.2.running_mean": torch.zeros(4), "model.2.running_var": torch.ones(4)}
    path = tmp_path / "latest_net_G.pth"
    torch.save(named_as_theirs(tensors) | statistics, path, _use_new_zipfile_serialization=False)
    assert same(convert_deblurgan.read(path, "deblurgan")[1], tensors)


@pytest.mark.parametrize("name", OPTIONS)
def test_our_own_file_is_read_too(tmp_path, name):
    tensors = state(name)
    save_file(tensors, tmp_path / "ours.safetensors")
    options, read = convert_deblurgan.read(tmp_path / "ours.safetensors", name)
    assert options == models.options_of(name) | OPTIONS[name]
    assert same(read, tensors)


def test_the_tensors_that_are_wrong_are_named(tmp_path):
    tensors = named_as_theirs(state())
    del tensors["model.4.bias"]
    tensors |= {"model.7.bias": torch.zeros(17), "netD.weight": torch.zeros(1)}
    torch.save(tensors, tmp_path / "x.pth")
    with pytest.raises(WeightsError) as raised:
        convert_deblurgan.read(tmp_path / "x.pth", "deblurgan")
    assert str(raised.value) == (
        "x.pth: the arrays must be DeblurGAN's; missing: first.4.bias; unknown: netD.weight; "
        "of another shape: first.7.bias must be 16, is 17."
    )


def test_numbers_that_are_none_are_named(tmp_path):
    tensors = state("deblurgan-v2-mobile")
    tensors["final.bias"] = torch.full((3,), float("nan"))
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"DeblurGAN-v2's; not of finite .*: final\.bias\.$"):
        convert_deblurgan.read(tmp_path / "x.safetensors", "deblurgan-v2-mobile")


def test_the_other_network_s_file_and_a_later_revision_s_are_refused(tmp_path):
    save_file(state("deblurgan-v2-mobile"), tmp_path / "two.safetensors")
    with pytest.raises(WeightsError, match=r"must be DeblurGAN's; missing: first\.1\.weight"):
        convert_deblurgan.read(tmp_path / "two.safetensors", "deblurgan")
    tensors = named_as_theirs(state())
    single = {name: tensors[name] for name in tensors if "conv_block.6" not in name}
    torch.save(single, tmp_path / "later.pth")
    with pytest.raises(WeightsError, match=r"missing: blocks\.0\.layers\.6\.weight"):
        convert_deblurgan.read(tmp_path / "later.pth", "deblurgan")


class Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_nothing_is_unpickled_and_a_damaged_file_is_one_sentence(tmp_path, capsys):
    path = tmp_path / "latest_net_G.pth"
    torch.save({"model.1.weight": Evil()}, path)
    with pytest.raises(WeightsError, match=r"^latest_net_G\.pth: .* got the Python object"):
        convert_deblurgan.read(path, "deblurgan")
    contents = [path.read_bytes()[:100], b"", b"<html>please log in"]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"^latest_net_G\.pth: .* or of another kind\.$"):
            convert_deblurgan.read(path, "deblurgan")
    assert capsys.readouterr().out == ""
    with pytest.raises(WeightsError, match=r"none\.pth: DeblurGAN's weights must be a file, got n"):
        convert_deblurgan.read(tmp_path / "none.pth", "deblurgan")


def test_weights_from_a_file_restore_by_their_name(tmp_path, monkeypatch):
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "home"))
    path = tmp_path / "latest_net_G.pth"
    torch.save(named_as_theirs(state()), path)
    stored = published.get("deblurgan", source=path)
    loaded = checkpoint.load(stored)
    assert (loaded.network, loaded.options["blocks"]) == ("deblurgan", 2)
    assert loaded.card["scaling"] == {"values": [-1.0, 1.0]}
    assert loaded.card["file"]["name"] == path.name
    image = np.random.default_rng(1).random((1, 3, 21, 30), dtype=np.float32)
    method = methods.find("deblurgan")
    assert method.fit(image, None).restore(image).shape == image.shape


@pytest.mark.parametrize("name", OPTIONS)
def test_without_a_file_the_sentence_says_where_it_is(tmp_path, monkeypatch, name):
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path))
    entry = published.lookup(name)
    with pytest.raises(WeightsError) as raised:
        published.get(name)
    assert str(raised.value) == (
        f"{name}: get {entry.file} from {entry.url} and give it to: unsmear weights get {name} "
        f"--from {entry.file}"
    )
    assert list(tmp_path.iterdir()) == []
