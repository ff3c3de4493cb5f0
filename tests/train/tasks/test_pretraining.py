"""Pretraining of an autoencoder, and what a classifier takes over from it."""

import numpy as np
import pytest
import torch

from tests.killer import KilledError, Killer
from unsmear import images, models
from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.report.training import page
from unsmear.restoration import methods
from unsmear.train.config import options
from unsmear.train.config.pretraining import Pretext, PretrainingRun
from unsmear.train.data.dataset import Batch
from unsmear.train.data.rng import Stream, generator
from unsmear.train.engine import build
from unsmear.train.run import train
from unsmear.train.search import space
from unsmear.train.search.search import search
from unsmear.train.search.study import Search
from unsmear.train.tasks.pretraining import (
    AUTOENCODER,
    PretrainingLearner,
    PretrainingTask,
    attempt,
    draw_shown,
    losses,
)

SIZES = [
    *("--options.patch", "8", "--options.width", "24", "--options.depth", "2"),
    *("--options.heads", "2"),
]
DECODER = [
    *("--options.decoder-width", "16", "--options.decoder-depth", "1"),
    *("--options.decoder-heads", "2"),
]
TINY = [
    *("--data.size", "32", "--data.batch", "3", "--data.workers", "0", "--data.epoch", "12"),
    *("--data.validation", "4", "--data.length", "3", "7", "--schedule.warm", "0"),
    *("--stop.steps", "9", "--log.validate-every", "3", "--log.every", "2"),
    *("--log.tensorboard", "false"),
]
CLASSIFYING = [
    *("--data.labels", "2", "10", "--data.size", "40", "--data.batch", "8", "--data.workers", "0"),
    *("--schedule.warm", "0", "--stop.steps", "4", "--log.validate-every", "4"),
    *("--log.tensorboard", "false"),
]


@pytest.fixture(scope="module")
def sharp(tmp_path_factory):
    """Return a folder of four images with coarse texture, so that there is something to learn."""
    folder = tmp_path_factory.mktemp("sharp")
    random = np.random.default_rng(1)
    for index in range(4):
        coarse = random.integers(0, 256, (3, 12, 12))
        pixels = np.kron(coarse, np.ones((1, 8, 8))).astype(np.uint8)
        images.write(folder / f"{index}.png", Image(pixels, "CYX"))
    return folder


def run_of(sharp, *more, model="deblur-mae"):
    return options.resolve(
        model, None, [*TINY, *SIZES, *DECODER, "--data.sharp", str(sharp), *more]
    )


@pytest.fixture(scope="module")
def pretrained(sharp, tmp_path_factory):
    """Return the folder of a pretraining run, and how it ended."""
    folder = tmp_path_factory.mktemp("runs") / "pretrained"
    words = ["--optimiser.rate", "1e-2", "--stop.steps", "200", "--log.validate-every", "100"]
    return folder, train(run_of(sharp, *words), folder)


def batch(number=0, samples=2, side=24):
    random = torch.Generator().manual_seed(number)
    blurred, sharp = torch.rand(2, samples, 3, side, side, generator=random)
    return Batch(blurred, sharp, number)


def network(**more):
    torch.manual_seed(0)
    sizes = {"patch": 8, "width": 24, "depth": 1, "heads": 2}
    decoder = {"decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2}
    return models.build("deblur-mae", **sizes, **decoder, **more)


@pytest.mark.parametrize(
    ("patches", "masked", "number"),
    [(64, 0.75, 16), (9, 0.5, 4), (196, 0.75, 49), (4, 0.99, 1), (4, 0.01, 3)],
)
def test_as_many_patches_are_shown_as_published_and_none_twice(patches, masked, number):
    shown = draw_shown(np.random.default_rng(0), 50, patches, masked)
    assert shown.shape == (50, number)
    assert all(len(set(row)) == number for row in shown.tolist())
    assert set(shown.flatten().tolist()) == set(range(patches))


def test_masks_follow_from_seed_and_batch_alone_and_differ_from_sample_to_sample():
    def masks(seed, number):
        return draw_shown(generator(seed, Stream.MASKS, number), 4, 64, 0.75).sort(1).values

    assert torch.equal(masks(3, 5), masks(3, 5))
    for other in (masks(3, 6), masks(4, 5)):
        assert not torch.equal(masks(3, 5), other)
    assert len({tuple(row) for row in masks(3, 5).tolist()}) == 4
    learner = PretrainingLearner({AUTOENCODER: network()}, Pretext(), 3)
    turn = learner.turns[0]
    again, other = (turn.losses(given)["loss"] for given in (batch(5), batch(6)))
    assert torch.equal(turn.losses(batch(5))["loss"], again)
    same_images = Batch(batch(5).blurred, batch(5).sharp, 6)
    assert not torch.equal(turn.losses(same_images)["loss"], again)
    assert not torch.equal(other, again)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("compared", ["all", "masked"])
def test_the_loss_is_that_of_numpy(compared, normalise):
    pretext = Pretext(compared=compared, normalise=normalise, masked=0.6)
    given = batch()
    with torch.no_grad():
        tried = attempt(
            network(), given.blurred, given.sharp, pretext, generator(1, Stream.MASKS, 0)
        )
        values = losses(tried, pretext)
    order = np.argsort(generator(1, Stream.MASKS, 0).random((2, 9)), axis=1)
    sums = {True: [], False: []}
    for sample in range(2):
        for place in range(9):
            y, x = (8 * part for part in divmod(place, 3))
            wanted = 2 * given.sharp[sample, :, y : y + 8, x : x + 8].double().numpy().ravel() - 1
            if normalise:
                wanted = (wanted - wanted.mean()) / np.sqrt(wanted.var(ddof=1) + 1e-6)
            predicted = tried.predicted[sample, place].double().numpy()
            shown = place in order[sample, :3]
            assert tried.hidden[sample, place] == (not shown)
            sums[shown].append(np.mean((predicted - wanted) ** 2))
    by_name = {"masked": sums[False], "visible": sums[True]}
    by_name["loss"] = sums[False] + sums[True] * (compared == "all")
    for name, errors in by_name.items():
        assert values[name].item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_what_the_encoder_sees_is_blurred_or_sharp_and_the_target_is_sharp():
    given = batch()
    for kind, seen in (("blurred", given.blurred), ("sharp", given.sharp)):
        random = generator(0, Stream.MASKS, 0)
        tried = attempt(network(), given.blurred, given.sharp, Pretext(input=kind), random)
        corner = tried.given[0, 0].reshape(3, 8, 8)
        torch.testing.assert_close(corner, 2 * seen[0, :, :8, :8] - 1)
        target = tried.wanted[0, 0].reshape(3, 8, 8)
        torch.testing.assert_close(target, 2 * given.sharp[0, :, :8, :8] - 1)


def test_the_presets_are_the_published_pretext_tasks():
    deblurring, plain = (options.resolve(name) for name in ("deblur-mae", "mae"))
    assert isinstance(deblurring, PretrainingRun)
    assert deblurring.pretext == Pretext(input="blurred", masked=0.75, compared="all")
    assert plain.pretext == Pretext(input="sharp", masked=0.75, compared="masked")
    assert deblurring.optimiser == plain.optimiser
    assert deblurring.optimiser.betas == (0.9, 0.95)
    assert plain.data == deblurring.data


@pytest.mark.slow
def test_more_is_known_of_the_patches_after_training(pretrained):
    folder, summary = pretrained
    assert summary.reason == "steps"
    lines = (folder / "validation.csv").read_text().splitlines()
    names, first, last = (line.split(",") for line in (lines[0], lines[1], lines[-1]))
    place = names.index("visible")
    assert float(last[place]) < float(first[place])
    # A constant would reach the variance of the pixels, in [-1, 1] about 4 / 12.
    assert float(last[place]) < 0.2
    assert len(list((folder / "samples").glob("*.png"))) == 2
    card = checkpoint.load(folder / "best").card
    assert (card["network"], card["task"]) == ("deblur-mae", "pretrain")
    assert card["options"]["decoder_width"] == 16
    assert {"loss", "masked", "visible"} == card["scores"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["deblur-mae", "mae"])
def test_a_run_that_was_killed_ends_with_the_same_bytes(sharp, tmp_path, model):
    run = run_of(sharp, "--optimiser.accumulate", "2", model=model)
    train(run, tmp_path / "whole")
    for at in (2, 4):
        with pytest.raises(KilledError):
            train(run, tmp_path / "cut", Killer(at))
    train(run, tmp_path / "cut")
    for name in ("last.safetensors", "best.safetensors"):
        whole, cut = ((tmp_path / folder / name).read_bytes() for folder in ("whole", "cut"))
        assert whole == cut
    whole, cut = ((tmp_path / name / "validation.csv").read_text() for name in ("whole", "cut"))
    assert whole == cut


@pytest.mark.slow
def test_every_validation_has_the_same_masks_whatever_the_batch(sharp):
    scores = []
    for size in (1, 3):
        torch.manual_seed(0)
        run = run_of(sharp, "--data.batch", str(size))
        task = PretrainingTask.open(run, torch.device("cpu"), True)
        scores += [task.validate(torch.device("cpu")).scores for _ in range(2)]
    assert scores[0] == scores[1]
    for name, value in scores[2].items():
        assert value == pytest.approx(scores[0][name], rel=1e-5)
    assert scores[2] == scores[3]


@pytest.mark.slow
def test_a_classifier_starts_from_the_encoder_without_the_decoder(pretrained, kaggle, tmp_path):
    folder, _ = pretrained
    given = checkpoint.load(folder / "best").tensors
    words = [*CLASSIFYING, "--data.images", str(kaggle), "--start", str(folder / "best")]
    run = options.resolve("vit", None, words)
    assert {name: run.options[name] for name in ("patch", "width", "depth", "heads")} == {
        "patch": 8,
        "width": 24,
        "depth": 2,
        "heads": 2,
    }
    assert not any(name.startswith("decoder") for name in run.options)
    built = build.classifier(run)
    for name, tensor in built.encoder.state_dict().items():
        assert torch.equal(tensor, given[f"encoder.{name}"])
    train(options.resolve("vit", None, [*words, "--freeze", "head"]), tmp_path / "frozen")
    frozen = checkpoint.load(tmp_path / "frozen" / "last")
    changed = {
        name
        for name, tensor in frozen.tensors.items()
        if name not in given or not torch.equal(tensor, given[name])
    }
    assert changed == {"head.weight", "head.bias"}
    assert frozen.card["begun_with"]["network"] == "deblur-mae"
    train(run, tmp_path / "fine")
    fine = checkpoint.load(tmp_path / "fine" / "last").tensors
    learned = {name for name in given if name in fine and not torch.equal(fine[name], given[name])}
    assert "encoder.blocks.0.attention.into.weight" in learned


@pytest.mark.slow
def test_other_channels_get_their_share_of_the_encoder(pretrained, kaggle):
    folder, _ = pretrained
    given = checkpoint.load(folder / "best").tensors["encoder.patches.weight"]
    words = [*CLASSIFYING, "--data.images", str(kaggle), "--data.channels", "RG"]
    built = build.classifier(
        options.resolve("vit", None, [*words, "--start", str(folder / "best")])
    )
    mean = given.mean(1, keepdim=True).expand(-1, 2, -1, -1) * 1.5
    torch.testing.assert_close(built.encoder.patches.weight.detach(), mean)


@pytest.mark.slow
def test_what_cannot_start_from_it_says_so(pretrained, kaggle):
    folder, _ = pretrained
    words = [*CLASSIFYING, "--data.images", str(kaggle), "--start", str(folder / "best")]
    with pytest.raises(OptionError, match=r"^start must be weights of light, got .*deblur-mae"):
        options.resolve("light", None, words)
    run = options.resolve("vit", None, [*words, "--options.width", "48"])
    with pytest.raises(OptionError, match=r"of deblur-mae, which differs in width\.$"):
        build.classifier(run)
    with pytest.raises(OptionError, match="the weights of an autoencoder"):
        methods.find(str(folder / "best"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data.size", "36"], r"data\.size must be a multiple of 8 for deblur-mae, got 36"),
        (["--options.patch", "32"], r"data\.size must be more than a patch of .* 32, got 32"),
        (["--freeze", "head"], "freeze must be nothing for this network"),
    ],
)
def test_a_run_that_cannot_be_is_said(sharp, words, sentence):
    with pytest.raises(OptionError, match=sentence):
        build.autoencoder(run_of(sharp, *words))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--pretext.masked", "1"], "pretext.masked: input should be less than 1"),
        (["--pretext.input", "dark"], "pretext.input: input should be 'blurred' or 'sharp'"),
        (["--loss.l1", "1"], "loss is no option"),
        (["--stop.monitor", "psnr"], "stop.monitor: input should be 'loss'"),
    ],
)
def test_wrong_options_end_in_a_sentence(words, sentence):
    with pytest.raises(OptionError, match=f"^{sentence}"):
        options.resolve("mae", None, words)


@pytest.mark.slow
def test_a_run_s_page_and_a_search_know_of_it(pretrained, sharp, tmp_path):
    folder, _ = pretrained
    page.write(folder, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "|  | squared error, masked | squared error, visible | loss |" in text
    assert "input without its hidden patches, prediction, sharp" in text
    assert "The network deblur-mae" in text
    run = run_of(sharp, "--stop.steps", "3")
    given = {"optimiser.rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    settings = Search(run, space.resolve(given, run), 2)
    ended = list(search(settings, tmp_path / "search"))
    assert [trial.outcome for trial in ended] == ["done", "done"]
    assert all(trial.score > 0 for trial in ended)
