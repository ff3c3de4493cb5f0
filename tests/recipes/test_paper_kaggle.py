"""The paper's experiment on a folder as the Kaggle competition's, stopped and resumed."""

import csv
import sys
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from unsmear import images
from unsmear.data import manifest
from unsmear.train.engine import folder as folders

HERE = Path(__file__).parents[2] / "recipes" / "paper"
IMAGES, UNSEEN, SIDE = 8, 2, 64
LABELS = ("0", "2", "16", "2|0", "16|0|16", "2|16")
NETWORK = "maxim-scratch"
COMMANDS = (
    ["--tables", "5", "--only", NETWORK],
    ["--tables", "5", "--report-only"],
    ["--tables", "6"],
)
LATER = ("labelled pairs", "classifier", "predictions")
STAGES = ("pairs", NETWORK, "scores", "diagnoses", *LATER)


class Stop(BaseException):
    """What a kill is in a process that the test needs again."""


@pytest.fixture(scope="module", autouse=True)
def _recipe(quick_restoration):
    """Let the recipe's modules be found, with less of what takes long in its tiny scale."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(HERE)
        import labelled
        import together
        from scales import SCALES

        patched.setenv("OMP_NUM_THREADS", "1")
        patched.setitem(SCALES, "tiny", replace(SCALES["tiny"], labelled_test=2, few=1))
        patched.setattr(labelled, "MOVING", labelled.MOVING[:1])
        patched.setattr(labelled, "conclude", partial(labelled.conclude, resamples=50))
        patched.setattr(together, "write", lambda *_: None)  # tests/recipes/test_paper.py has it
        yield


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Return a list of labels as the competition's, with more images than a folder has."""
    names = [f"{number:08x}-bb99-11e8-b2b9-ac1f6b6435d0" for number in range(IMAGES + 5)]
    rows = [f"{name},{LABELS[number % len(LABELS)]}" for number, name in enumerate(names)]
    path = tmp_path_factory.mktemp("list") / "train.csv"
    path.write_text("\n".join(["ID,Label", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory, listed):
    """Return a folder in the layout of the competition, half of its images of 8, half of 16 bits.

    The second command finds the images of the first.
    """
    import kaggle

    folder = tmp_path_factory.mktemp("kaggle")
    for bits, images_, unseen in ((8, IMAGES // 2, 0), (16, IMAGES, UNSEEN)):
        command = [folder, "--labels", listed, "--images", images_, "--test", unseen]
        command += ["--size", SIDE, "--bits", bits]
        assert kaggle.main(list(map(str, command))) == 0
    return folder


def go(monkeypatch, data, output, command, stop=None):
    """Run a command. stop: an object, its function, and the calls after which it stops."""
    import run

    with monkeypatch.context() as patched:
        if stop is not None:
            _stop_after(patched, *stop)
        shared = ["run.py", "--scale", "tiny", "--data", data, "--output", output]
        shared += ["--workers", 1, "--page", output / "5.md", "--page6", output / "6.md"]
        patched.setattr(sys, "argv", [*map(str, shared), *command])
        assert run.main() == 0


def _stop_after(patched, owner, name, calls):
    whole, left = getattr(owner, name), [calls]

    def stopping(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise Stop
        return whole(*arguments, **options)

    patched.setattr(owner, name, stopping)


def points():
    """Return for each command the places to stop, one in the middle of each of its stages."""
    import scores
    from unsmear.data import prepare
    from unsmear.recovery.collect import run as collecting
    from unsmear.train.engine.callbacks import Saver

    return (
        ((prepare, "make", 4), (Saver, "save", 1)),
        ((scores, "score_images", 1),),
        ((prepare, "make", IMAGES + 1), (Saver, "save", 1), (collecting, "attempt", 1)),
    )


def results(output):
    """Return what a run made, by file: everything but times and machines."""
    kinds = ("*.png", "*.jpg", "*.safetensors", "manifest.csv", "answers.jsonl", "*.md")
    files = [file for kind in kinds for file in output.rglob(kind)]
    return {str(file.relative_to(output)): sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
def test_a_run_that_is_stopped_at_every_stage_ends_with_the_same_bytes(data, tmp_path, monkeypatch):
    for command, stops in zip(COMMANDS, points(), strict=True):
        go(monkeypatch, data, tmp_path / "whole", command)
        for stop in stops:
            with pytest.raises(Stop):
                go(monkeypatch, data, tmp_path / "stopped", command, stop)
        go(monkeypatch, data, tmp_path / "stopped", command)
    whole = results(tmp_path / "whole")
    assert results(tmp_path / "stopped") == whole
    assert {"5.md", "6.md", f"{NETWORK}/best.safetensors"} <= whole.keys()
    with (tmp_path / "whole" / "stages.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["stage"] for row in rows] == list(STAGES)
    assert all(float(row["processor_seconds"]) >= 0 for row in rows)
    assert all((int(row["disk_bytes"]) > 0) == (row["stage"] != "diagnoses") for row in rows)


def test_a_trial_says_what_the_full_scale_needs(tmp_path):
    import budget
    import networks
    from scales import trial

    scale = trial(0.002)
    assert (scale.images, scale.test, scale.labelled, scale.labelled_test) == (10, 2, 10, 2)
    pairs = [
        manifest.Pair(f"{n}.png", f"{n}", "test" if n < 2 else "train", "", blur={})
        for n in range(12)
    ]
    manifest.write(tmp_path / "pairs", pairs)
    run = networks.configure("dcae", scale, tmp_path / "pairs", None, None)
    folders.open_folder(tmp_path / "dcae", run)
    (tmp_path / "dcae" / "summary.json").write_text('{"step": 2, "processor_seconds": 16.0}')
    rows = ["pairs,9,3,1000,2000,240", "pairs,9,1,1000,1500,480", "dcae,9,20,1000,1800,50"]
    head = "stage,seconds,processor_seconds,base_bytes,peak_bytes,disk_bytes"
    (tmp_path / "stages.csv").write_text("\n".join([head, *rows]) + "\n")
    first, dcae = budget.needs(tmp_path)
    assert (first.stage, first.seconds, first.memory) == ("pairs", 4, 2000)  # resumed once
    assert first.hours == pytest.approx(4 * 500 / 3600)
    assert first.disk == 480 * 500
    # Two steps of 4 samples took 16 s; the paper's autoencoder has 100 passes of 4,000.
    assert dcae.hours == pytest.approx(2 * 400_000 / 3600)
    assert dcae.memory == 1000 + 800 * 32 / 4
    assert budget.table([first, dcae])[-1][-3] == f"{first.hours + dcae.hours:.1f}"


def test_a_trial_leaves_the_pages_of_the_benchmarks_alone(tmp_path, monkeypatch):
    import run

    for option, folder in (("--trial=0.01", tmp_path), ("--scale=full", run.BENCHMARKS)):
        monkeypatch.setattr(sys, "argv", ["run.py", option, "--output", str(tmp_path)])
        assert run._arguments().page == folder / "paper-table-5.md"
        assert run._arguments().page6 == folder / "paper-table-6.md"


def test_a_batch_in_parts_is_the_same_batch():
    import networks
    from scales import SCALES

    for name, parts, batch in (("dcae", 8, 4), ("maxim-scratch", 8, 1), ("gan", 8, 1)):
        run = networks.configure(name, SCALES["full"], Path("pairs"), None, None, None, parts)
        whole = networks.configure(name, SCALES["full"], Path("pairs"), None, None)
        assert run.data.batch == batch
        assert run.data.batch * run.optimiser.accumulate == whole.data.batch
        assert whole.optimiser.accumulate == 1


def test_images_without_labels_are_no_part_of_the_experiment(data, tmp_path):
    import labelled
    import pairs
    from scales import SCALES

    named = {name.name for name in (data / "test").glob("*.png")}
    assert len(named) == 4 * UNSEEN
    report = pairs.make_pairs(tmp_path / "run", SCALES["tiny"], data, None, 1)
    assert not report.failures
    assert len(report.pairs) == IMAGES
    assert not labelled.make_pairs(tmp_path / "run", SCALES["tiny"], data, 1)
    for folder in labelled.pair_folders(tmp_path / "run"):
        rows = manifest.read(folder)
        assert rows
        assert all(row.labels and row.source.startswith("train/") for row in rows)


@pytest.mark.parametrize("bits", [8, 16])
def test_both_depths_give_the_same_pairs_but_for_rounding(bits, data, listed, tmp_path):
    import kaggle
    import pairs
    from scales import SCALES

    kaggle.make(tmp_path / "data", listed, 3, 0, SIDE, bits)
    few = replace(SCALES["tiny"], test=1)
    pairs.make_pairs(tmp_path / "run", few, tmp_path / "data", None, 1)
    for row in manifest.read(tmp_path / "run" / "pairs"):
        sharp = images.read(row.files(tmp_path / "run" / "pairs")[0]).planes()[0, 0]
        (red, *_) = (data / "train").glob(f"{Path(row.source).name}_red.png")
        drawn = images.read(red).pixels
        assert drawn.dtype == np.uint8
        assert np.abs(sharp.astype(int) - drawn).max() <= 1
        assert drawn.max() > 50


def test_the_folder_is_that_of_the_competition(data, listed):
    assert (data / "train.csv").read_bytes() == listed.read_bytes()
    assert len(list((data / "train").iterdir())) == 4 * IMAGES
    header = (data / "sample_submission.csv").read_text().splitlines()[0]
    assert header == "ID,ImageWidth,ImageHeight,PredictionString"


def test_the_other_competition_is_refused_in_a_sentence(tmp_path, capsys):
    import kaggle

    other = tmp_path / "train.csv"
    other.write_text("Id,Target\n00070df0-bbc3-11e8-b2bc-ac1f6b6435d0,16 0\n")
    assert kaggle.main([str(tmp_path / "folder"), "--labels", str(other)]) == 1
    assert "the first line must begin with ID,Label" in capsys.readouterr().err
