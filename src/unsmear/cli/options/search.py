"""Options of `unsmear search`: what is searched, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from unsmear.choices import Pruner, SearchSampler


@Parameter(name="*")
@dataclass(frozen=True)
class SearchedOptions:
    """The space, the trials, and which of them are stopped early."""

    space: Path | None = None
    """TOML file of the options to search, with ranges or values, such as
    "optimiser.rate" = {low = 1e-5, high = 1e-2, log = true} or "data.batch" = [8, 16].
    By default: learning rate, weight decay and batch size; for dcae also dropout and filters."""

    trials: int = 20
    "Number of trials, of all processes together."

    sampler: SearchSampler = "random"
    """random draws each trial independently; tpe learns from finished trials; grid tries every
    combination of a space of choices."""

    prune: bool = False
    "Stop poor trials early, at a validation."

    pruner: Pruner = "median"
    """Rule of --prune: worse than the median of the other trials (median), or not among the best
    third of a round (halving)."""

    study: Path | None = None
    "File shared by the processes [default: OUTPUT/study.journal]."
