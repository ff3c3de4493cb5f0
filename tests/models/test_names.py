"""How networks are found, and what is said of those that are not."""

import os
import subprocess
import sys

import pytest

from unsmear import models
from unsmear.errors import OptionError

OWN = """
from torch import nn

class Own(nn.Module):
    def __init__(self, *, width: int = 3, rate: float | None = None) -> None:
        super().__init__()
        self.width, self.rate = width, rate

NETWORKS: dict[str, type] = {"own": Own}
"""

SORTING = """
from torch import nn

class Sorting(nn.Module):
    def __init__(self, *, labels: int = 19) -> None:
        super().__init__()
        self.labels = labels

CLASSIFIERS = {"sorting": Sorting}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(tmp_path))
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_the_paper_s_networks_are_listed():
    assert {"dcae", "gan"} <= set(models.names())


def test_listing_runs_no_file_and_loads_no_torch(folder):
    (folder / "more.py").write_text("raise SystemExit\nNETWORKS = {'never': None}")
    code = "import sys; from unsmear import models; print(models.names(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'never'" in done.stdout
    assert done.stdout.endswith("False\n")


def test_a_user_s_file_is_found_and_run_once(folder):
    assert "own" in models.names()
    assert models.options_of("own") == {"width": 3, "rate": None}
    assert models.build("own", width=5, rate=0.5).width == 5
    assert type(models.build("own")) is type(models.build("own"))


def test_a_user_s_classifier_is_found_and_is_none_of_the_restoring_networks(folder):
    (folder / "sorting.py").write_text(SORTING)
    assert "sorting" in models.classifiers()
    assert "sorting" not in models.names()
    assert "own" not in models.classifiers()
    assert models.options_of("sorting") == {"labels": 19}
    assert models.build("sorting", labels=5).labels == 5
    with pytest.raises(OptionError, match=r"^sorting: labels must be like 19, got 'all'\.$"):
        models.check_options("sorting", {"labels": "all"})


def test_a_file_may_list_both_kinds(folder):
    both = OWN + SORTING.replace("CLASSIFIERS", "CLASSIFIERS: dict[str, type]")
    (folder / "own.py").write_text(both)
    assert "own" in models.names()
    assert models.classifiers().count("sorting") == 1


def test_names_are_unique_over_both_kinds(folder):
    (folder / "sorting.py").write_text(SORTING.replace('"sorting"', '"own"'))
    with pytest.raises(
        OptionError, match=r"sorting\.py: a network must have .* got own, which .*own"
    ):
        models.classifiers()


def test_several_folders_are_parted_as_in_path(folder, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "two.py").write_text("NETWORKS = {'two': None}")
    monkeypatch.setenv("UNSMEAR_NETWORKS", os.pathsep.join([str(folder), "", str(other)]))
    assert {"own", "two", "dcae"} <= set(models.names())


def test_without_the_folder_nothing_of_it_is_known(folder, monkeypatch):
    monkeypatch.delenv("UNSMEAR_NETWORKS")
    assert "own" not in models.names()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NETWORKS = {", r"bad\.py: a network's file must be valid Python; "),
        ("NETWORKS = dict(a=1)", r"bad\.py: NETWORKS must be a dictionary whose keys are lit"),
        ("CLASSIFIERS = [1]", r"bad\.py: CLASSIFIERS must be a dictionary whose keys are lit"),
        ("NETWORKS = {**OTHERS}", r"bad\.py: NETWORKS must be a dictionary whose keys are lit"),
        ("NETWORKS = {1: None}", r"bad\.py: NETWORKS must be a dictionary whose keys are lit"),
        ("NETWORKS = {'gan': None}", r"bad\.py: a network must have a unique name, got gan, w"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(folder, text, sentence):
    (folder / "bad.py").write_text(text)
    with pytest.raises(OptionError, match=sentence):
        models.names()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "import torhc\nNETWORKS = {'mine': None}",
            r"bad\.py: a network's file must run; ModuleNot",
        ),
        (
            "NETWORK = {'mine': None}",
            r"No NETWORKS, CLASSIFIERS or AUTOENCODERS is in .*bad",
        ),
    ],
)
def test_a_file_that_gives_no_network_is_named(folder, text, sentence):
    (folder / "bad.py").write_text(text)
    with pytest.raises(OptionError, match=sentence):
        models.build("mine")


def test_a_folder_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(tmp_path / "nowhere"))
    with pytest.raises(OptionError, match=r"^UNSMEAR_NETWORKS must name folders, got .*nowhere\.$"):
        models.names()


def test_an_unknown_name_is_refused_with_the_likely_one():
    with pytest.raises(OptionError, match=r"^a network must be one of .*, got dcea\. Did you mean"):
        models.build("dcea")


def test_an_unknown_option_is_refused_with_the_likely_one():
    with pytest.raises(
        OptionError, match=r"^dcae: an option must be .*dropuot\. Did you mean drop"
    ):
        models.build("dcae", dropuot=0.5)


@pytest.mark.parametrize(
    ("option", "value", "default"),
    [
        ("filters", [4, "5"], r"\(96, 128, 256\)"),
        ("latent", 1.5, "0"),
        ("latent", True, "0"),
        ("dropout", "much", r"0\.0"),
        ("residual", 1, "False"),
        ("upsample", 2, "'transposed'"),
    ],
)
def test_a_value_of_another_kind_is_refused(option, value, default):
    with pytest.raises(OptionError, match=rf"^dcae: {option} must be like {default}, got"):
        models.check_options("dcae", {option: value})


def test_a_list_is_as_good_as_a_tuple_and_a_whole_number_as_a_share():
    models.check_options("dcae", {"filters": [4, 5], "dropout": 0})
