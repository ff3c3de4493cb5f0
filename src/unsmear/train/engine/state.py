"""State of a run on disk, from which the run can be continued as if it had never stopped.

`state.pt` is written to another name and renamed, so it is always complete. The exported weights,
`best` and `last`, are written after it; if a kill prevents that, the next start exports them from
`state.pt`. Weights that are not finite never replace finite ones.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast, get_type_hints

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn
from torch.optim import Optimizer

from unsmear import plain_files
from unsmear.atomic import written_aside
from unsmear.errors import TrainingError, error_text
from unsmear.train.engine.learner import unwrapped
from unsmear.train.engine.loop import State

FILE = "state.pt"


def save(
    folder: Path,
    state: State,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> None:
    """Write the state, whole or not at all; raises TrainingError for weights not finite.

    Raises ImageError where it cannot be written.
    """
    for name, network in networks.items():
        parameters = unwrapped(network).parameters()
        if not all(parameter.isfinite().all() for parameter in parameters):
            raise TrainingError(
                f"step {state.step}: the weights of the {name} must be finite; the last good "
                "checkpoint is kept."
            )
    parts = {
        "state": asdict(state),
        "networks": {name: unwrapped(net).state_dict() for name, net in networks.items()},
        "optimisers": {name: optimiser.state_dict() for name, optimiser in optimisers.items()},
    }
    with written_aside(folder / FILE) as aside, aside.open("wb") as file:
        _write(parts, file)
        os.fsync(file.fileno())  # a machine that stops must not leave an empty file


def _write(parts: Mapping[str, Any], file: BinaryIO) -> None:
    """Write with torch, whose own error says nothing of a disk that is full: raises the file's."""
    wrong: list[OSError] = []

    class Told(io.RawIOBase):
        def write(self, data: Any) -> int:
            try:
                return file.write(data)
            except OSError as error:
                wrong.append(error)
                raise

        def writable(self) -> bool:
            return True

    try:
        torch.save(parts, cast("BinaryIO", Told()))
        file.flush()
    except RuntimeError:
        if wrong:
            raise wrong[0] from None
        raise


def load(
    folder: Path,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> State:
    """Load the state of a folder into networks and optimisers; a new state where none is saved.

    Raises TrainingError for a state that is damaged or of other networks.
    """
    path = folder / FILE
    if not path.exists():
        return State()
    try:
        plain_files.check(path)
        parts = _read(path)
        for name, network in networks.items():
            unwrapped(network).load_state_dict(parts["networks"][name])
            optimisers[name].load_state_dict(parts["optimisers"][name])
        return _checked(State(**parts["state"]))
    except Exception as error:  # torch raises many kinds of errors for a damaged file
        raise TrainingError(
            f"{path}: the state is damaged or not of this run's networks; {error_text(error)}"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    """Return what a state holds; torch warns of programs that it did not write itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # To the processor first: an optimiser keeps its counters there and moves the rest itself.
        parts: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return parts


def _checked(state: State) -> State:
    """Return a state whose values are of their kinds; raises ValueError for others."""
    kinds, checked = get_type_hints(State), {}
    for name, value in vars(state).items():
        try:
            checked[name] = TypeAdapter(kinds[name]).validate_python(value, strict=True)
        except ValidationError as error:
            raise ValueError(f"{name}: {error.errors()[0]['msg']}") from error
        if kinds[name] is int and checked[name] < 0:
            raise ValueError(f"its {name} must be 0 or more, got {value}")
    return State(**checked)
