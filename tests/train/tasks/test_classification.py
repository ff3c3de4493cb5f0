"""Runs of classifiers: what they learn, that a stop changes nothing, and what they leave."""

import json
import math

import numpy as np
import pytest
import torch

from tests.killer import KilledError, Killer
from unsmear import classify
from unsmear.checkpoints import checkpoint
from unsmear.data.labels import LABELS
from unsmear.data.source import find
from unsmear.errors import DataError, OptionError
from unsmear.metrics.classification import score
from unsmear.report.training import page as report
from unsmear.train.config import options
from unsmear.train.config.classifier import Examples, LabelLoss
from unsmear.train.data.labelled import Entry, Labels
from unsmear.train.data.rng import Stream
from unsmear.train.engine import build
from unsmear.train.run import train
from unsmear.train.search import space
from unsmear.train.search.search import search
from unsmear.train.search.study import Search
from unsmear.train.tasks.classification import label_loss, weights

DISC, STRIPES = 2, 10
"""What conftest.py draws."""
TINY = [
    *("--data.labels", str(DISC), str(STRIPES), "--data.size", "40", "--data.batch", "8"),
    *("--data.workers", "0", "--options.features", "6", "--options.stages", "2"),
    *("--schedule.warm", "0", "--stop.steps", "9", "--log.validate-every", "3"),
    *("--log.every", "2", "--log.tensorboard", "false"),
]
LEARNING = ["--optimiser.rate", "1e-2", "--stop.steps", "40", "--log.validate-every", "20"]


def run_of(kaggle, *more, model="light"):
    return options.resolve(model, None, [*TINY, "--data.images", str(kaggle), *more])


@pytest.fixture(scope="module")
def learned(kaggle, tmp_path_factory):
    """Return the folder of a run that has learned two easy labels, and how it ended."""
    folder = tmp_path_factory.mktemp("runs") / "learned"
    return folder, train(run_of(kaggle, *LEARNING), folder)


def test_two_easy_labels_are_learned(learned):
    folder, summary = learned
    assert summary.reason == "steps"
    truth = json.loads((folder / "environment.json").read_text())["data"]["labels"]
    assert max(truth.values()) / 32 < 0.75  # what a network reaches that knows nothing
    assert summary.best > 0.95
    assert summary.blurred is None


def test_its_card_tells_how_it_is_asked_and_what_it_reached(learned, kaggle):
    folder, _ = learned
    card = checkpoint.load(folder / "best").card
    assert (card["task"], card["size"], card["range"]) == ("classify", 40, "dtype")
    assert card["labels"] == [LABELS[DISC], LABELS[STRIPES]]
    assert card["channels"] == ["red", "green", "blue"]
    assert card["options"] == {
        "labels": 2,
        "channels": 3,
        "features": 6,
        "stages": 2,
        "dropout": 0.2,
    }
    assert len(card["groups"]) == 40
    assert str(kaggle) not in json.dumps(card)


def test_who_asks_it_afterwards_finds_what_its_validation_found(learned, kaggle):
    folder, _ = learned
    from unsmear.train.data.labelled import open_examples

    _, validation = open_examples(run_of(kaggle).data, 0)
    known = {entry.id for entry in validation.entries}
    items = [item for item in find([str(kaggle)], channels="RGB") if item.id in known]
    truth = np.array([[label in item.labels for label in (DISC, STRIPES)] for item in items])
    classifier = classify.load(folder / "best")
    probabilities = classifier.probabilities([item.read() for item in items])
    scored, expected = score(truth, probabilities, classifier.thresholds), classifier.card["scores"]
    assert scored.micro_f1 == pytest.approx(expected["micro_f1"], abs=1e-5)
    assert scored.mean_average_precision == pytest.approx(expected["average_precision"], abs=1e-5)
    assert ((classifier.thresholds > 0) & (classifier.thresholds < 1)).all()


@pytest.mark.slow
def test_a_run_killed_between_any_two_steps_ends_as_one_that_was_not(kaggle, tmp_path):
    more = ["--loss.name", "focal", "--loss.balance", "0.5", "--data.crop", "32"]
    run = run_of(kaggle, *more, "--options.dropout", "0.4")
    train(run, tmp_path / "whole")
    for at in (1, 4, 5, 8):
        with pytest.raises(KilledError):
            train(run, tmp_path / "cut", Killer(at))
    assert train(run, tmp_path / "cut").reason == "steps"
    for name in ("last.safetensors", "best.safetensors", "validation.csv"):
        cut, whole = ((tmp_path / folder / name).read_bytes() for folder in ("cut", "whole"))
        assert cut == whole
    cut, whole = (checkpoint.load(tmp_path / f / "best").card for f in ("cut", "whole"))
    assert cut["thresholds"] == whole["thresholds"]


@pytest.mark.slow
def test_weights_that_a_kill_left_half_done_are_written_again_with_their_thresholds(
    kaggle, tmp_path
):
    run = run_of(kaggle, "--stop.steps", "3")
    train(run, tmp_path)
    before = checkpoint.load(tmp_path / "best").card
    for name in ("best", "last"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"half")
    train(run, tmp_path)
    after = checkpoint.load(tmp_path / "best").card
    assert after["thresholds"] == before["thresholds"]
    assert classify.load(tmp_path / "last").labels == (LABELS[DISC], LABELS[STRIPES])


LOGITS = torch.tensor([[math.log(3), -math.log(3)]])
"""Probabilities of 3/4 and 1/4."""
WANTED = torch.tensor([[1.0, 1.0]])


def test_losses_are_those_computed_by_hand():
    even = torch.ones(2)
    cross = label_loss(LabelLoss(), even)(LOGITS, WANTED)
    assert float(cross) == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    focal = label_loss(LabelLoss(name="focal", gamma=2), even)
    by_hand = -((1 / 4) ** 2 * math.log(3 / 4) + (3 / 4) ** 2 * math.log(1 / 4)) / 2
    assert float(focal(LOGITS, WANTED)) == pytest.approx(by_hand)
    assert float(focal(-LOGITS, 1 - WANTED)) == pytest.approx(by_hand)
    weighted = label_loss(LabelLoss(), torch.tensor([2.0, 5.0]))
    assert float(weighted(LOGITS, WANTED)) == pytest.approx(
        -(2 * math.log(3 / 4) + 5 * math.log(1 / 4)) / 2
    )
    assert float(weighted(LOGITS, 1 - WANTED)) == pytest.approx(
        -(math.log(1 / 4) + math.log(3 / 4)) / 2
    )


def test_focal_has_a_gradient_where_nothing_is_missed():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    label_loss(LabelLoss(name="focal", gamma=0.5), torch.ones(2))(
        logits, torch.tensor([[1.0, 0.0]])
    ).backward()
    assert torch.isfinite(logits.grad).all()


def counted(*counts, images=100):
    """Return examples of which so many have each label."""
    entries = tuple(
        Entry(str(n), str(n), tuple(k for k, count in enumerate(counts) if n < count), print)
        for n in range(images)
    )
    settings = Examples(labels=tuple(range(len(counts))))
    return Labels(entries, settings, ("green",), 0, Stream.TRAINING, "")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (LabelLoss(), [1, 1, 1, 1]),
        (LabelLoss(balance=1), [99 / 1, 9, 1, 1 / 4]),
        (LabelLoss(balance=1, heaviest=3), [3, 3, 1, 1 / 3]),
        (LabelLoss(balance=0.5, heaviest=9), [9, 3, 1, 1 / 2]),
    ],
)
def test_rare_labels_weigh_as_much_as_they_are_asked_to(settings, expected):
    if settings.heaviest == 20:
        expected = np.clip(expected, 1 / 20, 20)
    balanced = weights(settings, counted(1, 10, 50, 80))
    np.testing.assert_allclose(balanced, expected, rtol=1e-6)


@pytest.mark.slow
def test_other_labels_begin_with_a_new_last_layer_and_other_channels_with_their_own(
    learned, kaggle
):
    folder, _ = learned
    best = str(folder / "best")
    known = checkpoint.load(best).tensors
    torch.manual_seed(9)
    same = build.classifier(run_of(kaggle, "--start", best)).state_dict()
    assert all(torch.equal(known[name], tensor) for name, tensor in same.items())
    for labels in (["2", "16"], ["10", "2"], ["2", "10", "16"]):
        network = build.classifier(run_of(kaggle, "--start", best, "--data.labels", *labels))
        assert network.head.out_features == len(labels)
        taken = {
            name for name, tensor in network.state_dict().items() if _equal(known[name], tensor)
        }
        assert known.keys() - taken == {"head.weight", "head.bias"}
    fewer = build.classifier(run_of(kaggle, "--start", best, "--data.channels", "G"))
    changed = {
        name for name, tensor in fewer.state_dict().items() if not _equal(known[name], tensor)
    }
    assert changed == {"stem.weight"}
    begins_not = build.classifier(run_of(kaggle, "--start", best), new=False).state_dict()
    assert not torch.equal(begins_not["stem.weight"], known["stem.weight"])


def _equal(left, right):
    return left.shape == right.shape and torch.equal(left, right)


@pytest.mark.slow
def test_weights_bring_their_options_and_are_their_networks_alone(learned, kaggle):
    best = str(learned[0] / "best")
    words = ["--data.size", "40", "--data.images", str(kaggle), "--start", best]
    run = options.resolve("light", None, words)
    assert run.options == {"features": 6, "stages": 2, "dropout": 0.2}
    assert build.classifier(run).head.out_features == 19
    xception = options.resolve("xception", None, words)
    with pytest.raises(OptionError, match=r"start must be weights of xception, got .*, of light"):
        build.classifier(xception)


@pytest.mark.slow
def test_a_run_goes_on_without_the_weights_that_it_began_with(learned, kaggle, tmp_path):
    started = tmp_path / "started"
    for ending in ("safetensors", "json"):
        (tmp_path / f"start.{ending}").write_bytes((learned[0] / f"best.{ending}").read_bytes())
    more = ["--start", str(tmp_path / "start"), "--stop.steps", "3"]
    train(run_of(kaggle, *more), started)
    for ending in ("safetensors", "json"):
        (tmp_path / f"start.{ending}").unlink()
    again = options.resolve("light", started / "run.toml", ["--stop.steps", "6"])
    assert train(again, started).step == 6


@pytest.mark.slow
def test_a_search_tries_a_classifier_too(kaggle, tmp_path):
    run = run_of(kaggle, "--stop.steps", "3")
    tried = {"optimiser.rate": {"low": 1e-3, "high": 1e-2, "log": True}, "loss.balance": [0, 1]}
    settings = Search(run, space.resolve(tried, run), 2)
    ended = list(search(settings, tmp_path))
    assert [trial.outcome for trial in ended] == ["done", "done"]
    assert all(0 < trial.score <= 1 for trial in ended)
    best = options.resolve("light", tmp_path / "best.toml")
    assert best.data == run.data
    with pytest.raises(OptionError, match=r"data\.labels must be the same in all trials"):
        space.resolve({"data.labels": [[2, 10], [2, 16]]}, run)


def test_what_all_trials_would_fail_of_is_said_before_there_are_any(kaggle, tmp_path):
    run = run_of(kaggle, "--data.labels", "2", "15")
    settings = Search(run, space.resolve({"data.batch": [4, 8]}, run), 2)
    with pytest.raises(DataError, match=f"got none of {LABELS[15]}"):
        list(search(settings, tmp_path))


@pytest.mark.slow
def test_the_page_of_its_run_speaks_of_labels(learned, tmp_path):
    pytest.importorskip("matplotlib")
    folder, summary = learned
    report.write(folder, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "is trained on 32 images with 2 labels: 40x40 pixels" in page
    assert f"Best at step {summary.best_step}: average precision {summary.best:.3f}, F1" in page
    assert "|  | average precision | F1, micro | F1, macro | F1, harmonic | loss |" in page
    for word in ("blurred", "PSNR", "restored", "Samples"):
        assert word not in page.partition("## Environment")[0]
