"""The study of a search: what is searched and how, in one file to which every process appends.

Optuna's journal needs no server, and unlike SQLite no locks of the file system, which network disks
often lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.storages.journal._file import get_lock_file
from optuna.study import Study
from optuna.trial import FrozenTrial

from unsmear.errors import OptionError
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Run
from unsmear.train.engine.folder import flat
from unsmear.train.search.leases import Leases
from unsmear.train.search.space import Space

STUDY = "study.journal"
"""The file's name where none is given."""
FREE = (
    "machine",
    "data.workers",
    "log.every",
    "log.save_minutes",
    "log.pictures",
    "log.tensorboard",
    "log.mlflow",
)
"""What may differ between the processes of a search."""


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    run: what all trials share, its seed too: they see the same samples and are judged by the same.
    space: what they do not share. trials: of all processes together, those that fail too.
    sampler: "random", of the run's seed and the trial's number alone; or "tpe", which learns from
    the trials that have ended (Bergstra et al., NeurIPS 2011). pruner: ends trials that are worse
    at a validation than the "median" of the trials before, or that are not among the best third
    in a round ("halving", Li et al., MLSys 2020); None ends none.

    Raises OptionError for values out of range, and a run on several devices.
    """

    run: Run | LabelRun
    space: Space
    trials: int = 20
    sampler: Literal["random", "tpe"] = "random"
    pruner: Literal["median", "halving"] | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise OptionError(f"trials must be 1 or more, got {self.trials}.")
        machine = self.run.machine
        if (machine.devices, machine.nodes) != (1, 1):
            raise OptionError(
                "machine.devices and machine.nodes must be 1 in a search, got "
                f"{machine.devices} and {machine.nodes}; start a process for every device."
            )

    @property
    def lower(self) -> bool:
        """Return whether a lower score is better."""
        return self.run.stop.monitor == "loss"


def open_study(asked: Search, path: Path) -> Study:
    """Return the study of a file, new or the one that is there.

    Raises OptionError where it is of another search, or no study.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with Leases(beside(path)).alone():
        # An absolute path, and a lock that is no link: both work from any folder and disk.
        place = str(path.resolve())
        lock = JournalFileOpenLock(place)
        try:
            with get_lock_file(lock):
                _mend(path)
            backend = JournalFileBackend(place, lock)
            study = optuna.create_study(
                storage=JournalStorage(backend),
                sampler=sampler_of(asked, 0),
                pruner=_pruner(asked),
                study_name="unsmear",
                direction="minimize" if asked.lower else "maximize",
                load_if_exists=True,
            )
        except (OSError, ValueError, KeyError) as error:
            raise OptionError(f"{path}: the study must be a search's journal ({error}).") from error
        _check_same(asked, study, path)
    return study


def beside(study: Path) -> Path:
    """Return the folder of the claims on a study's trials."""
    return study.with_name(f"{study.name}.claims")


def sampler_of(asked: Search, number: int) -> BaseSampler:
    """Return what draws a trial's values."""
    seed = asked.run.seed
    return TPESampler(seed=_seed(seed, number)) if asked.sampler == "tpe" else _Numbered(seed)


def _mend(path: Path) -> None:
    """Cut off the half of a line that a machine's sudden end may have left."""
    if path.exists() and (written := path.read_bytes()) and not written.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(written.rfind(b"\n") + 1)


def _check_same(asked: Search, study: Study, path: Path) -> None:
    """Raise OptionError unless the study is of this search; a new one becomes it."""
    shared = {
        name: value
        for name, value in flat(options.dump(asked.run)).items()
        if not any(name == free or name.startswith(f"{free}.") for free in FREE)
    }
    now = shared | {f"space of {name}": said for name, said in asked.space.describe().items()}
    now["sampler"] = asked.sampler
    before = study.user_attrs.get("search")
    if before is None:
        study.set_user_attr("search", now)
        return
    names = sorted(name for name in before | now if before.get(name) != now.get(name))
    if names:
        raise OptionError(
            f"{path}: the study must be new or of this same search, got one that differs in "
            f"{', '.join(names)}."
        )


def _pruner(asked: Search) -> BasePruner:
    if asked.pruner == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    if asked.pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=2, reduction_factor=3)
    return NopPruner()


class _Numbered(BaseSampler):
    """Draws a value from the seed, the trial's number and the option's name alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        drawn = RandomSampler(_seed(self.seed, trial.number, *param_name.encode()))
        return drawn.sample_independent(study, trial, param_name, param_distribution)


def _seed(*place: int) -> int:
    return int(np.random.SeedSequence(place).generate_state(1)[0])
