"""`unsmear evaluate PAIRS -o OUT`: files that repeat, whatever the workers."""

import csv
import json
import math
import os
import zipfile

import cv2
import numpy as np
import pytest

from unsmear import evaluate, images, lease
from unsmear.blur import Motion, convolve, to_dict
from unsmear.evaluate import finished
from unsmear.images import Image
from unsmear.images.scaling import cast

FILES = ("scores.csv", "summary.csv")


@pytest.fixture
def pairs(tmp_path):
    """Return a folder of four pairs, 64x72, with a manifest."""
    lines = []
    for number in range(4):
        noise = np.random.default_rng(number).random((64, 72, 3)).astype(np.float32)
        blobs = cv2.GaussianBlur(noise, (0, 0), 1.5).transpose(2, 0, 1)
        sharp = cast(255 * (blobs - blobs.min()) / np.ptp(blobs), np.uint8)
        blur = Motion(5 + 3 * (number % 2), 40 * number)
        blurred = cast(convolve(sharp, blur.kernel()), np.uint8)
        for side, counts in (("sharp", sharp), ("blur", blurred)):
            images.write(tmp_path / "pairs" / side / f"cell_{number}.png", Image(counts, "CYX"))
        lines.append((f"cell_{number}.png", "cell", "", "", "", json.dumps(to_dict(blur)), number))
    with (tmp_path / "pairs" / "manifest.csv").open("w", newline="") as file:
        columns = ["name", "source", "split", "group", "labels", "blur", "seed"]
        csv.writer(file).writerows([columns, *lines])
    return tmp_path / "pairs"


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_folder_gives_scores_a_summary_and_a_figure(pairs, tmp_path, unsmear):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    finished = unsmear("evaluate", pairs, "-o", out, "--method", "wiener", "--kernel", "true")
    assert (finished.code, finished.err) == (0, "")
    names = {
        "scores.csv",
        "scores.parquet",
        "summary.csv",
        "summary.md",
        "timing.csv",
        "grid.png",
    } | {"scores.png"}
    assert {path.name for path in out.iterdir()} == names
    assert images.read(out / "grid.png").axes == "YXS"
    for restorer in ("sharp", "blurred", "wiener, true kernel"):
        assert restorer in finished.out
    assert "motion 5 px" in finished.out
    scores = read(out / "scores.csv")
    assert len(scores) == 4 * 3
    sharp, blurred, wiener = read(out / "summary.csv")[:3]
    assert (sharp["psnr"], sharp["ssim"]) == ("inf", "1.000000")
    assert float(wiener["psnr"]) > float(blurred["psnr"]) + 3
    assert float(wiener["gain_low"]) <= float(wiener["gain"]) <= float(wiener["gain_high"])
    mean = math.fsum(float(r["psnr"]) for r in scores if r["restorer"] == wiener["restorer"]) / 4
    assert float(wiener["psnr"]) == pytest.approx(mean, abs=1e-5)


@pytest.mark.slow
def test_weights_are_scored_on_what_they_were_trained_on_with_a_warning(pairs, tmp_path, unsmear):
    run = tmp_path / "run"
    words = ["--options.filters", "4", "6", "--data.size", "32", "--data.batch", "2"]
    words += ["--data.workers", "0", "--stop.steps", "1", "--log.tensorboard", "false"]
    rows = (pairs / "manifest.csv").read_text().replace("cell_3.png,cell,", "cell_3.png,other,val")
    rows = rows.replace(",cell,,", ",cell,train,").replace("other,val,", "other,val,")
    (pairs / "manifest.csv").write_text(rows)
    assert unsmear("train", "dcae", "--data", pairs, "-o", run, *words).code == 0
    scored = ("evaluate", pairs, "--method", run / "best", "--no-grid")
    shipped = ("--method", "deep-wiener")  # whose card says its data in words
    finished = unsmear(*scored, *shipped, "-o", tmp_path / "all")
    assert finished.code == 0
    assert "was trained on some of these pairs; --split val or --split test" in finished.err
    finished = unsmear(*scored, "-o", tmp_path / "val", "--split", "val")
    assert (finished.code, finished.err) == (0, "")


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_scores_repeat_to_the_last_byte_whatever_the_workers(pairs, tmp_path, unsmear):
    written = []
    for workers in (1, 2):
        out = tmp_path / f"out_{len(written)}"
        finished = unsmear(
            "evaluate", pairs, "-o", out, "--method", "wiener", "--no-grid", "--workers", workers
        )
        assert (finished.code, finished.err) == (0, "")
        assert not (out / "grid.png").exists()
        written.append([(out / name).read_bytes() for name in FILES])
    assert written[0] == written[1]
    assert b"wiener, estimated kernel" in written[0][0]


@pytest.mark.slow
def test_what_is_missing_or_damaged_is_said_and_the_rest_goes_on(pairs, tmp_path, unsmear):
    (pairs / "blur" / "cell_0.png").unlink()
    (pairs / "sharp" / "cell_1.png").write_bytes(b"no image")
    out = tmp_path / "out"
    finished = unsmear(
        "evaluate", pairs, "-o", out, "--method", "wiener", "--kernel", "true", "--no-grid"
    )
    assert finished.code == 1
    missing, damaged = finished.err.splitlines()
    assert missing == "cell_0: a pair must have an image in blur, got none."
    assert damaged.startswith("sharp/cell_1.png: a file must be")
    assert {r["name"] for r in read(out / "scores.csv")} == {"cell_2", "cell_3"}


@pytest.mark.slow
def test_without_matplotlib_only_the_figure_is_missing(pairs, tmp_path, unsmear, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    out = tmp_path / "out"
    finished = unsmear("evaluate", pairs, "-o", out, "--method", "wiener", "--kernel", "true")
    assert finished.code == 0
    assert "grid.png is not drawn. Figures need matplotlib: pip install" in finished.err
    assert (out / "summary.md").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--method", "magic"), "a method must be one of"),
        (("--data-range", "0"), "--data-range must be above 0 and finite, got 0.0."),
        (("--split", "test"), "split must be one of the manifest's (it has none), got 'test'."),
    ],
)
def test_wrong_options_are_one_sentence(pairs, tmp_path, unsmear, options, sentence):
    finished = unsmear("evaluate", pairs, "-o", tmp_path / "out", *options)
    assert finished.code == 1
    assert sentence in finished.err
    assert finished.err.count("\n") == 1


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path, unsmear):
    finished = unsmear("evaluate", tmp_path / "none", "-o", tmp_path / "out")
    assert finished.code == 1
    assert "must hold the folders sharp and blur" in finished.err


@pytest.mark.slow
def test_trained_networks_are_scored_by_their_paths(pairs, tmp_path, unsmear, save_network):
    best, last = (save_network("pass", file) for file in ("best", "last"))
    own = save_network("folding", said={"name": "mine", "conserves_light": False})
    given = [word for path in ("wiener", best, last, own) for word in ("--method", path)]
    written = []
    for workers in (1, 2):
        out = tmp_path / f"out_{workers}"
        finished = unsmear(
            "evaluate", pairs, "-o", out, *given, "--kernel", "true", "--workers", workers
        )
        assert (finished.code, finished.err) == (0, "")
        written.append([(out / name).read_bytes() for name in FILES])
    assert written[0] == written[1]
    rows = [row for row in read(out / "summary.csv") if row["blur"] == "all"]
    restorers = [row["restorer"] for row in rows]
    # Two of one name are called by their paths.
    assert restorers == ["sharp", "blurred", "wiener, true kernel", best, last, "mine"]
    by_name = {row["restorer"]: row for row in rows}
    assert by_name[best]["psnr"] == by_name["blurred"]["psnr"]
    assert float(by_name["mine"]["psnr"]) < float(by_name["blurred"]["psnr"])


@pytest.mark.slow
def test_networks_that_see_the_whole_image_are_scored_in_tiles(
    pairs, tmp_path, unsmear, save_network
):
    path = save_network("curve", said={"name": "mine"})
    scores = []
    for more in ((), ("--tile", "16"), ("--channels", "alone")):
        out = tmp_path / f"out_{len(scores)}"
        finished = unsmear("evaluate", pairs, "-o", out, "--method", path, *more)
        assert (finished.code, finished.err) == (0, "")
        own = [row for row in read(out / "summary.csv") if row["restorer"].startswith("mine")]
        scores.append((own[0]["restorer"], float(own[0]["psnr"])))
    assert [name for name, _ in scores] == ["mine", "mine", "mine, channels alone"]
    for _, psnr in scores:  # it is in truth local, and does the same to every channel
        assert psnr == pytest.approx(scores[0][1], abs=0.01)


def test_channels_need_a_network(pairs, tmp_path, unsmear):
    given = ("--method", "wiener", "--channels", "groups")
    finished = unsmear("evaluate", pairs, "-o", tmp_path / "out", *given)
    assert finished.code == 1
    sentence = "unsmear: channels must come with a trained network, got groups for wiener."
    assert finished.err.startswith(sentence)


def test_weights_that_cannot_restore_are_refused_at_once(pairs, tmp_path, unsmear, save_network):
    path = save_network("silent")
    finished = unsmear("evaluate", pairs, "-o", tmp_path / "out", "--method", path)
    assert finished.code == 1
    assert finished.err.startswith("unsmear: best: the network silent must have the attributes")
    assert finished.err.count("\n") == 1


@pytest.mark.parametrize("name", ["summary.md", "scores.csv"])
def test_a_file_of_another_origin_is_not_replaced(name, pairs, tmp_path, unsmear):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("my notes")
    done = unsmear("evaluate", pairs, "-o", tmp_path / "mine", "--method", "wiener", "--no-grid")
    assert done.code == 1
    assert f"got one with {name} of another origin." in done.err
    assert (tmp_path / "mine" / name).read_text() == "my notes"


WIENER = ("--method", "wiener", "--kernel", "true", "--no-grid")


def stopped_after(count, monkeypatch):
    """Make the evaluation stop, as by Ctrl-C, after so many pairs; return their names."""
    score, names = evaluate.score_case, []

    def attempt(case, *args, **kwargs):
        if len(names) == count:
            raise KeyboardInterrupt
        names.append(case.name)
        return score(case, *args, **kwargs)

    monkeypatch.setattr(evaluate, "score_case", attempt)
    return names


def test_an_evaluation_that_was_stopped_goes_on_to_the_same_bytes(
    pairs, tmp_path, unsmear, monkeypatch
):
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert unsmear("evaluate", pairs, "-o", whole, *WIENER).code == 0
    with monkeypatch.context() as patch:
        stopped_after(2, patch)
        stopped = unsmear("evaluate", pairs, "-o", out, *WIENER)
    assert stopped.code == 130
    assert "2 pairs are on record; the same command goes on." in stopped.err
    assert [path.name for path in out.iterdir()] == [journal_of(out).name]
    with monkeypatch.context() as patch:
        scored = stopped_after(9, patch)
        resumed = unsmear("evaluate", pairs, "-o", out, *WIENER)
    assert (resumed.code, scored) == (0, ["cell_2", "cell_3"])
    assert "2 of 4 pairs were scored before and are not scored again." in resumed.out
    for name in FILES:
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}


def journal_of(out):
    (path,) = out.glob(".scored-*.jsonl")
    return path


@pytest.mark.parametrize("words", [("--data-range", "300"), ("--method", "wiener-local")])
def test_scores_of_other_options_are_not_used_and_not_lost(
    words, pairs, tmp_path, unsmear, monkeypatch
):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        stopped_after(3, patch)
        unsmear("evaluate", pairs, "-o", out, *WIENER)
    with monkeypatch.context() as patch:
        scored = stopped_after(1, patch)
        unsmear("evaluate", pairs, "-o", out, *WIENER, *words)
    assert scored == ["cell_0"]
    scored = stopped_after(9, monkeypatch)
    assert unsmear("evaluate", pairs, "-o", out, *WIENER).code == 0
    assert scored == ["cell_3"]
    assert not list(out.glob(".scored*"))


def test_a_pair_whose_file_changed_is_scored_again(pairs, tmp_path, unsmear, monkeypatch):
    with monkeypatch.context() as patch:
        stopped_after(3, patch)
        unsmear("evaluate", pairs, "-o", tmp_path / "out", *WIENER)
    os.utime(pairs / "blur/cell_1.png", (1, 1))
    os.utime(pairs / "manifest.csv", (1, 1))  # as preparing again does, which writes the same
    scored = stopped_after(9, monkeypatch)
    assert unsmear("evaluate", pairs, "-o", tmp_path / "out", *WIENER).code == 0
    assert scored == ["cell_1", "cell_3"]


@pytest.mark.parametrize("damage", ["}", '{"pair": "cell_0", "rows": [{"psnr": [1]}]}', "[]"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_damaged_is_scored_again(damage, place, pairs, tmp_path, unsmear, monkeypatch):
    """Once: the record is mended."""
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        stopped_after(3, patch)
        unsmear("evaluate", pairs, "-o", out, *WIENER)
    lines = journal_of(out).read_text().splitlines()
    lines[place] = damage
    journal_of(out).write_text("\n".join(lines) + "\n")
    left = [f"cell_{number}" for number in range(max(0, place - 1), 4)]
    for names in (left[:1], left[1:]):
        with monkeypatch.context() as patch:
            scored = stopped_after(len(names) if names == left[:1] else 9, patch)
            unsmear("evaluate", pairs, "-o", out, *WIENER)
        assert scored == names
    assert not list(out.glob(".scored*"))


def test_only_pairs_that_failed_are_scored_again(pairs, tmp_path, unsmear, monkeypatch):
    out, whole = tmp_path / "out", (pairs / "blur/cell_1.png").read_bytes()
    (pairs / "blur/cell_1.png").write_bytes(whole[:60] + bytes(len(whole) - 60))
    assert unsmear("evaluate", pairs, "-o", out, *WIENER).code == 1
    (pairs / "blur/cell_1.png").write_bytes(whole)
    scored = stopped_after(9, monkeypatch)
    (out / ".scored-notes___.jsonl").write_text("mine")
    assert unsmear("evaluate", pairs, "-o", out, *WIENER).code == 0
    assert scored == ["cell_1"]
    assert [path.name for path in out.glob(".scored*")] == [".scored-notes___.jsonl"]


def test_chunks_and_archives_are_known_again(tmp_path):
    chunk = tmp_path / "a.zarr/0/c/0"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"1")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.png", b"2")
    member = zipfile.Path(tmp_path / "a.zip", "b.png")
    before = [finished._stamps(one) for one in (tmp_path / "a.zarr", member)]
    chunk.write_bytes(b"12")
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("c.png", b"3")
    after = [finished._stamps(one) for one in (tmp_path / "a.zarr", member)]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_two_evaluations_do_not_share_a_folder(pairs, tmp_path, unsmear):
    with lease.holding(tmp_path / "out/.scored.lease", tmp_path / "out"):
        refused = unsmear("evaluate", pairs, "-o", tmp_path / "out", *WIENER)
    assert refused.code == 1
    assert "another run writes its results here" in refused.err


def test_nothing_is_left_where_nothing_is_scored(pairs, tmp_path, unsmear):
    for file in (pairs / "blur").iterdir():
        file.write_bytes(b"no image")
    assert unsmear("evaluate", pairs, "-o", tmp_path / "a/out", *WIENER).code == 1
    assert not (tmp_path / "a").exists()
