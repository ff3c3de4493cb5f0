"""Weights that a run begins with, parts that stay frozen, and losses on every output."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from unsmear import images, models
from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError, WeightsError
from unsmear.images import Image
from unsmear.train.config import options
from unsmear.train.data.dataset import Batch
from unsmear.train.engine import build
from unsmear.train.engine.learner import RESTORER, ContentLearner, outputs
from unsmear.train.run import train

SMALL = {"features": 4, "stages": 2, "groups": 1, "bottlenecks": 1}
WORDS = [
    *("--options.features", "4", "--options.groups", "1", "--options.bottlenecks", "1"),
    *("--data.size", "64", "--data.batch", "1", "--data.workers", "0", "--data.validation", "1"),
    *("--stop.steps", "2", "--log.validate-every", "2", "--log.tensorboard", "false"),
]


@pytest.fixture(scope="module")
def sharp(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharp")
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (3, 96, 96)).astype(np.uint8)
    images.write(folder / "one.png", Image(pixels, "CYX"))
    return folder


@pytest.fixture(scope="module")
def begun(sharp, tmp_path_factory):
    """Return the folder of a short run of two stages."""
    folder = tmp_path_factory.mktemp("runs") / "begun"
    train(run_of(sharp, "--options.stages", "2"), folder)
    return folder


def run_of(sharp, *more):
    return options.resolve("maxim", None, [*WORDS, "--data.sharp", str(sharp), *more])


@pytest.fixture(scope="module")
def published():
    """Return the published size, frozen as the paper did."""
    torch.manual_seed(0)
    network = models.build("maxim")
    build.freeze(network, "paper")
    return network


def moving(network):
    return {name for name, weight in network.named_parameters() if weight.requires_grad}


@pytest.mark.slow
def test_the_papers_fifty_layers_have_as_many_parameters_as_in_keras(published):
    sizes = {name: weight.numel() for name, weight in published.named_parameters()}
    names = moving(published)
    assert sum(sizes[name] for name in names) == 165_425
    assert sum(sizes.values()) == 22_212_795
    block = "stage_2_decoder_block_0.UNetEncoderBlock_0."
    allowed = (
        *(f"{block}SplitHeadMultiAxisGmlpLayer_1.{part}" for part in ("Grid", "Block", "out_")),
        f"{block}channel_attention_block_11.",
        *(f"stage_2_output_conv_{scale}." for scale in range(3)),
    )
    assert all(name.startswith(allowed) for name in names)
    assert all(any(name.startswith(start) for name in names) for start in allowed)


@pytest.mark.slow
def test_only_what_the_final_image_depends_on_gets_a_gradient_and_nothing_that_is_frozen(published):
    published.zero_grad(set_to_none=True)
    models.final(published(torch.rand(1, 3, 64, 64))).square().sum().backward()
    touched = {
        name: weight.numel()
        for name, weight in published.named_parameters()
        if weight.grad is not None
    }
    assert sum(touched.values()) == 160_235
    assert set(touched) <= moving(published)


@pytest.mark.slow
def test_what_is_frozen_stays_and_costs_no_memory(sharp, begun, tmp_path):
    before = checkpoint.load(begun / "best").tensors
    run = run_of(sharp, "--start", str(begun / "best"), "--freeze", "last-stage")
    train(run, tmp_path / "run")
    after = checkpoint.load(tmp_path / "run" / "last").tensors
    network = models.build("maxim", **SMALL)
    build.freeze(network, "last-stage")
    learned = moving(network)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed
    assert changed <= learned
    assert not any(name.startswith("stage_0") for name in learned)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    moments = state["optimisers"][RESTORER]["state"]
    assert len(moments) == len(learned) < len(before)
    sizes = sorted(tuple(moment["exp_avg"].shape) for moment in moments.values())
    assert sizes == sorted(tuple(before[name].shape) for name in learned)


@pytest.mark.slow
def test_what_is_frozen_gets_no_gradient(sharp, begun):
    run = run_of(sharp, "--start", str(begun / "best"), "--freeze", "paper")
    network = build.network(run)
    learner = build.learner(run, network, build.content(run, torch.device("cpu")))
    learner.turns[0].losses(Batch(*torch.rand(2, 1, 3, 64, 64), 0))["loss"].backward()
    touched = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert touched
    assert touched == moving(network)


@pytest.mark.slow
def test_a_frozen_run_that_was_cut_ends_as_one_that_was_not(sharp, begun, tmp_path):
    words = ["--start", str(begun / "best"), "--freeze", "paper", "--optimiser.accumulate", "2"]
    words += ["--schedule.name", "constant"]
    train(run_of(sharp, *words, "--stop.steps", "1"), tmp_path / "a")
    train(run_of(sharp, *words, "--stop.steps", "2"), tmp_path / "a")
    train(run_of(sharp, *words, "--stop.steps", "2"), tmp_path / "b")
    first, second = ((tmp_path / name / "last.safetensors").read_bytes() for name in "ab")
    assert first == second


@pytest.mark.slow
def test_a_run_goes_on_without_the_weights_that_it_began_with(sharp, begun, tmp_path):
    moved = shutil.copytree(begun, tmp_path / "begun")
    words = ["--start", str(moved / "best"), "--freeze", "paper"]
    train(run_of(sharp, *words), tmp_path / "run")
    shutil.rmtree(moved)
    again = options.resolve("maxim", tmp_path / "run" / "run.toml", ["--stop.steps", "3"])
    assert train(again, tmp_path / "run").step == 3
    card = checkpoint.load(tmp_path / "run" / "last").card
    assert card["begun_with"]["sha256"] == checkpoint.load(begun / "best").card["sha256"]
    assert card["begun_with"]["data"] == checkpoint.load(begun / "best").card["data"]
    assert str(tmp_path) not in str(card)


@pytest.mark.slow
def test_a_run_of_before_these_options_goes_on(sharp, tmp_path):
    small = run_of(sharp, "--options.stages", "1")
    train(small, tmp_path / "run")
    path = tmp_path / "run" / "run.toml"
    new = ("freeze", "outputs")
    older = [line for line in path.read_text().splitlines() if not line.startswith(new)]
    path.write_text("\n".join(older) + "\n")
    with pytest.raises(OptionError, match=r"differs in loss\.outputs"):
        train(small, tmp_path / "run")  # the preset's is not the old
    again = run_of(sharp, "--options.stages", "1", "--stop.steps", "3", "--loss.outputs", "last")
    assert train(again, tmp_path / "run").step == 3


@pytest.mark.slow
def test_a_run_begins_with_the_options_of_its_weights(sharp, begun):
    run = options.resolve("maxim", None, ["--start", str(begun), "--data.sharp", str(sharp)])
    assert {name: run.options[name] for name in SMALL} == SMALL
    begun_with = build.network(run).state_dict()
    for name, tensor in checkpoint.load(begun / "best").tensors.items():
        assert torch.equal(begun_with[name], tensor)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "more", "error", "sentence"),
    [
        ("maxim", ["--freeze", "papers"], OptionError, "nothing, last-stage, paper for this"),
        (
            "dcae",
            ["--freeze", "paper"],
            OptionError,
            "freeze must be nothing for this network, which",
        ),
        ("maxim", ["--options.features", "8"], OptionError, "of maxim, which differs in features"),
        ("dcae", [], OptionError, "start must be weights of dcae, got .*, of maxim"),
    ],
)
def test_what_does_not_fit_is_said(sharp, begun, model, more, error, sentence):
    words = [*more, "--data.sharp", str(sharp), "--data.size", "64"]
    if "--freeze" not in more:
        words += ["--start", str(begun / "best")]
    with pytest.raises(error, match=sentence):
        build.network(options.resolve(model, None, words))


def test_published_weights_that_are_not_here_are_said_how_to_get(sharp, tmp_path, monkeypatch):
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="unsmear weights get maxim-s3-reds"):
        run_of(sharp, "--start", "maxim-s3-reds")
    with pytest.raises(WeightsError, match="start must be the path of weights, or one of"):
        run_of(sharp, "--start", "nowhere/best")


def test_every_output_is_held_against_the_sharp_image_in_its_size():
    network = models.build("maxim", **SMALL)
    blurred, sharp = torch.rand(2, 1, 3, 64, 64)

    def content(restored, image):
        return {"loss": (restored - image).abs().mean()}

    batch = Batch(blurred, sharp, 0)
    with torch.no_grad():
        restored = outputs(network, blurred)
    assert [output.shape[-1] for output in restored] == [16, 32, 64] * 2
    sizes = {16: smaller(sharp, 16), 32: smaller(sharp, 32), 64: sharp}
    wanted = sum(float(content(output, sizes[output.shape[-1]])["loss"]) for output in restored)
    every, last = (
        ContentLearner({RESTORER: network}, content, every=every)
        .turns[0]
        .losses(batch)["loss"]
        .item()
        for every in (True, False)
    )
    assert every == pytest.approx(wanted, rel=1e-5)
    assert last == pytest.approx(content(restored[-1], sharp)["loss"].item())


def smaller(image, side):
    """Return the image made smaller by triangles twice as wide as a new pixel, cut at the edge."""
    factor = image.shape[-1] / side
    new, old = torch.arange(side)[:, None] + 0.5, torch.arange(image.shape[-1])[None] + 0.5
    weights = (1 - (old / factor - new).abs()).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True)
    return weights @ image @ weights.mT


SEVERAL = """
import sys
from unsmear.cli import main
for output, *critic in {runs}:
    sys.argv = [__file__, *{words}, "--output", output, *critic]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, ended.code
"""
"""Trains twice in the same processes, whose start takes longer than all else."""


@pytest.mark.slow
def test_several_processes_train_what_has_outputs_that_no_loss_sees(sharp, tmp_path):
    words = ["train", "maxim", *WORDS, "--options.stages", "1", "--data.sharp", str(sharp)]
    words += ["--loss.outputs", "last", "--machine.accelerator", "cpu", "--machine.devices", "2"]
    alone, judged = str(tmp_path / "alone"), str(tmp_path / "judged")
    runs = [[alone], [judged, "--adversarial.loss", "least-squares"]]
    script = tmp_path / "train.py"
    script.write_text(SEVERAL.format(runs=runs, words=words))
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for folder in (alone, judged):
        assert Path(folder, "best.safetensors").exists()


def test_the_page_says_the_papers_fine_tuning_as_its_recipe_does():
    root = Path(__file__).parents[2]
    page = (root / "docs/how-to/training.md").read_text()
    first = page.index("unsmear train maxim --start maxim-s3-reds --freeze paper")
    words = page[first : page.index("\n", page.index("--log.validate-every", first))]
    command = shlex.split(words.replace("\\\n", " "))[3:]
    del command[:2]  # the weights are not here
    command[command.index("--data")] = "--data.pairs"
    run = options.resolve("maxim", None, command)
    recipe = options.read(root / "recipes" / "paper" / "maxim.toml")
    del recipe["start"]
    more = {"data": {"pairs": "PAIRS"}, "options": run.options}
    assert run == options.check(options.merge(recipe, more))
