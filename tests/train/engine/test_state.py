"""The state of a run on a disk that fills: a sentence, and the state of before stays."""

import resource
from contextlib import contextmanager

import pytest
import torch

from unsmear.errors import ImageError
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
