"""Where a run's options come from: presets, a TOML file, the command line; the later ones win."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from unsmear import models
from unsmear.checkpoints import checkpoint, published
from unsmear.errors import OptionError, WeightsError
from unsmear.losses import TERMS
from unsmear.restoration import methods
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Run, Settings

Options = dict[str, Any]
"""Nested, as in the TOML file."""
FOLLOW = ("labels", "channels")
"""Options of a classifier that follow from the data."""


def resolve(model: str, config: Path | None = None, tokens: Sequence[str] = ()) -> Run | LabelRun:
    """Return a run's whole configuration.

    model: the network's name. config: a TOML file such as `run.toml`, which takes the place of the
    preset. tokens: of a command line, `--data.size 64` or `--data.size=64`; a bare switch is true,
    and "none" takes a value away.

    Raises OptionError for a file that cannot be read, an unknown network or option, with the most
    likely one, and a value that is out of its range.
    """
    before, given = read(config) if config else preset(model), parse(tokens)
    if before.get("model", model) != model:
        raise OptionError(f"{config}: the model must be {model}, got {before['model']!r}.")
    if config is None:
        before = _give_way(before, given)
    options = merge(before, given)
    own = options.get("options", {})
    models.check_options(model, own)
    known = own_options(model)
    if known.keys() - own.keys():  # else nothing is left to ask the weights for
        begun_with = _options_begun_with(model, options.get("start"))
        known |= {name: one for name, one in begun_with.items() if name in known}
    # As a file would hold them: what a network's defaults are may change.
    full = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in (known | own).items()
        if value is not None
    }
    return check({**options, "model": model, "options": full}, str(config) if config else "")


def own_options(model: str) -> Options:
    """Return a network's options and their defaults, without those that follow from the data."""
    follow = FOLLOW if kind_of(model) is LabelRun else ()
    return {name: one for name, one in models.options_of(model).items() if name not in follow}


def _options_begun_with(model: str, start: Any) -> Options:
    """Return the network's options in the weights that a run begins with, if any."""
    if start in (None, "none"):
        return {}
    _, card = checkpoint.read_card(begun(str(start)))
    if card["network"] != model:
        raise OptionError(f"start must be weights of {model}, got {start}, of {card['network']}.")
    return dict(card["options"])


def begun(start: str) -> Path:
    """Return where the weights are that a run begins with; raises WeightsError for none.

    start: a path as for `checkpoint.find`, or the name of published weights.
    """
    found = methods.weights(start)
    if found is None:
        raise WeightsError(
            "start must be the path of weights, or one of "
            f"{', '.join([*published.networks(), *published.classifiers()])}, got {start!r}."
        )
    return found


def preset(model: str) -> Options:
    """Return the options that a network begins with."""
    folder = files("unsmear.train") / "presets"
    own = folder / f"{model}.toml"
    general = "classifier.toml" if model in models.classifiers() else "default.toml"
    text = (own if own.is_file() else folder / general).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _give_way(preset: Options, given: Options) -> Options:
    """Return the preset without what the options given stand instead of."""
    kept = {name: dict(table) for name, table in preset.items()}
    if given.get("loss", {}).keys() & set(TERMS):  # whoever names a loss means that one
        kept.pop("loss", None)
    if "epochs" in given.get("stop", {}):  # steps would win over them
        kept.get("stop", {}).pop("steps", None)
    return kept


def read(path: Path) -> Options:
    """Return a file's options; raises OptionError where it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise OptionError(f"{path}: the configuration must be a TOML file ({said}).") from error


def merge(before: Mapping[str, Any], after: Mapping[str, Any]) -> Options:
    """Return both, table by table; `after` wins."""
    merged = dict(before)
    for name, value in after.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def parse(tokens: Sequence[str]) -> Options:
    """Return the options of a command line."""
    options: Options = {}
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        name, equals, text = token[2:].partition("=")
        if not token.startswith("--") or not name:
            raise OptionError(f"an option must look like --data.size 64, got {token!r}.")
        texts = [text] if equals else []
        while not equals and waiting and not _is_name(waiting[0]):
            texts.append(waiting.pop(0))
        _put(options, name, texts)
    return options


def check(options: Mapping[str, Any], source: str = "") -> Run | LabelRun:
    """Return the configuration: a `LabelRun` for a classifier, else a `Run`.

    Raises OptionError with a sentence for the first thing wrong.
    """
    kind = kind_of(options.get("model"))
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        prefix = f"{source}: " if source else ""
        raise OptionError(f"{prefix}{_sentence(error, kind)}") from error


def kind_of(model: Any) -> type[Run] | type[LabelRun]:
    """Return what configures the training of a network."""
    return LabelRun if model in models.classifiers() else Run


def dump(run: Settings) -> Options:
    """Return the configuration as TOML can hold it: None is left out, paths are text."""
    return run.model_dump(mode="json", exclude_none=True)


def known(part: type[BaseModel] = Run, before: str = "") -> dict[str, str]:
    """Return every option's full name and what it says."""
    found: dict[str, str] = {}
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= known(inner, f"{before}{name}.")
        else:
            found[before + name] = _describe(field)
    return found


def _describe(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    default = "" if field.is_required() or value is None else f" [default: {value}]"
    default = default.replace(" [default: ]", "")
    choices = [str(one) for one in get_args(field.annotation) if isinstance(one, str)]
    return f"{field.description}{' One of ' + ', '.join(choices) + '.' if choices else ''}{default}"


def _is_name(token: str) -> bool:
    return token.startswith("--")


def _put(options: Options, name: str, texts: list[str]) -> None:
    *tables, last = name.replace("-", "_").split(".")
    for table in tables:
        options = options.setdefault(table, {})
        if not isinstance(options, dict):
            raise OptionError(f"--{name} must be inside a table, got a value for {table}.")
    values = [_value(text) for text in texts] or [True]
    options[last] = values[0] if len(values) == 1 else values


def _value(text: str) -> Any:
    """Return a number, a truth or a list as TOML writes it; anything else is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _sentence(error: ValidationError, kind: type[Settings]) -> str:
    first = error.errors()[0]
    names = [str(part) for part in first["loc"]]
    name = ".".join(names) or "the configuration"
    if first["type"] == "extra_forbidden":
        known_names = list(known(kind))
        near = difflib.get_close_matches(name, known_names, 1, 0.5)
        near = near or [one for one in known_names if one.split(".")[-1] == names[-1]][:1]
        hint = f"; did you mean {near[0]}?" if near else "; see `unsmear train`."
        return f"{name} is no option{hint}"
    said = first["msg"].removeprefix("Value error, ")
    got = first["input"]
    shown = "" if isinstance(got, Mapping) else f", got {got!r}"
    return f"{name}: {said[0].lower()}{said[1:]}{shown}."
