"""Runs: what they write, how they end, and that a kill changes nothing."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.killer import KilledError, Killer
from unsmear import images, processes
from unsmear.blur import Motion, convolve
from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError, TrainingError
from unsmear.images import Image
from unsmear.train import run as runs
from unsmear.train.config import options
from unsmear.train.engine import folder as folders
from unsmear.train.run import Callback, train

SMALL = ["--options.filters", "4", "6"]
TINY = [
    *("--data.size", "16", "--data.batch", "2", "--data.workers", "0"),
    *("--stop.steps", "9", "--log.validate-every", "3", "--log.every", "2", "--data.epoch", "12"),
    *("--log.tensorboard", "false"),
]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Return a folder of twelve small pairs, two of them for validation."""
    folder = tmp_path_factory.mktemp("pairs")
    generator = np.random.default_rng(0)
    lines = ["name,source,split,group,labels,blur,seed"]
    for index in range(12):
        sharp = generator.integers(0, 256, (3, 24, 24)).astype(np.float32)
        blurred = convolve(sharp, Motion(3, 30).kernel())
        for side, planes in (("sharp", sharp), ("blur", blurred)):
            pixels = np.rint(planes).astype(np.uint8)
            images.write(folder / side / f"{index}.png", Image(pixels, "CYX"))
        split = "val" if index > 9 else "train"
        blur = '"{""family"": ""motion"", ""length"": 3, ""angle"": 30}"'
        lines.append(f"{index}.png,{index},{split},{index},,{blur},0")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def run_of(pairs, *more):
    words = [*TINY, *SMALL, "--data.pairs", str(pairs), *more]
    return options.resolve("dcae", None, words)


def weights(folder, name="last"):
    return (folder / f"{name}.safetensors").read_bytes()


def rows(path):
    with path.open() as lines:
        return list(csv.DictReader(lines))


@pytest.mark.slow
def test_a_run_leaves_all_that_is_needed_to_use_and_to_repeat_it(pairs, tmp_path):
    folder = tmp_path / "run"
    summary = train(run_of(pairs), folder)
    assert (summary.reason, summary.step) == ("steps", 9)
    assert summary.samples_per_second <= summary.samples_per_second_alone
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    assert len(environment["data"]["hash"]) == 64
    assert [int(row["step"]) for row in rows(folder / "log.csv")] == [2, 4, 6, 8, 9]
    assert [int(row["step"]) for row in rows(folder / "validation.csv")] == [3, 6, 9]
    assert len(list((folder / "samples").glob("*.png"))) == 3
    best = checkpoint.load(folder / "best")
    assert (best.network, best.card["step"]) == ("dcae", summary.best_step)
    assert best.card["scores"]["psnr"] == pytest.approx(summary.best, abs=1e-4)
    again = options.resolve("dcae", folder / "run.toml")
    assert again == run_of(pairs)
    assert not list(folder.rglob("*.part"))


GAN = [
    *("--options.filters", "4", "--options.blocks", "1", "--data.size", "32"),
    *("--adversarial.loss", "wasserstein", "--adversarial.filters", "4"),
    *("--adversarial.critic_steps", "2", "--optimiser.accumulate", "2", "--stop.steps", "6"),
]
DROPOUT = ["--options.dropout", "0.3", "--schedule.name", "plateau", "--augment.zoom=[1,2]"]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "more"), [("dcae", DROPOUT), ("gan", GAN)])
def test_a_run_killed_between_any_two_steps_ends_as_one_that_was_not(
    pairs, sharp, tmp_path, model, more
):
    if model == "dcae":
        run = run_of(pairs, *more)
    else:
        run = options.resolve(model, None, [*TINY, *more, "--data.sharp", str(sharp)])
    train(run, tmp_path / "whole")
    for at in (1, 2, 4, 5):
        with pytest.raises(KilledError):
            train(run, tmp_path / "cut", Killer(at))
    assert train(run, tmp_path / "cut").reason == "steps"
    for name in ("last", "best"):
        assert weights(tmp_path / "cut", name) == weights(tmp_path / "whole", name)
    for name in ("log.csv", "validation.csv"):
        drop = ("seconds",)
        first, second = (
            [{k: v for k, v in row.items() if k not in drop} for row in rows(tmp_path / f / name)]
            for f in ("cut", "whole")
        )
        assert first == second


@pytest.fixture(scope="module")
def sharp(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharp")
    generator = np.random.default_rng(1)
    for index in range(3):
        pixels = generator.integers(0, 256, (3, 96, 96)).astype(np.uint8)
        images.write(folder / f"{index}.png", Image(pixels, "CYX"))
    return folder


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing(pairs, tmp_path):
    words = [*TINY, *SMALL, "--stop.steps", "60", "--log.validate-every", "7"]
    words += ["--data.pairs", str(pairs)]

    def start(folder, workers):
        command = [sys.executable, "-c", "from unsmear.cli import main; main()", "train", "dcae"]
        command += [*words, "--data.workers", workers, "--output", str(folder)]
        return subprocess.Popen(
            command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    cut, whole = tmp_path / "cut", tmp_path / "whole"
    kills = 0
    for wait, workers in ((0.0, "1"), (0.13, "0")):
        process = start(cut, workers)
        before = (cut / "state.pt").stat().st_mtime_ns if (cut / "state.pt").exists() else 0
        limit = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < limit:
            if (cut / "state.pt").exists() and (cut / "state.pt").stat().st_mtime_ns > before:
                break
            time.sleep(0.002)
        time.sleep(wait)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills, "the run was over before it could be killed"
    run = options.resolve("dcae", None, words)
    for folder in (cut, whole):
        assert train(run, folder).reason == "steps"
    for name in ("last", "best"):
        assert weights(cut, name) == weights(whole, name)


@pytest.mark.slow
def test_ctrl_c_on_the_last_step_is_too_late(pairs, tmp_path):
    class Interrupter(Callback):
        def step(self, step):
            if step.number == 8:
                os.kill(os.getpid(), signal.SIGINT)

    summary = train(run_of(pairs, "--stop.steps", "8"), tmp_path, Interrupter())
    assert summary.reason == "steps"
    assert checkpoint.load(tmp_path / "last").card["step"] == 8


@pytest.mark.parametrize("at", [3, 4])  # with a validation, and without
@pytest.mark.slow
def test_ctrl_c_saves_and_leaves(pairs, tmp_path, at):
    class Interrupter(Callback):
        def step(self, step):
            if step.number == at:
                os.kill(os.getpid(), signal.SIGINT)

    summary = train(run_of(pairs), tmp_path / "cut", Interrupter())
    assert (summary.reason, summary.step) == ("stopped", at)
    train(run_of(pairs), tmp_path / "cut")
    train(run_of(pairs), tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    cut, whole = (tmp_path / name / "validation.csv" for name in ("cut", "whole"))
    assert cut.read_text() == whole.read_text()


@pytest.mark.slow
def test_weights_that_a_kill_left_half_done_are_written_again(pairs, tmp_path):
    run = run_of(pairs, "--stop.steps", "3")
    train(run, tmp_path)
    for name in ("best", "last"):
        before = weights(tmp_path, name)
        (tmp_path / f"{name}.safetensors").write_bytes(b"half")
        train(run, tmp_path)
        assert weights(tmp_path, name) == before
        assert checkpoint.load(tmp_path / name).card["step"] == 3


def test_a_loss_that_is_no_number_names_step_and_batch_and_keeps_the_last_good_state(
    pairs, tmp_path
):
    wild = ["--optimiser.name", "sgd", "--optimiser.rate", "300", "--loss.l2", "1"]
    wild += ["--schedule.warm", "0", "--optimiser.clip", "none", "--stop.steps", "500"]
    wild += ["--options.residual=false"]
    with pytest.raises(TrainingError, match=r"^step \d+, (batch \d+|validation): the loss"):
        train(run_of(pairs, *wild, "--log.validate-every", "2"), tmp_path)
    saved = checkpoint.load(tmp_path / "last")
    assert all(torch.isfinite(tensor).all() for tensor in saved.tensors.values())
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["state"]["step"] == saved.card["step"] > 0


def test_a_batch_without_numbers_is_named(pairs, tmp_path, monkeypatch):
    dark = torch.full((2, 3, 16, 16), torch.nan)
    monkeypatch.setattr(
        "unsmear.train.run.Augmentation",
        lambda config, seed: (
            lambda batch, number: replace(batch, sharp=dark) if number == 3 else batch
        ),
    )
    sentence = "^step 4, batch 3: the loss 'charbonnier' must be finite, got nan.$"
    with pytest.raises(TrainingError, match=sentence):
        train(run_of(pairs), tmp_path)
    assert checkpoint.load(tmp_path / "last").card["step"] == 3


def test_memory_that_runs_out_says_what_to_lower(pairs, tmp_path):
    class Full(Callback):
        def step(self, step):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    with pytest.raises(TrainingError, match=r"lower data.batch \(now 2;.*data.size \(now 16\)"):
        train(run_of(pairs), tmp_path, Full())


@pytest.mark.slow
def test_early_stopping_and_the_plateau(pairs, tmp_path):
    still = ["--optimiser.rate", "1e-12", "--stop.steps", "60", "--stop.monitor", "loss"]
    plateau = ["--schedule.name", "plateau", "--schedule.patience", "2", "--schedule.warm", "0"]
    # A copy of the image's own loss cannot get better: the rate is next to nothing.
    summary = train(run_of(pairs, *still, *plateau, "--stop.patience", "4"), tmp_path)
    assert summary.reason == "patience"
    assert summary.step == summary.best_step + 4 * 3
    rates = [float(row["rate"]) for row in rows(tmp_path / "log.csv")]
    assert rates[0] == pytest.approx(1e-12)
    assert rates[-1] == pytest.approx(5e-13)
    assert train(run_of(pairs, *still, *plateau, "--stop.patience", "4"), tmp_path) == summary


@pytest.mark.slow
def test_a_folder_holds_one_run(pairs, tmp_path):
    train(run_of(pairs), tmp_path / "run")
    with pytest.raises(OptionError, match=r"differs in optimiser.rate, seed\.$"):
        train(run_of(pairs, "--seed", "1", "--optimiser.rate", "1"), tmp_path / "run")
    longer = train(run_of(pairs, "--stop.steps", "12"), tmp_path / "run")
    assert longer.step == 12
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(OptionError, match="got other files"):
        train(run_of(pairs), tmp_path / "other")


@pytest.mark.slow
def test_two_processes_do_not_train_in_one_folder(pairs, tmp_path):
    """What a dead process holds keeps nobody out, and a search keeps others out by itself."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / ".run.lease").write_text(f"{processes.machine()} {gone.pid} x")
    refused = []

    class Second(Callback):
        def step(self, step):
            with pytest.raises(OptionError, match="another run writes its results here; wait"):
                train(run_of(pairs), tmp_path)
            refused.append(step.number)

    short = run_of(pairs, "--stop.steps", "2")
    train(short, tmp_path, Second())
    assert refused == [1, 2]
    assert [int(row["step"]) for row in rows(tmp_path / "log.csv")] == [2]
    assert not list(tmp_path.glob(".run.*"))
    with folders.holding(tmp_path):
        assert train(short, tmp_path, held=True).step == 2


@pytest.mark.slow
def test_a_run_goes_on_with_its_own_data_only(sharp, tmp_path):
    folder = tmp_path / "sharp"
    shutil.copytree(sharp, folder)
    words = [*TINY, *SMALL, "--data.sharp", str(folder)]
    train(options.resolve("dcae", None, words), tmp_path / "run")
    train(options.resolve("dcae", None, [*words, "--stop.steps", "10"]), tmp_path / "run")
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert len(environment["again"]) == 1
    (folder / "0.png").unlink()
    with pytest.raises(OptionError, match="the data must be those that the run began with"):
        train(options.resolve("dcae", None, [*words, "--stop.steps", "11"]), tmp_path / "run")


@pytest.mark.slow
def test_a_damaged_state_is_named(pairs, tmp_path):
    train(run_of(pairs), tmp_path)
    (tmp_path / "state.pt").write_bytes(b"nothing")
    with pytest.raises(
        TrainingError, match=r"state\.pt: the state is damaged or not of this run's"
    ):
        train(run_of(pairs), tmp_path)


def test_a_second_run_is_refused_before_it_opens_anything(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "open_task", None)
    with folders.holding(tmp_path), pytest.raises(OptionError, match="another run writes"):
        train(run_of(pairs), tmp_path)


def test_a_run_that_is_refused_leaves_no_folder(pairs, tmp_path):
    with pytest.raises(OptionError, match=r"data\.size must be"):
        train(run_of(pairs, "--data.size", "18"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_sizes_that_a_network_cannot_take_are_refused(pairs, tmp_path):
    with pytest.raises(OptionError, match=r"data\.size must be a multiple of 4 for dcae, got 18"):
        train(run_of(pairs, "--data.size", "18"), tmp_path)
    with pytest.raises(OptionError, match=r"data\.size must be 24 or more for a critic, got 16"):
        train(run_of(pairs, "--adversarial.loss", "paper"), tmp_path)


WRONG = """
from torch import nn

class Wrong(nn.Module):
    def __init__(self, *, stride: int = 4, padding: int = 1):
        super().__init__()
        self.channels, self.stride, self.halo, self.values = 3, stride, 9, (0.0, 1.0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 3, 3, padding=padding), nn.PixelUnshuffle(4), nn.PixelShuffle(4)
        )

    def forward(self, blurred):
        return self.layers(blurred)

NETWORKS = {"wrong": Wrong}
"""


@pytest.mark.slow
def test_a_network_that_does_not_keep_its_word_is_named(pairs, tmp_path, monkeypatch):
    (tmp_path / "wrong.py").write_text(WRONG)
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(tmp_path))
    words = [*TINY, "--data.pairs", str(pairs)]
    train(options.resolve("wrong", None, words), tmp_path / "right")
    strided = options.resolve("wrong", None, [*words, "--options.stride", "2"])
    with pytest.raises(
        OptionError, match=r"^wrong must accept images of the shape \(1, 3, 34, 34\); "
    ):
        train(strided, tmp_path / "run")
    small = options.resolve("wrong", None, [*words, "--options.padding", "3"])
    with pytest.raises(
        OptionError, match=r"must return images of the shape of its input, .* got \(1, 3, 40"
    ):
        train(small, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_with_twice_the_batch(pairs, tmp_path):
    shared = [
        *TINY,
        *SMALL,
        "--augment.flips=false",
        "--augment.rotations=false",
        "--stop.steps",
        "4",
    ]
    shared += ["--data.pairs", str(pairs), "--machine.accelerator", "cpu"]
    train(options.resolve("dcae", None, [*shared, "--data.batch", "4"]), tmp_path / "one")
    script = tmp_path / "train.py"
    script.write_text("from unsmear.cli import main; main()")
    command = [sys.executable, str(script), "train", "dcae", *shared, "--data.batch", "2"]
    done = subprocess.run(
        [*command, "--machine.devices", "2", "--output", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone, shared = (checkpoint.load(tmp_path / name / "last").tensors for name in ("one", "two"))
    for name in alone:
        torch.testing.assert_close(alone[name], shared[name], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dcae", "gan"])
def test_mixed_precision_trains(pairs, sharp, tmp_path, model):
    mixed = ["--machine.precision", "bf16-mixed", "--data.sharp", str(sharp)]
    more = SMALL if model == "dcae" else GAN
    assert train(options.resolve(model, None, [*TINY, *more, *mixed]), tmp_path).step >= 6


@pytest.mark.slow
def test_half_batches_accumulate_to_whole_ones(pairs, tmp_path):
    same = ["--augment.flips=false", "--augment.rotations=false"]
    for name, batch, parts in (("whole", "4", "1"), ("parts", "2", "2")):
        words = ["--data.batch", batch, "--optimiser.accumulate", parts, *same]
        train(run_of(pairs, *words, "--optimiser.name", "sgd"), tmp_path / name)
    whole, parts = (
        checkpoint.load(tmp_path / name / "last").tensors for name in ("whole", "parts")
    )
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], rtol=1e-4, atol=1e-6)


def test_time_ends_a_run_and_tensorboard_is_written(pairs, tmp_path):
    words = ["--stop.minutes", "1e-9", "--log.tensorboard", "true"]
    summary = train(run_of(pairs, *words), tmp_path)
    assert (summary.reason, summary.step) == ("minutes", 1)
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.slow
def test_the_card_holds_no_folders(pairs, tmp_path):
    train(run_of(pairs), tmp_path)
    assert str(pairs) not in (tmp_path / "best.json").read_text()
    assert checkpoint.load(tmp_path / "best").card["training"]["data"]["pairs"] == pairs.name
