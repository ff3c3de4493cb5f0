"""The loader: one stream for any number of workers, ranks and starts; it ends when told to."""

import gc
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from unsmear import images
from unsmear.errors import DataError, ImageError, OptionError
from unsmear.images import Image
from unsmear.train.config.restorer import Data
from unsmear.train.data import loader
from unsmear.train.data.dataset import Batch
from unsmear.train.data.loader import batches
from unsmear.train.data.restoration import open_training


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (3, 40, 40), np.uint8)
        images.write(tmp_path / f"c{number}.png", Image(noise, "CYX"))
    return tmp_path


def dataset(folder, **options):
    options = {"size": 24, "epoch": 10, "photons": (50, 500)} | options
    return open_training(Data(sharp=(str(folder),), **options), 3, 3)


def taken(count, *arguments, **options):
    stream = batches(*arguments, **options)
    try:
        return list(itertools.islice(stream, count))
    finally:
        stream.close()


def alike(left, right):
    return torch.equal(left.blurred, right.blurred) and torch.equal(left.sharp, right.sharp)


def children():
    """Return the ids of the processes below this one, as the system counts them, any deep."""
    descendants, below = [], {os.getpid()}
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[0] != "Z":
            parents[int(status.parent.name)] = int(words[1])
    while below:
        below = {pid for pid, parent in parents.items() if parent in below}
        descendants += below
    return set(descendants)


EARLIER = set()
"""Processes that other modules keep, such as the workers that tests of commands share."""


@pytest.fixture(autouse=True)
def _earlier():
    EARLIER.clear()
    EARLIER.update(working())


def working():
    """Return the ids of the loader's workers that this test has started."""
    return {pid for pid in children() if "spawn_main" in command(pid)} - EARLIER


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def wait_until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return bool(true())


@pytest.mark.slow
def test_workers_change_nothing_and_neither_does_a_start_in_the_middle(folder):
    expected = taken(7, dataset(folder), batch=4)
    loaded = taken(7, dataset(folder), batch=4, workers=2)
    assert sys.platform != "linux" or wait_until(lambda: not working())
    assert [batch.number for batch in loaded] == list(range(7))
    assert all(map(alike, expected, loaded))
    assert not alike(expected[0], expected[1])
    for workers in (0, 1):
        resumed = taken(3, dataset(folder), start=4, batch=4, workers=workers)
        assert all(map(alike, expected[4:], resumed))


def test_ranks_share_one_stream(folder):
    whole = taken(6, dataset(folder), batch=2)
    ranks = [taken(3, dataset(folder), batch=2, rank=rank, world=2) for rank in (0, 1)]
    dealt = [batch for both in zip(*ranks, strict=True) for batch in both]
    assert [batch.number for batch in dealt] == list(range(6))
    assert all(map(alike, whole, dealt))


def test_an_epoch_takes_each_sample_once_in_an_order_of_its_own(folder):
    drawn = []

    class Recorded:
        seed, conserves_flux, make_batch = 3, True, Batch

        def __len__(self):
            return 10

        def draw(self, epoch, index):
            drawn.append((epoch, index))
            return dataset(folder).draw(epoch, index)

        def describe(self):
            return {}

    taken(5, Recorded(), batch=4)
    orders = [[index for epoch, index in drawn if epoch == e] for e in (0, 1)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] != orders[1]
    assert [epoch for epoch, _ in drawn] == [0] * 10 + [1] * 10


def test_a_batch_is_floats_on_the_device(folder):
    (batch,) = taken(1, dataset(folder), batch=2, device=torch.device("cpu"))
    assert batch.blurred.shape == batch.sharp.shape == (2, 3, 24, 24)
    assert batch.blurred.dtype == batch.sharp.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_arrives_as_its_own_sentence_when_its_batch_is_due(folder, workers):
    (folder / "c1.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    samples = dataset(folder, epoch=1000)
    stream = batches(samples, batch=1, workers=workers)
    good = 0
    try:
        for _ in stream:
            good += 1
    except ImageError as error:
        sentence = str(error)
    assert sentence.startswith("c1.png: ")
    assert "\n" not in sentence
    bad = next(n for n in range(100) if not drawable(samples, n))
    assert good == bad


def drawable(samples, number):
    try:
        return bool(loader.draw(samples, number))
    except ImageError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
def test_closing_ends_the_workers_at_once(folder):
    stream = batches(dataset(folder), batch=2, workers=1)
    next(stream)
    assert len(working()) == 1
    stream.close()
    assert wait_until(lambda: not working())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
def test_leaving_a_loop_by_an_error_ends_the_workers(folder):
    def train():
        for _ in batches(dataset(folder), batch=2, workers=1):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    gc.collect()
    assert wait_until(lambda: not working())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
def test_a_killed_worker_is_a_sentence(folder):
    stream = batches(dataset(folder), batch=2, workers=1)
    next(stream)
    (worker,) = working()
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(DataError, match=r"must stay alive.*lower data\.workers\.$"):
        list(itertools.islice(stream, 50))


TRAINING = """
if __name__ == "__main__":
    import sys, time
    from unsmear.train.config.restorer import Data
    from unsmear.train.data.loader import batches
    from unsmear.train.data.restoration import open_training
    data = Data(sharp=(sys.argv[1],), size=24, epoch=10)
    stream = batches(open_training(data, 0, 3), batch=2, workers=int(sys.argv[2]))
    try:
        for batch in stream:
            print(batch.number, flush=True)
            time.sleep(0.02)
    except KeyboardInterrupt:
        print("saved", flush=True)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "training.py"
    path.write_text(TRAINING)
    return path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
@pytest.mark.parametrize(("how", "workers"), [(signal.SIGINT, 2), (signal.SIGKILL, 1)])
def test_no_worker_outlives_the_training(folder, script, how, workers):
    """Ctrl-C reaches the whole process group, as from a terminal; kill -9 only the training."""
    with subprocess.Popen(
        [sys.executable, str(script), str(folder), str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as training:
        for _ in range(3):
            assert training.stdout.readline()
        group = [pid for pid in children() if in_group(pid, training.pid)]
        assert sum("spawn_main" in command(pid) for pid in group) == workers
        (os.killpg if how == signal.SIGINT else os.kill)(training.pid, how)
        output, complained = training.communicate(timeout=60)
    if how == signal.SIGINT:
        assert output.endswith("saved\n")
        assert complained == ""
    assert wait_until(lambda: not any("python" in command(pid) for pid in group), 60)


def in_group(pid, group):
    try:
        return os.getpgid(pid) == group
    except OSError:
        return False


@pytest.mark.parametrize(
    "wrong", [{"start": -1}, {"batch": 0}, {"rank": 1}, {"workers": -1}, {"rank": 2, "world": 2}]
)
def test_numbers_out_of_range_are_refused_at_once(folder, wrong):
    with pytest.raises(OptionError, match="must be"):
        batches(dataset(folder), **({"batch": 1} | wrong))
