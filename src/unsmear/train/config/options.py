"""Options of a run from presets, a TOML file and the command line; the later ones win."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from unsmear import models, plain_files
from unsmear.checkpoints import checkpoint, published
from unsmear.errors import MisuseError, OptionError, WeightsError, error_text, shown
from unsmear.losses import TERMS
from unsmear.restoration import methods
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.pretraining import PretrainingRun
from unsmear.train.config.restorer import Run, Settings

AnyRun = Run | LabelRun | PretrainingRun
"""The whole configuration of a run, whatever it trains."""
Options = dict[str, Any]
"""Options by table and name, nested as in the TOML file."""
FOLLOW = ("labels", "channels")
"""Options of a classifier network that follow from the data."""
UNKNOWN = "extra_forbidden"
"""Type of the validation's error on an option that does not exist."""
MISUSES = (UNKNOWN, "_parsing", "_type", "literal_error")
"""Ends of the types of errors on what is unknown, or of another kind than its option takes."""
PRESETS = {Run: "default", LabelRun: "classifier", PretrainingRun: "deblur-mae"}
"""Presets of networks that have none of their own."""


def resolve(model: str, config: Path | None = None, tokens: Sequence[str] = ()) -> AnyRun:
    """Return a run's whole configuration.

    model: the network's name. config: a TOML file such as `run.toml`, used instead of the preset.
    tokens: of a command line, `--data.size 64` or `--data.size=64`; a name without a value means
    true, and "none" unsets an option.

    Raises OptionError for a file that cannot be read, for an unknown network, and for a value that
    is out of range; MisuseError for an unknown option (with the most similar name), and for a value
    of another kind.
    """
    before, given = _read_for(model, config) if config else preset(model), parse(tokens)
    if config is None:
        before = _without_replaced(before, given)
    options = merge(before, given)
    own = options.get("options", {})
    models.check_options(model, own)
    known = own_options(model)
    if known.keys() - own.keys():  # else the pretrained weights have no option to add
        pretrained = _options_of_weights(model, options.get("start"))
        known |= {name: value for name, value in pretrained.items() if name in known}
    # As a file would hold them, since a network's defaults may change.
    full = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in (known | own).items()
        if value is not None
    }
    return check({**options, "model": model, "options": full}, str(config) if config else "")


def check_names(model: str, config: Path | None, tokens: Sequence[str]) -> None:
    """Raise MisuseError for an unknown option, or a word for a number, before PyTorch is imported.

    Other values, and the options of the network itself, are left to `resolve`. Raises OptionError
    for an unknown network and for a file that cannot be read.
    """
    models.check_name(model)
    kind = kind_of(model)
    given = {f"{config}: ": _read_for(model, config)} if config else {}
    for source, options in {**given, "": parse(tokens)}.items():
        try:
            kind.model_validate({**options, "model": model})
        except ValidationError as error:
            for details in error.errors():
                if _is_misuse(details):
                    raise MisuseError(f"{source}{_sentence(details, kind)}") from error


def own_options(model: str) -> Options:
    """Return a network's options and their defaults, without those that follow from the data."""
    follow = FOLLOW if kind_of(model) is LabelRun else ()
    defaults = models.options_of(model)
    return {name: value for name, value in defaults.items() if name not in follow}


def _options_of_weights(model: str, start: Any) -> Options:
    """Return the network's options on the card of the pretrained weights; empty without weights.

    Those of an autoencoder are the classifier's too, as far as it has options of these names.
    """
    if start in (None, "none"):
        return {}
    _, card = checkpoint.read_card(weights_path(str(start)))
    if not models.can_start(model, card["network"]):
        raise OptionError(f"start must be weights of {model}, got {start}, of {card['network']}.")
    return dict(card["options"])


def weights_path(start: str) -> Path:
    """Return the path of pretrained weights; raises WeightsError where they do not exist.

    start: a path as for `checkpoint.find`, or the name of published weights.
    """
    path = methods.weights(start)
    if path is None:
        raise WeightsError(
            "start must be the path of weights, or one of "
            f"{', '.join([*published.networks(), *published.classifiers()])}, got {shown(start)}."
        )
    return path


def preset(model: str) -> Options:
    """Return a network's preset options."""
    folder = files("unsmear.train") / "presets"
    own = folder / f"{model}.toml"
    general = folder / f"{PRESETS[kind_of(model)]}.toml"
    text = (own if own.is_file() else general).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _without_replaced(preset: Options, given: Options) -> Options:
    """Return the preset without the options that the given ones replace."""
    remaining = {name: dict(table) for name, table in preset.items()}
    if given.get("loss", {}).keys() & set(TERMS):  # a loss that is named replaces all of the preset
        remaining.pop("loss", None)
    if "epochs" in given.get("stop", {}):  # the preset's steps would win over them
        remaining.get("stop", {}).pop("steps", None)
    return remaining


def read(path: Path) -> Options:
    """Return a file's options; raises OptionError where it is not TOML."""
    try:
        return plain_files.read_toml(path)
    except (OSError, ValueError) as error:
        raise OptionError(
            f"{path}: the configuration must be a TOML file ({error_text(error)})."
        ) from error


def _read_for(model: str, path: Path) -> Options:
    """Return a file's options; raises OptionError for those of another network."""
    options = read(path)
    if options.get("model", model) != model:
        raise OptionError(f"{path}: the model must be {model}, got {shown(options['model'])}.")
    return options


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
            raise MisuseError(f"an option must look like --data.size 64, got {shown(token)}.")
        texts = [text] if equals else []
        while not equals and waiting and not _is_name(waiting[0]):
            texts.append(waiting.pop(0))
        _put(options, name, texts)
    return options


def check(options: Mapping[str, Any], source: str = "") -> AnyRun:
    """Return the configuration, of the class of the network's kind.

    Raises OptionError for the first option that is wrong; MisuseError as `resolve` does.
    """
    kind = kind_of(options.get("model"))
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        prefix = f"{source}: " if source else ""
        details = error.errors()[0]
        raised = MisuseError if _is_misuse(details) else OptionError
        raise raised(f"{prefix}{_sentence(details, kind)}") from error


def kind_of(model: Any) -> type[AnyRun]:
    """Return the class of a network's training configuration."""
    if model in models.classifiers():
        return LabelRun
    return PretrainingRun if model in models.autoencoders() else Run


def dump(run: Settings) -> Options:
    """Return the configuration as TOML can hold it: None is left out, paths are text."""
    return run.model_dump(mode="json", exclude_none=True)


def known(part: type[BaseModel] = Run, before: str = "") -> dict[str, str]:
    """Return the description of every option by its full name."""
    descriptions: dict[str, str] = {}
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            descriptions |= known(inner, f"{before}{name}.")
        else:
            descriptions[before + name] = _describe(field)
    return descriptions


def _describe(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    default = "" if field.is_required() or value is None else f" [default: {value}]"
    default = default.replace(" [default: ]", "")
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    return f"{field.description}{' One of ' + ', '.join(choices) + '.' if choices else ''}{default}"


def _is_name(token: str) -> bool:
    return token.startswith("--")


def _put(options: Options, name: str, texts: list[str]) -> None:
    *tables, last = name.replace("-", "_").split(".")
    for table in tables:
        options = options.setdefault(table, {})
        if not isinstance(options, dict):
            raise MisuseError(f"--{name} must be inside a table, but {table} already has a value.")
    values = [_value(text) for text in texts] or [True]
    options[last] = values[0] if len(values) == 1 else values


def _value(text: str) -> Any:
    """Return a number, a boolean or a list written as in TOML; anything else stays text."""
    try:
        return plain_files.parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text


def _unknown(names: Sequence[str], kind: type[Settings]) -> str:
    """Return the sentence on an option that does not exist, with the most similar one."""
    name, known_names = ".".join(names), list(known(kind))
    near = difflib.get_close_matches(name, known_names, 1, 0.5)
    near = near or [known for known in known_names if known.split(".")[-1] == names[-1]][:1]
    hint = f"; did you mean {near[0]}?" if near else "; see `unsmear train`."
    return f"{name} is no option{hint}"


def _is_misuse(details: ErrorDetails) -> bool:
    """Return whether an option does not exist, or its value is of another kind."""
    return details["type"].endswith(MISUSES)


def _sentence(details: ErrorDetails, kind: type[Settings]) -> str:
    names = [str(part) for part in details["loc"]]
    name = ".".join(names) or "the configuration"
    if details["type"] == UNKNOWN:
        return _unknown(names, kind)
    message = details["msg"].removeprefix("Value error, ")
    got = details["input"]
    given = "" if isinstance(got, Mapping) else f", got {shown(got)}"
    return f"{name}: {message[0].lower()}{message[1:]}{given}."
