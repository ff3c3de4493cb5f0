"""Options: where they come from, which wins, and what is said of wrong ones."""

import pytest
import tomli_w

from unsmear.errors import OptionError
from unsmear.train.config import options


@pytest.mark.slow
def test_later_sources_win(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(tomli_w.dumps({"seed": 3, "data": {"size": 64, "batch": 2}}))
    run = options.resolve("dcae", file, ["--data.batch", "8", "--options.dropout=0.5"])
    assert (run.seed, run.data.size, run.data.batch) == (3, 64, 8)
    assert run.options["dropout"] == 0.5
    assert run.options["filters"] == [96, 128, 256]  # the network's own, written out
    assert run.loss.charbonnier == 0.0  # a file takes the preset's place


def test_a_loss_that_is_named_takes_the_place_of_the_presets():
    assert options.resolve("dcae", None, ["--seed", "1"]).loss.charbonnier == 1.0
    run = options.resolve("dcae", None, ["--loss.l2", "1"])
    assert (run.loss.l2, run.loss.charbonnier, run.loss.frequency) == (1.0, 0.0, 0.0)


def test_none_takes_a_value_away():
    run = options.resolve("dcae", None, ["--optimiser.clip", "none", "--adversarial.loss", "none"])
    assert (run.optimiser.clip, run.adversarial.loss) == (None, "none")


def test_epochs_take_the_place_of_the_presets_steps():
    assert options.resolve("dcae").stop.steps == 5000
    run = options.resolve("dcae", None, ["--stop.epochs", "3"])
    assert (run.stop.epochs, run.stop.steps) == (3, None)


def test_what_is_written_reads_back(tmp_path):
    run = options.resolve("gan", None, ["--data.photons", "100", "1000", "--stop.minutes", "3"])
    file = tmp_path / "run.toml"
    file.write_text(tomli_w.dumps(options.dump(run)))
    assert options.resolve("gan", file) == run


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--seed", "5"], {"seed": 5}),
        (["--seed=5"], {"seed": 5}),
        (["--machine.compile"], {"machine": {"compile": True}}),
        (["--stop.minutes", "0.5"], {"stop": {"minutes": 0.5}}),
        (["--data.length", "4", "-9"], {"data": {"length": [4, -9]}}),
        (["--data.photons=[1, 2]"], {"data": {"photons": [1, 2]}}),
        (["--log.validate-every", "3"], {"log": {"validate_every": 3}}),
        (["--data.pairs", "a b/c"], {"data": {"pairs": "a b/c"}}),
    ],
)
def test_words_become_options(words, value):
    assert options.parse(words) == value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--optimiser.rat", "1"], "optimiser.rat is no option; did you mean optimiser.rate?"),
        (["--rate", "1"], "rate is no option; did you mean optimiser.rate?"),
        (["--zzz", "1"], "zzz is no option; see `unsmear train`"),
        (["--data.batch", "0"], "data.batch: input should be greater than or equal to 1, got 0."),
        (["--schedule.name", "sine"], "schedule.name: input should be 'constant', 'cosine', 'lin"),
        (["--data", "3"], "data: input should be a valid dictionary or instance of Data, got 3."),
        (["--seed", "9" * 30], "seed: input should be less than"),
        (["--stop.epochs", "inf"], "stop.epochs: input should be a finite number"),
        (["--options.filter", "4"], "dcae: an option must be one of"),
        (["seed"], "an option must look like --data.size 64, got 'seed'."),
        (["--seed", "1", "--seed.more", "1"], "--seed.more must be inside a table"),
    ],
)
def test_wrong_options_end_in_a_sentence(words, sentence):
    with pytest.raises(OptionError) as error:
        options.resolve("dcae", None, words)
    assert str(error.value).startswith(sentence)


def test_a_file_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[optimiser]\nrating = 1\n")
    with pytest.raises(OptionError, match=r"mine.toml: optimiser.rating is no option; did you"):
        options.resolve("dcae", file)
    file.write_text("rate 1")
    with pytest.raises(OptionError, match=r"mine.toml: the configuration must be a TOML file"):
        options.resolve("dcae", file)
    with pytest.raises(OptionError, match=r"no.toml: the configuration must be a TOML file \(No s"):
        options.resolve("dcae", tmp_path / "no.toml")
    file.write_text('model = "gan"')
    with pytest.raises(OptionError, match=r"mine.toml: the model must be dcae, got 'gan'"):
        options.resolve("dcae", file)


def test_every_option_is_listed_with_its_meaning():
    known = options.known()
    assert all(description.strip() for description in known.values())
    assert {"model", "data.size", "optimiser.rate", "log.mlflow"} <= set(known)
