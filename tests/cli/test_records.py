"""`estimate` and `prepare` keep a record of a run, as `restore` does."""

import json

import numpy as np
import pytest

from tests.found import find_everywhere
from unsmear import images
from unsmear.batches import at_work, layout, record, writer
from unsmear.data import manifest
from unsmear.estimate import Estimate
from unsmear.images import Image

PREPARE = ("--size", 32, "--photons", 200)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a folder with three images, of which each is found to have moved."""
    find_everywhere(monkeypatch, Estimate(6.0, 30.0, 0.9, kind="straight"))
    random = np.random.default_rng(0)
    for number in range(3):
        counts = random.integers(0, 250, (48, 64), np.uint8)
        images.write(tmp_path / "in" / f"{number:02}.png", Image(counts, "YX"))
    return tmp_path / "in"


def cut_off(out, image):
    """Leave the record as a kill does before an image is done."""
    path = layout.results(out)
    kept = [line for line in path.read_text().splitlines() if f'"image": "{image}"' not in line]
    path.write_text("\n".join(line for line in kept if '"ended"' not in line) + "\n")


def test_estimates_are_on_record_and_in_a_file(source, tmp_path, unsmear):
    (source / "broken.png").write_bytes(b"broken")
    out = tmp_path / "out"
    finished = unsmear("estimate", source, "-o", out)
    assert finished.code == 1
    assert finished.out.count("linear motion of 6.0 px at 30 degrees") == 3
    said = unsmear("status", out).out
    assert ": estimate, ended with exit code 1; begun " in said
    assert "4 of 4 files done: 3 estimated, 1 failed." in said
    assert "broken.png: " in said
    (found,) = record.read(out).entries["01"].found
    assert (found["movement"][:22], found["length"]) == ("linear motion of 6.0 p", 6.0)
    assert "linear motion of 6.0 px at 30 degrees" in layout.page(out).read_text()
    lines = unsmear("estimate", source, "--json").out.splitlines()
    as_json = [row for row in map(json.loads, lines) if "kind" in row]
    assert json.loads((out / "estimates.json").read_text()) == as_json
    assert [row["image"] for row in as_json] == ["00", "01", "02"]


def test_a_stopped_estimate_goes_on(source, tmp_path, unsmear, monkeypatch):
    out = tmp_path / "out"
    given = ("estimate", source, "-o", out, "--resume")
    whole = unsmear(*given)
    estimates = (out / "estimates.json").read_bytes()
    cut_off(out, "01")
    (out / "estimates.json").unlink()
    assert "stopped: not running; begun " in unsmear("status", out).out
    find_everywhere(monkeypatch, Estimate(8.0, 30.0, 0.9, kind="straight"))
    resumed = unsmear(*given)
    assert resumed.out.count(" 6.0 px") == 2
    assert resumed.out.count(" 8.0 px") == 1
    find_everywhere(monkeypatch, Estimate(6.0, 30.0, 0.9, kind="straight"))
    cut_off(out, "01")
    assert sorted(unsmear(*given).out.splitlines()) == sorted(whole.out.splitlines())
    assert (out / "estimates.json").read_bytes() == estimates
    *rows, _, _ = map(json.loads, unsmear(*given, "--json").out.splitlines())
    assert rows == json.loads(estimates)
    assert "3 of 3 files done: 3 estimated." in unsmear("status", out).out


def test_estimates_of_other_options_are_not_mixed(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("estimate", source, "-o", out)
    refused = unsmear("estimate", source, "-o", out, "--resume", "--per", "plane")
    assert refused.code == 1
    assert "--per auto (now plane) (3: 00, 01, 02)" in refused.err
    assert "a call without --resume makes these results again" in refused.err
    assert unsmear("estimate", source, "-o", out, "--per", "plane").code == 0
    assert record.read(out).sessions[-1].options == {"per": "plane"}


def test_an_estimate_without_an_output_has_nothing_to_resume(source, tmp_path, unsmear):
    assert "--resume must come with --output" in unsmear("estimate", source, "--resume").err
    assert unsmear("estimate", source / "00.png", "-o", tmp_path / "out").code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["estimates.json"]


def test_pairs_are_on_record(source, tmp_path, unsmear):
    (source / "broken.png").write_bytes(b"broken")
    out = tmp_path / "out"
    assert unsmear("prepare", source, "-o", out, *PREPARE, "--repeats", 2).code == 1
    said = unsmear("status", out).out
    assert ": prepare, ended with exit code 1; begun " in said
    assert "4 of 4 files done: 3 prepared, 1 failed." in said
    entry = record.read(out).entries["01"]
    assert entry.sentence == "01: 2 pairs"
    assert entry.outputs[:2] == ("sharp/01_k0.png", "blur/01_k0.png")
    assert all((out / name).exists() for name in entry.outputs)
    asked = record.read(out).sessions[-1].options
    assert (asked["size"], asked["photons"], asked["seed"]) == (32, 200.0, 0)


def test_a_stopped_preparation_goes_on(source, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("prepare", source, "-o", out, *PREPARE)
    assert unsmear(*given, "--limit", 2).code == 0
    assert "2 of 2 files done: 2 prepared." in unsmear("status", out).out
    before = manifest.read(out)
    (out / "sharp" / before[1].name).unlink()
    cut_off(out, before[0].source)
    assert "stopped: not running; begun " in unsmear("status", out).out
    assert "the same call goes on" in unsmear("status", out).out
    finished = unsmear(*given, "--limit", 2)
    assert "1 pair made, 1 already there, 0 failed." in finished.out
    assert manifest.read(out) == before
    found = json.loads(unsmear("status", out, "--json").out)
    assert (found["state"], found["files"], found["files_done"]) == ("ended", 2, 2)
    assert found["counts"] == {"already there": 1, "prepared": 1}
    assert not at_work.read(out)


def test_pairs_of_other_options_are_refused_before_anything_is_recorded(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("prepare", source, "-o", out, *PREPARE)
    refused = unsmear("prepare", source, "-o", out, "--size", 16)
    assert "got one with size 32 and not 16" in refused.err
    assert len(record.read(out).sessions) == 1
    with writer.holding(out):
        finished = unsmear("prepare", source, "-o", out, *PREPARE)
    assert "another run writes its results here" in finished.err


def test_pairs_of_another_version_are_named(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("prepare", source, "-o", out, *PREPARE)
    text = layout.asked(out).read_text()
    version = record.read(out).sessions[-1].environment["unsmear"]
    layout.asked(out).write_text(text.replace(f'unsmear = "{version}"', 'unsmear = "0.0.9"'))
    again = unsmear("prepare", source, "-o", out, *PREPARE)
    assert again.code == 0
    assert f"unsmear 0.0.9 (now {version}) (3: 00, 01, 02)" in again.err
    assert "0 pairs made, 3 already there, 0 failed." in again.out
