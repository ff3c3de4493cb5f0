"""What is published says the same as the code: version, licences, requirements."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import unsmear
from unsmear.cli.cite import TEXT

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
WEIGHTS = ROOT / "src/unsmear/weights"
HOSTS = {"pypi.org", "files.pythonhosted.org"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load(read("CITATION.cff"))


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load(read("conda/recipe.yaml"))


@pytest.fixture(scope="module")
def lock():
    return tomllib.loads(read("uv.lock"))


def test_the_version_stands_in_one_place(citation, recipe):
    assert PROJECT["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "src/unsmear/__init__.py"
    assert str(citation["version"]) == unsmear.__version__
    assert recipe["context"]["version"] == unsmear.__version__
    latest = re.search(r"^## (\S+) - ", read("CHANGELOG.md"), re.MULTILINE)
    assert latest[1] == unsmear.__version__
    notes = read(f"docs/releases/{unsmear.__version__}.md")
    assert notes.startswith(f"# Unsmear {unsmear.__version__}\n")
    assert "{version}" in TEXT
    assert unsmear.__version__ not in TEXT


def test_titles_and_authors_are_the_same(citation):
    deposit = json.loads(read(".zenodo.json"))
    assert deposit["title"] == citation["title"]
    assert deposit["keywords"] == citation["keywords"]
    authors = [author["name"] for author in citation["authors"]]
    assert [each["name"] for each in deposit["creators"]] == authors
    assert [each["name"] for each in PROJECT["authors"]] == authors
    assert all(author in TEXT for author in authors)
    assert citation["title"] in TEXT


def test_licences_are_those_of_the_code_and_of_the_weights(citation, recipe):
    """A citation and a deposit name one licence, that of the code, and say the other in words."""
    assert PROJECT["license"] == recipe["about"]["license"] == "BSD-3-Clause AND CC-BY-SA-4.0"
    assert PROJECT["license-files"] == recipe["about"]["license_file"]
    assert read("LICENSE").startswith("BSD 3-Clause License")
    assert (WEIGHTS / "LICENSE").read_text().startswith("Attribution-ShareAlike 4.0 International")
    deposit = json.loads(read(".zenodo.json"))
    assert deposit["license"] == citation["license"] == "BSD-3-Clause"
    assert "CC-BY-SA-4.0" in deposit["description"]
    assert "CC-BY-SA-4.0" in citation["abstract"]


def test_the_notice_names_every_network_with_the_licence_on_its_card():
    parts = re.findall(r"^(\S.*)\n    (\S+)", (WEIGHTS / "NOTICE").read_text(), re.MULTILINE)
    noticed = {name: licence for names, licence in parts for name in names.split(", ")}
    cards = {path.stem: json.loads(path.read_text()) for path in WEIGHTS.glob("*.json")}
    assert noticed == {
        name: re.split("[,;]", card["licence"])[0].replace(" ", "-") for name, card in cards.items()
    }


def test_the_recipe_of_conda_asks_for_what_pip_does(recipe):
    python, *run = recipe["requirements"]["run"]
    assert [line.replace(" ", "") for line in run] == PROJECT["dependencies"]
    assert python == "python >=${{ python_min }}"
    assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]
    assert recipe["build"]["python"]["entry_points"] == ["unsmear = unsmear.cli:main"]


def test_the_lock_is_of_this_project_and_names_public_hosts_alone(lock):
    """`make lock` makes it anew."""
    text = read("uv.lock")
    assert set(re.findall(r"https?://([^/\"]+)", text)) == HOSTS
    assert "file:" not in text
    (own,) = [each for each in lock["package"] if each["name"] == "unsmear"]
    locked = {
        (each["name"], each.get("specifier", "")) for each in own["metadata"]["requires-dist"]
    }
    assert locked == {(each.name, ordered(each)) for each in requirements()}
    constraint = PYPROJECT["tool"]["uv"]["constraint-dependencies"]
    assert constraint == [line for line in read("constraints.txt").split() if "==" in line]


def requirements():
    """Yield what the project and its extras ask for, as a lock names it."""
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *(each for extra in extras.values() for each in extra)]:
        wanted = Requirement(text)
        wanted.name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if wanted.name != "unsmear":  # an extra of its own, which the lock spells out
            yield wanted


def ordered(requirement):
    return ",".join(sorted(map(str, requirement.specifier), key=lambda part: part[0] == "<"))


def test_every_supported_python_is_tested_and_the_container_has_one():
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    for job in ("test", "package"):
        assert jobs[job]["strategy"]["matrix"]["python"] == supported
    bases = re.findall(r"^FROM python:(3\.\d+)-slim", read("Dockerfile"), re.MULTILINE)
    assert set(bases) <= set(supported)
    assert len(bases) == 2
