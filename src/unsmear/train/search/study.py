"""Study of a search: its settings, and the file that records all trials.

Every process appends to this one file, Optuna's journal. It needs no server and, unlike SQLite, no
file locks, which network disks often lack.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file
from optuna.study import Study
from optuna.trial import FrozenTrial

from unsmear import journal, plain_files
from unsmear.choices import Pruner, SearchSampler
from unsmear.errors import OptionError, TrainingError, error_text, is_full_disk
from unsmear.resume import flat
from unsmear.train.config import options
from unsmear.train.config.options import AnyRun
from unsmear.train.search.leases import Leases, Lock
from unsmear.train.search.space import Space

STUDY = "study.journal"
"""Default name of the study's file."""
MAY_DIFFER = (
    "machine",
    "data.workers",
    "log.every",
    "log.save_minutes",
    "log.pictures",
    "log.tensorboard",
    "log.mlflow",
)
"""Options that may differ between the processes of a search."""


@dataclass(frozen=True)
class Search:
    """The settings of a search.

    run: the options that all trials share, the seed included, so that they train and validate on
    the same samples. space: the options that vary. trials: number of trials of all processes
    together, failed ones included. sampler: "random", which depends on the run's seed and the
    trial's number alone; "tpe", which learns from the trials that have ended (Bergstra et al.,
    NeurIPS 2011); or "grid", whose trials are the combinations of the choices. pruner: ends trials
    whose score at a validation is worse than the "median" of the earlier trials, or not among the
    best third of a round ("halving", Li et al., MLSys 2020); None: no pruning.

    Raises OptionError for values out of range, for a grid of ranges or of fewer points than trials,
    and for a run on several devices.
    """

    run: AnyRun
    space: Space
    trials: int = 20
    sampler: SearchSampler = "random"
    pruner: Pruner | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise OptionError(f"trials must be 1 or more, got {self.trials}.")
        machine = self.run.machine
        if (machine.devices, machine.nodes) != (1, 1):
            raise OptionError(
                "machine.devices and machine.nodes must be 1 in a search, got "
                f"{machine.devices} and {machine.nodes}; start one process per device."
            )
        if self.sampler == "grid" and self.trials > (points := prod(self.space.grid())):
            raise OptionError(
                f"trials must be at most the {points} points of the grid, got {self.trials}."
            )

    @property
    def lower(self) -> bool:
        """Return whether a lower score is better."""
        return self.run.stop.monitor == "loss"


@contextmanager
def full_disk_explained(name: str) -> Iterator[None]:
    """Raise TrainingError with a sentence where the disk is full. name: of what is written."""
    try:
        yield
    except Exception as error:  # whatever it is, its cause may be the disk
        if not is_full_disk(error):
            raise
        raise TrainingError(
            f"{name}: {error_text(error)}; make room and repeat the command, which goes on where "
            "it was."
        ) from error


def open_study(settings: Search, path: Path) -> Study:
    """Return the study in a file, which is created where it does not exist.

    Raises OptionError where the file is the study of another search, or no study, and
    TrainingError where the disk is full.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with full_disk_explained(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(settings, path)


def _opened(settings: Search, path: Path) -> Study:
    with Leases(lease_folder(path)).alone():
        # An absolute path, and a lock that is no link: both work from any folder and disk.
        place = str(path.resolve())
        lock = Lock(place)
        try:
            with get_lock_file(lock):
                _cut_partial_line(path)
            backend = JournalFileBackend(place, lock)
            study = optuna.create_study(
                storage=JournalStorage(backend),
                sampler=sampler_of(settings, 0),
                pruner=_pruner(settings),
                study_name="unsmear",
                direction="minimize" if settings.lower else "maximize",
                load_if_exists=True,
            )
        except (OSError, LookupError, *journal.DAMAGE) as error:
            if is_full_disk(error):
                raise
            raise OptionError(
                f"{path}: the study must be a search's journal ({error_text(error)})."
            ) from error
        _check_same_search(settings, study, path)
    return study


def lease_folder(study: Path) -> Path:
    """Return the folder with the leases of a study's trials."""
    return study.with_name(f"{study.name}.claims")


def sampler_of(settings: Search, number: int) -> BaseSampler:
    """Return Optuna's sampler for a trial's values."""
    seed = settings.run.seed
    if settings.sampler == "tpe":
        return TPESampler(seed=_seed(seed, number))
    return _GridByNumber(settings.space) if settings.sampler == "grid" else _RandomByNumber(seed)


def _cut_partial_line(path: Path) -> None:
    """Cut off the incomplete last line that a crash of the machine may have left."""
    if path.exists() and (written := plain_files.read_bytes(path)) and not written.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(written.rfind(b"\n") + 1)


def _check_same_search(settings: Search, study: Study, path: Path) -> None:
    """Raise OptionError unless the study belongs to this search; a new study is assigned to it."""
    shared = {
        name: value
        for name, value in flat(options.dump(settings.run)).items()
        if not any(name == free or name.startswith(f"{free}.") for free in MAY_DIFFER)
    }
    space = settings.space.describe()
    now = shared | {f"space of {name}": dimension for name, dimension in space.items()}
    now["sampler"] = settings.sampler
    before = study.user_attrs.get("search")
    if before is None:
        study.set_user_attr("search", now)
        return
    names = sorted(name for name in before | now if before.get(name) != now.get(name))
    if names:
        raise OptionError(
            f"{path}: the study must be new or of this same search, got a study that differs in "
            f"{', '.join(names)}."
        )


def _pruner(settings: Search) -> BasePruner:
    if settings.pruner == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    if settings.pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=2, reduction_factor=3)
    return NopPruner()


class _ByNumber(BaseSampler, ABC):
    """Finds each value by itself: no relation between options, no memory of other trials."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}


class _RandomByNumber(_ByNumber):
    """Draws a value from the seed, the trial's number and the option's name alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        drawn = RandomSampler(_seed(self.seed, trial.number, *param_name.encode()))
        return drawn.sample_independent(study, trial, param_name, param_distribution)


class _GridByNumber(_ByNumber):
    """Takes the point of the grid with the trial's number; the last option varies fastest."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        place = dict(
            zip(
                self.space.dimensions,
                np.unravel_index(trial.number, self.space.grid()),
                strict=True,
            )
        )
        return self.space.choices(param_name)[place[param_name]]


def _seed(*place: int) -> int:
    return int(np.random.SeedSequence(place).generate_state(1)[0])
