"""A run's state on disk: all that it needs to go on as if it had never stopped.

`state.pt` is written aside and renamed, so it is always whole. `best` and `last`, the weights for
users, follow it: what a kill leaves undone there, the next start makes good from `state.pt`.
Weights that are not finite are never saved over those that are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from unsmear.errors import TrainingError
from unsmear.train.engine.learner import plain
from unsmear.train.engine.loop import State

FILE = "state.pt"


def save(
    folder: Path,
    state: State,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> None:
    """Write the state, whole or not at all; raises TrainingError for weights not finite."""
    for name, network in networks.items():
        if not all(one.isfinite().all() for one in plain(network).parameters()):
            raise TrainingError(
                f"step {state.step}: the weights of the {name} must be finite; the last good "
                "checkpoint is kept."
            )
    parts = {
        "state": asdict(state),
        "networks": {name: plain(one).state_dict() for name, one in networks.items()},
        "optimisers": {name: one.state_dict() for name, one in optimisers.items()},
    }
    aside = folder / f"{FILE}.part"
    with aside.open("wb") as file:
        torch.save(parts, file)
        file.flush()
        os.fsync(file.fileno())  # a machine that stops must not leave an empty file
    aside.replace(folder / FILE)


def load(
    folder: Path,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> State:
    """Take up the state of a folder, and return it; a new one where there is none.

    Raises TrainingError for a state that is damaged or of other networks.
    """
    path = folder / FILE
    if not path.exists():
        return State()
    try:
        # To the processor first: an optimiser's counters belong there, and it moves the rest.
        parts: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        for name, network in networks.items():
            plain(network).load_state_dict(parts["networks"][name])
            optimisers[name].load_state_dict(parts["optimisers"][name])
        return State(**parts["state"])
    except Exception as error:  # torch raises what it likes for a damaged file
        said = " ".join(str(error).split())[:200]
        raise TrainingError(f"{path}: the state must be one of this run's; {said}") from error
