"""Networks by path: the same result in tiles, in blocks and for the whole image."""

import warnings
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from unsmear import models
from unsmear.checkpoints import checkpoint, loading
from unsmear.checkpoints import onnx_export as export_
from unsmear.errors import ImageError, OptionError, WeightsError
from unsmear.images import Image
from unsmear.restoration import pipeline, tiling
from unsmear.restoration.learned import blocks, network_restorer
from unsmear.restoration.learned.inference import CACHED_NETWORKS
from unsmear.restoration.methods import find


def noisy(*shape):
    return np.random.default_rng(6).random(shape, dtype=np.float32)


def by_hand(path, planes):
    """Return what the network makes of (channel, y, x) in units, padded by PyTorch."""
    loaded = checkpoint.load(path)
    model = models.build(loaded.network, **loaded.options)
    model.load_state_dict(dict(loaded.tensors))
    low, high = model.values
    height, width = planes.shape[1:]
    more = [-side % model.stride for side in (height, width)]
    inputs = torch.from_numpy(planes)[None] * (high - low) + low
    inputs = torch.nn.functional.pad(inputs, (0, more[1], 0, more[0]), mode="reflect")
    with torch.no_grad():
        restored = (model.eval()(inputs)[0] - low) / (high - low)
    return restored[:, :height, :width].numpy()


@pytest.mark.parametrize(("stride", "values"), [(8, (-1.0, 1.0)), (12, (0.0, 1.0))])
def test_units_are_the_networks_values_and_back(save_network, stride, values):
    path = save_network("folding", stride=stride, values=list(values))
    image = noisy(2, 3, 61, 75)
    restored = network_restorer.fit(path, image).restore(image)
    for planes, result in zip(image, restored, strict=True):
        np.testing.assert_allclose(result, by_hand(path, planes), atol=2e-6)
    assert np.abs(restored - image).std() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (1, 3, 3, 90), (1, 3, 5, 4)])
def test_images_smaller_than_what_is_added_come_back_in_their_size(save_network, shape):
    path = save_network("folding", stride=32)
    image = noisy(*shape)
    restored = network_restorer.fit(path, image).restore(image)
    assert restored.shape == shape
    assert np.isfinite(restored).all()


@pytest.mark.slow
@pytest.mark.parametrize("stride", [1, 2, 8, 12, 32])
@pytest.mark.parametrize(
    ("shape", "tile"), [((75, 201), 64), ((133, 217), 100), ((130, 97), 33), ((61, 97), 16)]
)
def test_tiles_are_the_whole(save_network, stride, shape, tile):
    image = noisy(1, 3, *shape)
    restorer = network_restorer.fit(save_network("folding", stride=stride), image)
    whole, tiled = tiling.restore(restorer, image), tiling.restore(restorer, image, tile)
    np.testing.assert_allclose(tiled, whole, atol=1e-5, rtol=0)


def stir(model):
    """Make the last layers of a network's branches do something, and not too much."""
    for parameter in model.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, std=0.5 / parameter[0].numel() ** 0.5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dcae", {"filters": [4, 6, 8], "residual": False}),
        ("dcae", {"filters": [4, 6], "upsample": "nearest", "latent": 5}),
        ("gan", {"filters": 4, "blocks": 2}),
        ("gan", {"filters": 4, "blocks": 1, "norm": "none", "skip": "residual"}),
        ("unet", {"features": 8, "levels": 1}),
        ("two-stage", {"features": 8, "levels": 1}),
        ("multi-scale", {"features": 4, "blocks": 1}),
    ],
)
@pytest.mark.slow
def test_tiles_of_our_own_networks_are_the_whole(save_network, name, options):
    image = noisy(1, 3, 93, 211)
    restorer = network_restorer.fit(save_network(name, change=stir, **options), image)
    whole = tiling.restore(restorer, image)
    assert np.abs(whole - image).std() > 1e-3
    for tile in (33, 64):
        tiled = tiling.restore(restorer, image, tile)
        np.testing.assert_allclose(tiled, whole, atol=1e-5, rtol=0)


def test_a_halo_too_small_shows(save_network):
    image = noisy(1, 3, 75, 201)
    restorer = network_restorer.fit(save_network("folding", stride=8), image)
    whole = tiling.restore(restorer, image)
    blind = copy(restorer.network)
    blind.halo = 0
    tiled = tiling.restore(replace(restorer, network=blind), image, 64)
    assert np.abs(tiled - whole).max() > 1e-3


@pytest.mark.parametrize("stride", [8, 12])
def test_blocks_are_the_whole(save_network, stride, monkeypatch):
    image = noisy(1, 3, 187, 301)
    restorer = network_restorer.fit(save_network("folding", stride=stride), image)
    whole = restorer.restore(image)
    monkeypatch.setattr(blocks, "BLOCK", 64)
    np.testing.assert_allclose(restorer.restore(image), whole, atol=1e-5, rtol=0)


def test_a_network_that_needs_the_whole_image_gets_it(save_network, monkeypatch):
    path = save_network("whole")
    image = noisy(1, 1, 50, 70)
    monkeypatch.setattr(blocks, "BLOCK", 16)
    restorer = network_restorer.fit(path, image)
    assert restorer.halo is None
    np.testing.assert_allclose(restorer.restore(image), 2 * image - 0.1 * image.mean(), atol=1e-5)
    with pytest.raises(OptionError, match="tile must be left out for a method that needs the whol"):
        pipeline.apply_method(Image(image[0, 0], "YX"), path, tile=32)


# Networks that see the whole image


def test_the_last_of_several_outputs_is_the_result(save_network):
    image = noisy(2, 3, 64, 48)
    restored = network_restorer.fit(save_network("curve"), image).restore(image)
    np.testing.assert_allclose(restored, image - image**2 / 2, atol=1e-6)


def padded_by_the_authors(image, factor):
    """Return (channel, y, x) filled up as `run_eval.py` of MAXIM does: even, then by halves."""
    height, width = image.shape[1:]
    image = np.pad(image, [(0, 0), (0, height % 2), (0, width % 2)], mode="reflect")
    height, width = image.shape[1:]
    more = [(side + factor) // factor * factor - side for side in (height, width)]
    more = [by if side % factor else 0 for by, side in zip(more, (height, width), strict=True)]
    return np.pad(image, [(0, 0), *((by // 2, by // 2) for by in more)], mode="reflect")


@pytest.mark.parametrize(
    "sides", [(64, 128), (63, 65), (61, 75), (100, 66), (5, 4), (3, 200), (1, 1), (2, 1)]
)
def test_the_whole_is_filled_up_as_by_the_authors_of_maxim(sides):
    planes, inputs = noisy(3, *sides), []

    def forward(block):
        inputs.append(block[0])
        return block[0]

    np.testing.assert_array_equal(blocks.as_whole(forward, planes, 64), planes)
    np.testing.assert_array_equal(inputs[0], padded_by_the_authors(planes, 64))


def test_a_whole_of_an_odd_stride_is_filled_up_no_more_than_it_must():
    planes = noisy(2, 15, 14)

    def forward(block):
        assert block.shape == (1, 2, 15, 15)
        return block[0]

    np.testing.assert_array_equal(blocks.as_whole(forward, planes, 5), planes)
    assert blocks.as_whole(lambda block: block[0], planes, 1) is not None


@pytest.mark.parametrize(
    ("sides", "tile", "blocks"),
    [
        ((150, 201), None, {(64, 64)}),
        ((150, 201), 100, {(112, 112)}),
        ((150, 201), 5, {(16, 16)}),
        ((50, 201), None, {(64, 64)}),
        ((30, 201), 128, {(32, 128)}),
        ((64, 60), None, {(64, 64)}),
        ((30, 20), 1000, {(32, 32)}),
    ],
)
@pytest.mark.slow
def test_no_block_is_larger_than_a_tile(save_network, sides, tile, blocks):
    path = save_network("curve", said={"conserves_light": False})
    pixels = noisy(3, *sides)
    curve = models.constructor("curve")
    curve.seen.clear()
    restored = pipeline.apply_method(Image(pixels, "CYX"), path, tile=tile)
    assert {shape[2:] for shape in curve.seen} == blocks
    np.testing.assert_allclose(restored.image.pixels, pixels - pixels**2 / 2, atol=1e-6)
    side = tile and -(-tile // 16) * 16
    expected = None if side and max(sides) <= side else (side or 64, min(16, (side or 64) // 2))
    assert restored.blended == (expected if max(sides) > 64 or side == 16 else None)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
@pytest.mark.parametrize("rule", ["auto", "groups", "alone"])
def test_whatever_the_channels_tiles_are_blended(save_network, channels, rule):
    path = save_network("curve", said={"conserves_light": False})
    pixels = noisy(channels, 70, 90)
    options = {"channels": rule}
    restored = pipeline.apply_method(Image(pixels, "CYX"), path, tile=48, options=options).image
    np.testing.assert_allclose(restored.pixels, pixels - pixels**2 / 2, atol=1e-6)


@pytest.mark.parametrize(("tile", "overlap"), [(65, 0), (0, 0), (64, 33), (64, -1)])
def test_tiles_that_a_network_cannot_take_are_refused(save_network, monkeypatch, tile, overlap):
    path, image = save_network("curve"), noisy(1, 3, 9, 9)
    curve = models.constructor("curve")
    monkeypatch.setattr(curve, "tile", tile)
    monkeypatch.setattr(curve, "overlap", overlap)
    sentence = f"must have a tile that is a multiple of 16 .*, got {tile} and {overlap}.$"
    with pytest.raises(WeightsError, match=sentence):
        network_restorer.fit(path, image)


@pytest.mark.slow
def test_maxim_is_worked_in_tiles(save_network):
    small = {"features": 4, "stages": 1, "groups": 1, "bottlenecks": 1}
    path = save_network("maxim", **small)
    image = noisy(1, 3, 70, 150)
    restorer = network_restorer.fit(path, image)
    assert (restorer.halo, restorer.tile, restorer.overlap) == (None, 512, 64)
    whole, tiled = tiling.restore(restorer, image), tiling.restore(restorer, image, 128)
    assert whole.shape == tiled.shape == image.shape
    # Where there is one tile only, it is what the network makes of that tile, and not the whole's.
    first, last = (restorer.restore(image[..., part]) for part in (slice(128), slice(22, None)))
    np.testing.assert_allclose(tiled[..., :22], first[..., :22], rtol=1e-5)
    np.testing.assert_allclose(tiled[..., 128:], last[..., 106:], rtol=1e-5)
    assert np.abs(tiled[..., :22] - whole[..., :22]).max() > 1e-3


def gains(model):
    model.gains.data[:] = torch.tensor([1.0, 0.5, 0.0])[None, :, None, None]


def test_the_networks_number_of_channels_is_taken_together(save_network):
    path, image = save_network("pass", change=gains), noisy(2, 3, 21, 30)
    restorer = network_restorer.fit(path, image)
    assert restorer.rule == "together"
    expected = image * np.float32([1, 0.5, 0])[:, None, None]
    np.testing.assert_allclose(restorer.restore(image), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_of_any_other_number_each_is_repeated_and_its_results_averaged(save_network, channels):
    path, image = save_network("pass", change=gains), noisy(2, channels, 21, 30)
    restorer = network_restorer.fit(path, image)
    assert restorer.rule == "alone"
    np.testing.assert_allclose(restorer.restore(image), image * 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "factors"),
    [
        ("groups", [0.5]),
        ("groups", [1, 0.25]),
        ("groups", [1, 0.5, 0]),
        ("groups", [1, 0.5, 0, 0.5]),
        ("groups", [1, 0.5, 0, 1, 0.25]),
        ("groups", [1, 0.5, 0, 1, 0.5, 0]),
        ("alone", [0.5]),
        ("alone", [0.5, 0.5, 0.5]),
        ("alone", [0.5, 0.5, 0.5, 0.5]),
        ("together", [1, 0.5, 0]),
    ],
)
@pytest.mark.slow
def test_channels_meet_the_network_by_the_rule_that_is_asked_for(save_network, rule, factors):
    path, image = save_network("pass", change=gains), noisy(2, len(factors), 21, 30)
    restorer = network_restorer.fit(path, image, channels=rule)
    assert restorer.rule == rule
    expected = image * np.float32(factors)[:, None, None]
    np.testing.assert_allclose(restorer.restore(image), expected, atol=1e-6)
    requested = pipeline.apply_method(Image(image[0], "CYX"), path, options={"channels": rule})
    assert requested.channel_rule == rule


def test_channels_that_cannot_go_together_are_refused(save_network):
    path, image = save_network("pass"), noisy(4, 9, 9)
    image = Image(image, "CYX", name="four.tif")
    sentence = "^four.tif: channels must be 3 to go together into the network, got 4.$"
    with pytest.raises(ImageError, match=sentence):
        pipeline.apply_method(image, path, options={"channels": "together"})
    sentence = "^channels must be auto, together, groups, alone, got 'triplets'.$"
    with pytest.raises(OptionError, match=sentence):
        pipeline.apply_method(image, path, options={"channels": "triplets"})


@pytest.mark.parametrize("rule", ["auto", "groups", "alone"])
def test_counts_of_any_scale_are_restored_alike(save_network, rule):
    """12-bit data in a 16-bit file, or all 16 bits: the network sees the same."""
    path, options = save_network("folding"), {"channels": rule}
    low = np.random.default_rng(2).integers(0, 4096, (4, 40, 50)).astype(np.uint16)
    low[0, 0, 0] = 4095
    exact, high = (Image(16 * low.astype(kind), "CYX") for kind in (np.float32, np.uint16))
    results = [pipeline.apply_method(image, path, options=options).image for image in (exact, high)]
    small = pipeline.apply_method(Image(low, "CYX"), path, options=options).image
    assert small.pixels.dtype == results[1].pixels.dtype == np.uint16
    expected = results[0].pixels.clip(0, 65535)
    np.testing.assert_allclose(results[1].pixels, expected, atol=0.51)
    np.testing.assert_allclose(small.pixels, results[0].pixels.clip(0) / 16, atol=0.51)


def test_the_order_of_channels_that_are_alone_does_not_matter(save_network):
    path, image = save_network("folding"), noisy(1, 4, 40, 50)
    forward, backward = (
        network_restorer.fit(path, batch).restore(batch) for batch in (image, image[:, ::-1])
    )
    np.testing.assert_array_equal(forward, backward[:, ::-1])


def test_channels_that_are_alone_never_mix(save_network):
    path, image = save_network("folding"), noisy(1, 2, 40, 50)
    whole = network_restorer.fit(path, image).restore(image)
    image[:, 1] = 0
    np.testing.assert_array_equal(
        network_restorer.fit(path, image).restore(image)[:, 0], whole[:, 0]
    )


def test_the_input_is_not_modified(save_network):
    image = noisy(1, 3, 40, 50)
    before = image.copy()
    network_restorer.fit(save_network("folding"), image).restore(image)
    np.testing.assert_array_equal(image, before)


# Light


def half(model):
    model.gains.data[:] = 0.5


def test_light_is_conserved_unless_the_card_says_that_the_network_brightens(save_network):
    pixels = (100 * noisy(3, 40, 50)).astype(np.uint8)
    image = Image(pixels, "CYX")
    conserved = pipeline.apply_method(image, save_network("pass", change=half))
    ratio = conserved.image.pixels.sum(dtype=float) / pixels.sum(dtype=float)
    assert ratio == pytest.approx(1, abs=5e-3)
    free = save_network("pass", "dark", {"conserves_light": False}, half)
    darker = pipeline.apply_method(image, free)
    np.testing.assert_allclose(darker.image.pixels, pixels / 2, atol=0.51)
    assert conserved.verdicts is darker.verdicts is conserved.consistency is None


def test_nothing_falls_back_to_another_restorer(save_network):
    """A table of a network shows the network, be it as bad as it is; even with a kernel known."""
    pixels = (200 * noisy(40, 50)).astype(np.uint8)
    path = save_network(
        "pass", said={"conserves_light": False}, change=lambda m: m.gains.data.zero_()
    )
    result = pipeline.apply_method(Image(pixels, "YX"), path, np.ones((1, 5)) / 5, check=True)
    assert not result.image.pixels.any()
    assert result.verdicts is None
    assert result.consistency.share > 0


# Weights that are not what they should be


@pytest.mark.slow
def test_other_weights_at_the_same_path_are_seen(save_network):
    image = noisy(1, 3, 20, 20)
    path = save_network("pass")
    old = find(path)
    np.testing.assert_allclose(old.fit(image, None).restore(image), image, atol=1e-6)
    save_network("pass", change=half)
    new = find(path).fit(image, None).restore(image)
    np.testing.assert_allclose(new, image / 2, atol=1e-6)
    # The first is still there; without it, nothing else takes its place.
    np.testing.assert_allclose(old.fit(image, None).restore(image), image, atol=1e-6)
    for number in range(CACHED_NETWORKS):  # and the first is forgotten
        network_restorer.load(save_network("pass", f"other{number}"))
    with pytest.raises(WeightsError, match=r"^best: the weights must not change"):
        old.fit(image, None)


@pytest.mark.parametrize(
    ("network_", "options", "sentence"),
    [
        (
            "elsewhere",
            {},
            "^best: the network must be one of .*dcae.*folding.*, or of a file in the folders of "
            "UNSMEAR_NETWORKS, got 'elsewhere'.$",
        ),
        ("folding", {"stride": 4}, "^best: the weights must fit their card; .*conv"),
        ("folding", {"colour": 1}, "^best: the weights must fit their card; .*colour"),
        ("dcae", {"filters": [4, 6]}, r"^best: the weights must fit their card; .* \.\.\.$"),
        ("silent", {}, r"^best: the network silent must have the .* got none named halo\.$"),
    ],
)
def test_weights_of_another_network_are_refused(save_network, network_, options, sentence):
    path = save_network("folding")
    tensors = checkpoint.load(path).tensors
    checkpoint.save(path, tensors, {"network": network_, "options": options})
    with pytest.raises(WeightsError, match=sentence) as raised:
        find(path).fit(noisy(1, 3, 8, 8), None)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_networks_that_give_what_no_image_is_are_refused(save_network):
    image = noisy(1, 1, 8, 8)
    with pytest.raises(WeightsError, match=r"must give the shape that it takes, .*, got \(1, 1, 4"):
        network_restorer.fit(save_network("smaller"), image).restore(image)
    broken = save_network("pass", change=lambda model: model.gains.data.fill_(np.nan))
    with pytest.raises(WeightsError, match=r"^best: the network must give finite values"):
        network_restorer.fit(broken, image).restore(image)


# ONNX


def seen(model):
    """Let a network's normalisations see an image or two, as training does."""
    for _ in range(20):
        model(torch.from_numpy(noisy(2, model.channels, 32, 32)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("folding", {"stride": 8}),
        ("folding", {"channels": 1, "stride": 2}),
        ("whole", {}),
        ("dcae", {"filters": [4, 6, 8]}),
        ("gan", {"filters": 8, "blocks": 3}),
        ("gan", {"filters": 8, "blocks": 3, "norm": "instance", "skip": "residual"}),
        ("deblurgan", {"filters": 8, "blocks": 2}),
        ("unet", {"features": 4, "levels": 2, "residual": False}),
        ("multi-scale", {"features": 4, "blocks": 1}),
        ("nafnet", {"width": 4, "encoder": [1, 1], "decoder": [1, 1]}),
    ],
)
def test_an_exported_network_computes_what_torch_does(save_network, tmp_path, name, options):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    path, file = save_network(name, change=seen, **options), tmp_path / "own.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_.export(path, file)
    loaded = checkpoint.load(path)
    model = loading.build_network(loaded)
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    low, high = model.values
    assert metadata["sha256"] == loaded.card["sha256"]
    assert metadata["values"] == f"{low} {high}"
    assert metadata["stride"] == str(model.stride)
    running = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (given,), (output,) = running.get_inputs(), running.get_outputs()
    assert (given.name, given.shape) == ("blurred", ["planes", model.channels, "y", "x"])
    assert (output.name, output.shape) == ("restored", ["planes", model.channels, "y", "x"])
    for planes, rows, columns in ((1, 1, 3), (3, 7, 4), (2, 5, 5)):
        sides = (max(rows * model.stride, 8), max(columns * model.stride, 8))
        inputs = noisy(planes, model.channels, *sides) * (high - low) + low
        with torch.no_grad():
            expected = models.final(model(torch.from_numpy(inputs))).numpy()
        (result,) = running.run(None, {"blurred": inputs})
        np.testing.assert_allclose(result, expected, atol=1e-4, rtol=0)


def test_a_network_whose_trace_holds_for_one_size_is_not_exported(save_network, tmp_path):
    with pytest.raises(
        WeightsError, match=r"^Frozen: the network must be traced to the same at ev"
    ):
        export_.export(save_network("frozen"), tmp_path / "own.onnx")
    assert not (tmp_path / "own.onnx").exists()
