"""The paper's experiment: a run of seconds from nothing to the page, and its parts."""

import csv
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from unsmear import images, models
from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.models.vgg import shapes, up_to

HERE = Path(__file__).parents[2] / "recipes" / "paper"


@pytest.fixture(autouse=True)
def _recipe(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """Return a file of VGG16's shapes with random weights, up to the paper's layer."""
    random = np.random.default_rng(0)
    arrays = {}
    for layer in up_to("block3_conv3"):
        for part, shape in shapes(layer).items():
            spread = math.sqrt(2 / math.prod(shape[1:])) if part == "weight" else 0.0
            name = "kernel" if part == "weight" else part
            arrays[f"{layer}/{name}"] = spread * random.standard_normal(shape, np.float32)
    path = tmp_path_factory.mktemp("vgg") / "random.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Return a folder as that of the real images: one group to train on, one to test on."""
    folder = tmp_path_factory.mktemp("real")
    random = np.random.default_rng(1)
    lines = ["file,group"]
    for number, group in enumerate(["plate_1", "plate_1", "plate_2", "nf1_F7", "sbs_D1"]):
        pixels = random.integers(0, 200, (40 + 50 * number, 80)).astype(np.uint8)
        images.write(folder / "cells" / f"{number}.png", Image(pixels, "YX"))
        lines.append(f"cells/{number}.png,{group}")
    (folder / "MANIFEST.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def maxim(tmp_path_factory):
    """Return weights that a MAXIM can be fine-tuned from."""
    options = {"features": 4, "stages": 1, "groups": 1, "bottlenecks": 1}
    path = tmp_path_factory.mktemp("maxim") / "begun"
    network = models.build("maxim", **options)
    full = models.options_of("maxim") | options
    checkpoint.save(path, network.state_dict(), {"network": "maxim", "options": full})
    return path


def words(output, page, vgg, real, *more):
    given = [HERE / "run.py", "--scale", "tiny", "--output", output, "--vgg", vgg, "--real", real]
    given += ["--page", page, "--page6", page.with_name("table6.md"), "--workers", "1"]
    return list(map(str, [*given, *more]))


@pytest.fixture
def go(run_here):
    """Return a function that runs the command in this process; it returns code, out and err."""
    return lambda *arguments: run_here(words(*arguments))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, vgg, real, maxim, quick_restoration):
    folder = tmp_path_factory.mktemp("paper")
    output, page = folder / "run", folder / "page" / "table.md"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words(output, page, vgg, real, "--maxim", maxim))
        patch.syspath_prepend(HERE)
        import labelled

        patch.setattr(labelled, "MOVING", labelled.MOVING[:2])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(sys.argv[0], run_name="__main__")
    assert ended.value.code == 0
    return output, page


@pytest.mark.slow
def test_one_command_goes_from_nothing_to_the_page(finished):
    output, page = finished
    from networks import BESIDE
    from scores import LABELS

    text = page.read_text()
    for name, label in LABELS.items():
        assert (f"| {label} |" in text) == (name not in BESIDE)
    assert "5.6402" in text
    assert "21.8703" in text
    assert "/begun`; as in the paper" in text
    assert "nan" not in text
    assert str(output) not in text
    for name in ("paper-fields.jpg", "paper-curves.png"):
        assert f"pictures/{name}" in text
        assert 5_000 < (page.parent / "pictures" / name).stat().st_size < 400_000


@pytest.mark.slow
def test_the_same_command_asks_what_a_classifier_finds(finished):
    output, page = finished
    text = page.with_name("table6.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    names = [line.split("|")[1].strip() for line in lines]
    assert names[1:3] == ["sharp", "blurred"]
    from scores import FIRST, LABELS

    for restorer in FIRST:
        assert LABELS[restorer] in names
    assert "58.75" in text
    assert "-22.1" in text
    assert "Straight motions" in text
    assert str(output) not in text
    both = (output / "paper.html").read_text()
    assert "Table VI" in both
    assert "http" not in both.replace("http://www.w3.org", "")
    assert (output / "labelled" / "answers-motion" / "answers.jsonl").exists()


@pytest.mark.slow
def test_groups_that_are_kept_for_tests_are_only_tested_on(finished):
    output, _ = finished
    with (output / "pairs" / "manifest.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    splits = {row["group"]: row["split"] for row in rows if row["group"].startswith("real:")}
    assert splits["real:nf1_F7"] == "test"
    assert {splits["real:plate_1"], splits["real:plate_2"]} <= {"train", "val"}
    assert "real:sbs_D1" not in splits  # what thresholds are set with
    drawn = [row["split"] for row in rows if not row["group"].startswith("real:")]
    assert drawn.count("test") == 2
    assert len(drawn) == 10


@pytest.mark.slow
def test_what_is_finished_is_not_done_again(finished, go, vgg, real):
    output, page = finished
    before = {path: path.stat().st_mtime_ns for path in output.glob("*/*.safetensors")}
    written = page.stat().st_mtime_ns
    code, out, err = go(output, page, vgg, real, "--only", "dcae,gan-printed")
    assert code == 0, err
    assert "dcae: finished before." in out
    assert "gan-corrected" not in out
    assert before == {path: path.stat().st_mtime_ns for path in output.glob("*/*.safetensors")}
    assert page.stat().st_mtime_ns == written


@pytest.mark.slow
def test_an_unknown_network_is_a_sentence(go, tmp_path, vgg, real):
    code, _, err = go(tmp_path / "run", tmp_path / "page.md", vgg, real, "--only", "dcaf")
    assert code == 1
    assert "must name some of dcae, gan" in err
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()


def test_the_files_state_the_papers_settings():
    import networks
    from scales import SCALES

    dcae, gan, printed, maxim = (
        networks.configure(name, SCALES["full"], Path("pairs"), None, None)
        for name in networks.PAPERS
    )
    for run in (dcae, gan, printed, maxim):
        weights = run.loss.model_dump(exclude={"outputs"})
        assert [name for name, weight in weights.items() if weight] == ["perceptual"]
        assert run.data.size == 256
        assert not run.options
        assert run.loss.outputs == "last"
        assert run.stop.minutes is None
        assert not run.augment.flips
        assert not run.augment.rotations
        assert run.perceptual.layer == "block3_conv3"
        assert run.optimiser.name == "adam"
    assert (dcae.data.batch, dcae.optimiser.rate, dcae.stop.epochs) == (32, 1e-3, 100)
    assert (maxim.data.batch, maxim.optimiser.rate, maxim.stop.epochs) == (32, 1e-3, 18)
    assert (maxim.start, maxim.freeze) == ("maxim-s3-reds", "paper")
    assert maxim.stop.patience is not None
    for run, loss in ((gan, "wasserstein"), (printed, "paper")):
        assert (run.data.batch, run.optimiser.rate, run.stop.epochs) == (1, 1e-4, 5)
        assert run.adversarial.loss == loss
        assert run.loss.perceptual / run.adversarial.weight == 100
    both = [run.model_dump(exclude={"adversarial": {"loss"}}) for run in (gan, printed)]
    assert both[0] == both[1]


@pytest.mark.parametrize("scale", ["full", "small", "tiny"])
@pytest.mark.slow
def test_every_network_can_be_built_at_every_scale(scale):
    import networks
    from scales import SCALES

    for name in networks.EVERY:
        run = networks.configure(name, SCALES[scale], Path("pairs"), None, 2.0)
        assert run.stop.minutes == 2.0
        models.check_options(run.model, run.options)


def test_no_more_networks_than_files():
    import networks

    assert {path.stem for path in HERE.glob("*.toml")} == set(networks.EVERY)
    with pytest.raises(OptionError, match="gan-printed"):
        networks.chosen("gan,nothing")


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_grid_stands_out_at_its_own_period_alone(period):
    import diagnoses

    random = np.random.default_rng(2)
    plain = random.random((3, 128, 128)).astype(np.float32)
    grid = np.zeros((128, 128), np.float32)
    grid[::period, ::period] = 2
    marked = plain + grid
    assert abs(diagnoses.grid_power(plain, period)) < 5
    assert diagnoses.grid_power(marked, period) > 15
    for coarser in (4, 8):
        if coarser > period:
            assert abs(diagnoses.grid_power(marked, coarser)) < 5


def test_errors_of_brightness_are_low_and_those_of_a_board_are_not():
    import diagnoses

    sharp = np.full((1, 64, 64), 0.5, np.float32)
    dark = diagnoses.diagnose(sharp, sharp * 0.72, None)
    assert dark.low == pytest.approx(1, abs=1e-4)
    assert dark.brightness == pytest.approx(0.72, abs=1e-4)
    assert dark.psnr == pytest.approx(-20 * math.log10(0.5 * 0.28), abs=1e-3)
    board = (np.indices((64, 64)).sum(axis=0) % 2 - 0.5).astype(np.float32) / 10
    assert diagnoses.diagnose(sharp, sharp + board, None).low < 1e-3
    assert diagnoses.diagnose(sharp, sharp, None).low is None


@pytest.mark.slow
def test_batch_statistics_are_those_of_the_image_at_hand(tmp_path):
    import torch

    import diagnoses

    torch.manual_seed(0)
    options = {"filters": 4, "blocks": 1, "dropout": 0.0}
    network = models.build("gan", **options)
    card = {"network": "gan", "options": options, "scaling": {"values": [-1, 1]}}
    checkpoint.save(tmp_path / "best", network.state_dict(), card)
    blurred = np.random.default_rng(3).random((1, 3, 32, 32)).astype(np.float32)
    restorer = diagnoses.batch_statistics(tmp_path / "best", "gan, batch").fit(blurred, None)
    with torch.no_grad():
        wanted = (network.train()(torch.from_numpy(2 * blurred - 1)) + 1) / 2
        moving = (network.eval()(torch.from_numpy(2 * blurred - 1)) + 1) / 2
    np.testing.assert_allclose(restorer.restore(blurred), wanted.numpy(), atol=1e-5)
    assert float((wanted - moving).abs().max()) > 1e-2
    grey = np.ascontiguousarray(blurred[:, :1])
    alone = diagnoses.batch_statistics(tmp_path / "best", "gan, batch").fit(grey, None)
    assert alone.restore(grey).shape == grey.shape
