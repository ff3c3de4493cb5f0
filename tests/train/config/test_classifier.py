"""What the training of a classifier is told: what is taken, and the sentences for what is not."""

import pytest

from unsmear.errors import OptionError
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.engine import build


def resolve(*tokens, model="light"):
    return options.resolve(model, None, [*tokens, "--data.size", "32"])


@pytest.mark.slow
def test_labels_are_given_by_number_and_by_name():
    assert resolve("--data.labels", "2", "10").data.labels == (2, 10)
    assert resolve("--data.labels", "nucleoli", "Microtubules").data.labels == (2, 10)
    assert resolve("--data.labels", "Nucleoli, 10").data.labels == (2, 10)
    assert resolve().data.labels == tuple(range(19))


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["--data.labels", "2", "19"], r"data\.labels: a label must be a number from 0 to 18 or"),
        (["--data.labels", "2", "nucleoli"], r"data\.labels: each label must be given only once"),
        (["--data.labels", "2"], r"labels must be 2 or more, got \(2,\)"),
        (["--data.channels", "RGX"], r"data\.channels: must be different letters of RGBY"),
        (["--data.channels", "RR"], r"data\.channels: must be different letters of RGBY"),
        (["--data.channels="], r"data\.channels: must be at least one letter"),
        (["--data.crop", "64"], r"data: crop must be at most size, 32, got 64"),
        (["--data.pairs", "a", "--data.images", "b"], "pairs and images must not both be given"),
        (["--data.batch", "1"], r"data\.batch: input should be greater than or equal to 2"),
        (["--data.share", "1"], r"data\.share: input should be less than 1"),
        (["--data.lacking", "guess"], r"data\.lacking: input should be 'refuse' or 'leave-out'"),
        (["--augment.gain", "2", "1"], r"augment\.gain: must be from low to high, got 2 to 1"),
        (["--augment.gain", "0", "1"], r"augment\.gain\.0: input should be greater than 0"),
        (["--loss.name", "dice"], r"loss\.name: input should be 'cross-entropy' or 'focal'"),
        (["--loss.balance", "2"], r"loss\.balance: input should be less than or equal to 1"),
        (["--loss.heaviest", "0.5"], r"loss\.heaviest: input should be greater than or equal"),
        (["--stop.monitor", "psnr"], r"stop\.monitor: input should be 'average_precision'"),
        (["--data.sharp", "a"], r"data\.sharp is no option; did you mean data\.share\?"),
        (["--loss.l1", "1"], r"loss\.l1 is no option"),
        (["--options.dropuot", "0"], "Did you mean dropout"),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_is_said(tokens, sentence):
    with pytest.raises(OptionError, match=sentence):
        resolve(*tokens)


def test_a_restorer_has_none_of_its_options_nor_it_a_restorers():
    with pytest.raises(OptionError, match=r"data\.labels is no option"):
        resolve("--data.labels", "2", "10", model="dcae")
    assert {"loss.gamma", "augment.noise"} <= options.known(LabelRun).keys()
    assert "adversarial.loss" not in options.known(LabelRun)


@pytest.mark.slow
def test_what_follows_from_the_data_is_neither_listed_nor_written_down():
    run = resolve("--data.labels", "2", "10", "--data.channels", "gb")
    assert not {"labels", "channels"} & (run.options.keys() | options.own_options("light").keys())
    network = build.classifier(run)
    assert (network.labels, network.channels) == (2, 2)
    assert build.classifier(resolve("--options.labels", "19")).labels == 19
    for name, sentence in (("labels", "19, got 5"), ("channels", "3, got 5")):
        with pytest.raises(
            OptionError, match=f"options.{name} must be the number of data.{name}, {sentence}"
        ):
            build.classifier(resolve(f"--options.{name}", "5"))


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["--options.features", "0"], "features must be 1 or more, got 0"),
        (["--options.stages", "0"], "stages must be 1 or more, got 0"),
        (["--options.dropout", "1.5"], "dropout must be 0 or more and below 1, got 1.5"),
        (["--freeze", "head"], "freeze must be nothing for this network, which names no parts"),
    ],
)
def test_a_network_that_cannot_be_is_said(tokens, sentence):
    with pytest.raises(OptionError, match=sentence):
        build.classifier(resolve(*tokens))


@pytest.mark.slow
def test_sizes_must_be_those_of_the_network(tmp_path, monkeypatch):
    (tmp_path / "even.py").write_text(
        "from unsmear.models.small_cnn import Light\n"
        "class Even(Light):\n    stride, smallest = 8, 40\n"
        "CLASSIFIERS = {'even': Even}\n"
    )
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(tmp_path))
    for tokens, sentence in (
        (["--data.size", "36"], r"data\.size must be at least 40 and a multiple of 8 .* got 36"),
        (["--data.size", "44"], r"data\.size must be at least 40 and a multiple of 8 .* got 44"),
        (["--data.size", "48", "--data.crop", "32"], r"data\.crop must be at least 40 .* got 32"),
    ):
        with pytest.raises(OptionError, match=sentence):
            build.classifier(options.resolve("even", None, tokens))


def test_each_classifier_has_a_preset_and_it_leaves_the_imbalance_as_it_is():
    light, xception = (options.resolve(name) for name in ("light", "xception"))
    assert (light.data.size, xception.data.size) == (256, 299)
    for run in (light, xception):
        assert isinstance(run, LabelRun)
        assert (run.start, run.loss.name, run.loss.balance) == (None, "cross-entropy", 0)
        assert options.check(options.dump(run)) == run
