"""What a search may try: options by their full names, each with a range or choices."""

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
from unsmear.errors import OptionError
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Run, Settings
from unsmear.train.engine.folder import flat

KEYS = {"low", "high", "log", "step"}
"""Of a range."""
FIXED = (
    *("model", "seed", "licence", "stop.monitor", "log", "machine"),
    *("data.validation", "data.labels", "data.share"),
)
"""What no search may vary: its trials could not be compared, or would be the same."""

Values = dict[str, Any]
"""What a trial tries, by the options' full names."""


@dataclass(frozen=True)
class Space:
    """The dimensions of a search, as Optuna takes them, by the options' full names.

    coded: those whose choices are lists, which Optuna is given as JSON.
    """

    dimensions: Mapping[str, BaseDistribution]
    coded: frozenset[str] = frozenset()

    def values(self, params: Mapping[str, Any]) -> Values:
        """Return what a trial tries, from what Optuna calls it."""
        return {
            name: json.loads(value) if name in self.coded else value
            for name, value in sorted(params.items())
        }

    def describe(self) -> dict[str, str]:
        """Return each dimension in words that are alike only where it is."""
        return {name: repr(one) for name, one in sorted(self.dimensions.items())}


def read(path: Path) -> dict[str, Any]:
    """Return the dimensions that a TOML file lists; raises OptionError where it is no TOML."""
    return dict(_leaves(options.read(path)))


def built_in(model: str) -> dict[str, Any]:
    """Return the dimensions that are tried where nobody says which."""
    folder = files("unsmear.train") / "spaces"
    found: dict[str, Any] = {}
    for name in ("default", model):
        file = folder / f"{name}.toml"
        if file.is_file():
            found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


def resolve(given: Mapping[str, Any], run: Run | LabelRun) -> Space:
    """Return the space, every end and choice of which the run takes.

    given: by the options' full names, `{"low": 1e-5, "high": 1e-2, "log": True}` or a list of
    choices. A range is of whole numbers where the option is one.

    Raises OptionError.
    """
    if not given:
        raise OptionError("a search's space must have at least one option, got none.")
    if run.stop.monitor == "loss" and any(name.startswith("loss.") for name in given):
        raise OptionError("stop.monitor must not be loss where a loss's weight is searched.")
    defaults = flat(run.model_dump())
    known = {f"options.{name}": one for name, one in models.options_of(run.model).items()}
    dimensions: dict[str, BaseDistribution] = {}
    for name, said in sorted(given.items()):
        if any(name == one or name.startswith(f"{one}.") for one in FIXED):
            raise OptionError(f"{name} must be the same in all trials, got a range or choices.")
        for value in _ends(name, said):
            _check(run, {name: value})
        dimensions[name] = _dimension(name, said, (known | defaults).get(name))
    return Space(dimensions, frozenset(name for name, said in given.items() if _has_lists(said)))


def apply(run: Settings, values: Mapping[str, Any]) -> Any:
    """Return the run with a trial's values; raises OptionError where they do not fit together."""
    nested: options.Options = {}
    for name, value in values.items():
        *tables, last = name.split(".")
        table = nested
        for one in tables:
            table = table.setdefault(one, {})
        table[last] = value
    return options.check(options.merge(options.dump(run), nested))


def _leaves(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dimensions of nested tables, which TOML makes of names without quotes."""
    for name, said in given.items():
        full = before + name.replace("-", "_")
        if isinstance(said, Mapping) and not KEYS & said.keys():
            yield from _leaves(said, f"{full}.")
        else:
            yield full, said


def _has_lists(said: Any) -> bool:
    return isinstance(said, list) and any(isinstance(one, list) for one in said)


def _ends(name: str, said: Any) -> list[Any]:
    """Return the values that stand for a dimension; raises OptionError for no dimension."""
    if isinstance(said, list) and said:
        return said
    if isinstance(said, Mapping) and {"low", "high"} <= said.keys() <= KEYS:
        ends = [said["low"], said["high"]]
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in ends):
            return ends
    raise OptionError(
        f"{name}: a dimension must be choices such as [8, 16], or a range such as "
        f"{{low = 1e-5, high = 1e-2, log = true}}, got {said!r}."
    )


def _check(run: Settings, values: Values) -> None:
    made = apply(run, values)
    models.check_options(made.model, made.options)


def _dimension(name: str, said: Any, default: Any) -> BaseDistribution:
    if isinstance(said, list):
        coded = _has_lists(said)
        return CategoricalDistribution([json.dumps(one) if coded else one for one in said])
    whole = all(isinstance(said[end], int) for end in ("low", "high"))
    log, step = said.get("log", False), said.get("step")
    try:
        if whole and not isinstance(default, float):
            return IntDistribution(said["low"], said["high"], log=log, step=step or 1)
        return FloatDistribution(float(said["low"]), float(said["high"]), log=log, step=step)
    except ValueError as error:
        raise OptionError(f"{name}: the range must be one to draw from; {error}") from error
