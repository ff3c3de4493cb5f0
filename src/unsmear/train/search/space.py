"""Search space: the options that a search varies, each with a range or a list of choices."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from unsmear import models
from unsmear.errors import OptionError, shown
from unsmear.resume import flat
from unsmear.train.config import options
from unsmear.train.config.options import AnyRun
from unsmear.train.config.restorer import Settings

KEYS = {"low", "high", "log", "step"}
"""Keys that a range can have in a TOML file."""
FIXED = (
    *("model", "seed", "licence", "stop.monitor", "log", "machine"),
    *("data.validation", "data.labels", "data.share"),
)
"""Options that a search must not vary: trials could not be compared, or would be the same."""

Values = dict[str, Any]
"""A trial's option values, by the options' full names."""


@dataclass(frozen=True)
class Space:
    """The dimensions of a search in Optuna's form, by the options' full names.

    coded: dimensions whose choices are lists; Optuna gets these choices as JSON.
    """

    dimensions: Mapping[str, BaseDistribution]
    coded: frozenset[str] = frozenset()

    def values(self, params: Mapping[str, Any]) -> Values:
        """Return a trial's option values from Optuna's parameters."""
        return {
            name: json.loads(value) if name in self.coded else value
            for name, value in sorted(params.items())
        }

    def choices(self, name: str) -> tuple[Any, ...]:
        """Return a dimension's choices; raises OptionError for a range, which has none."""
        dimension = self.dimensions[name]
        if not isinstance(dimension, CategoricalDistribution):
            raise OptionError(
                f"{name} must have choices such as [0.1, 0.2] in a grid, got a range."
            )
        return dimension.choices

    def grid(self) -> tuple[int, ...]:
        """Return the number of choices of each dimension; raises OptionError for a range."""
        return tuple(len(self.choices(name)) for name in self.dimensions)

    def describe(self) -> dict[str, str]:
        """Return each dimension as text; equal texts mean equal dimensions."""
        return {name: repr(dimension) for name, dimension in sorted(self.dimensions.items())}


def read(path: Path) -> dict[str, Any]:
    """Return the dimensions listed in a TOML file; raises OptionError where it is not TOML."""
    return dict(_leaves(options.read(path)))


def built_in(model: str) -> dict[str, Any]:
    """Return the default dimensions of a network's search."""
    folder = files("unsmear.train") / "spaces"
    dimensions: dict[str, Any] = {}
    for name in ("default", model):
        file = folder / f"{name}.toml"
        if file.is_file():
            dimensions |= tomllib.loads(file.read_text(encoding="utf-8"))
    return dimensions


def resolve(given: Mapping[str, Any], run: AnyRun) -> Space:
    """Return the search space, after checking that the run accepts every limit and every choice.

    given: by the options' full names, `{"low": 1e-5, "high": 1e-2, "log": True}` or a list of
    choices. The range of an integer option has integers only.

    Raises OptionError for an empty space, for an option that must not vary and for a bad value.
    """
    if not given:
        raise OptionError("a search space must have at least one option, got none.")
    if run.stop.monitor == "loss" and any(name.startswith("loss.") for name in given):
        raise OptionError("stop.monitor must not be loss where the search varies loss weights.")
    defaults = flat(run.model_dump())
    own = {f"options.{name}": value for name, value in models.options_of(run.model).items()}
    dimensions: dict[str, BaseDistribution] = {}
    for name, entry in sorted(given.items()):
        if any(name == fixed or name.startswith(f"{fixed}.") for fixed in FIXED):
            raise OptionError(f"{name} must be the same in all trials, got a range or choices.")
        for value in _limits_or_choices(name, entry):
            _check(run, {name: value})
        dimensions[name] = _dimension(name, entry, (own | defaults).get(name))
    return Space(dimensions, frozenset(name for name, entry in given.items() if _has_lists(entry)))


def apply(run: Settings, values: Mapping[str, Any]) -> Any:
    """Return the run with a trial's values; raises OptionError for values that do not agree."""
    nested: options.Options = {}
    for name, value in values.items():
        *tables, last = name.split(".")
        table = nested
        for table_name in tables:
            table = table.setdefault(table_name, {})
        table[last] = value
    return options.check(options.merge(options.dump(run), nested))


def _leaves(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dimensions of nested tables, which TOML makes of names without quotes."""
    for name, entry in given.items():
        full = before + name.replace("-", "_")
        if isinstance(entry, Mapping) and not KEYS & entry.keys():
            yield from _leaves(entry, f"{full}.")
        else:
            yield full, entry


def _has_lists(entry: Any) -> bool:
    return isinstance(entry, list) and any(isinstance(choice, list) for choice in entry)


def _limits_or_choices(name: str, entry: Any) -> list[Any]:
    """Return the choices of a dimension or the limits of its range.

    Raises OptionError where the entry is neither a range nor a list of choices.
    """
    if isinstance(entry, list) and entry:
        return entry
    if isinstance(entry, Mapping) and {"low", "high"} <= entry.keys() <= KEYS:
        limits = [entry["low"], entry["high"]]
        if all(isinstance(limit, int | float) and not isinstance(limit, bool) for limit in limits):
            return limits
    raise OptionError(
        f"{name}: a dimension must be choices such as [8, 16], or a range such as "
        f"{{low = 1e-5, high = 1e-2, log = true}}, got {shown(entry)}."
    )


def _check(run: Settings, values: Values) -> None:
    trial_run = apply(run, values)
    models.check_options(trial_run.model, trial_run.options)


def _dimension(name: str, entry: Any, default: Any) -> BaseDistribution:
    if isinstance(entry, list):
        coded = _has_lists(entry)
        choices = [json.dumps(choice) if coded else choice for choice in entry]
        return CategoricalDistribution(choices)
    low, high = entry["low"], entry["high"]
    integers = isinstance(low, int) and isinstance(high, int)
    log, step = entry.get("log", False), entry.get("step")
    try:
        if integers and not isinstance(default, float):
            return IntDistribution(low, high, log=log, step=step or 1)
        return FloatDistribution(float(low), float(high), log=log, step=step)
    except ValueError as error:
        raise OptionError(f"{name}: the range cannot be drawn from; {error}") from error
