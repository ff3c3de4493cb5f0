"""The state of a run: on a disk that fills the state of before stays; a damaged one is refused."""

import resource
import warnings
import zipfile
from contextlib import contextmanager

import pytest
import torch

from unsmear.errors import ImageError, TrainingError
from unsmear.train.engine import state
from unsmear.train.engine.loop import State


@contextmanager
def room_for(size):
    """Let no file of this process grow beyond a size, bytes, as on a disk that fills."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 100, 3000, 60_000])
def test_a_disk_that_fills_leaves_the_state_of_before(tmp_path, room):
    network = torch.nn.Linear(120, 120)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    parts = {"main": network}, {"main": optimiser}
    state.save(tmp_path, State(step=1), *parts)
    written = (tmp_path / state.FILE).read_bytes()
    assert len(written) > 60_000
    with room_for(room), pytest.raises(ImageError) as full:
        state.save(tmp_path, State(step=2), *parts)
    assert str(full.value) == "state.pt: the file cannot be written (File too large)."
    assert [path.name for path in tmp_path.iterdir()] == [state.FILE]
    assert (tmp_path / state.FILE).read_bytes() == written
    assert state.load(tmp_path, *parts).step == 1


@pytest.mark.parametrize(
    "changed",
    [{"step": "x"}, {"step": 1.5}, {"step": None}, {"step": -1}, {"scores": {"psnr": "x"}},
     {"best": []}, {"sums": 3}, {"stpe": 1}, {"step": "3"}, {"step": True}, {"best": "nan"},
     {"seconds": True}, {"noted": -1}, {"scores": {"psnr": "30"}}],
)  # fmt: skip
def test_a_state_of_other_values_is_refused(tmp_path, changed):
    parts = saved(tmp_path)
    held = torch.load(tmp_path / state.FILE, weights_only=True)
    held["state"] |= changed
    torch.save(held, tmp_path / state.FILE)
    with pytest.raises(
        TrainingError, match=r"state\.pt: the state is damaged or not of this run's"
    ):
        state.load(tmp_path, *parts)


def test_a_whole_number_is_a_float_too(tmp_path):
    parts = saved(
        tmp_path, State(step=1, best=30, plateau=1, scores={"psnr": 30}, sums={"loss": 0})
    )
    assert state.load(tmp_path, *parts).scores == {"psnr": 30.0}


def test_a_program_of_another_protocol_is_no_warning(tmp_path):
    """torch warns of every protocol but its own."""
    parts = saved(tmp_path)
    with zipfile.ZipFile(tmp_path / state.FILE) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / state.FILE, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(b"\x80\x02", b"\x80\x04", 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert state.load(tmp_path, *parts).step == 1


def saved(folder, of=None):
    """Save a state of a small network; return networks and optimisers."""
    network = torch.nn.Linear(3, 3)
    parts = {"main": network}, {"main": torch.optim.SGD(network.parameters(), lr=0.1)}
    state.save(folder, of or State(step=1), *parts)
    return parts
