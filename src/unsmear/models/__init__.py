"""Networks, one per file; a network's keyword-only signature defines its options.

The file of a network from image to image has a dictionary `NETWORKS` of names and classes, that of
a classifier a dictionary `CLASSIFIERS`, that of an autoencoder, which only pretrains,
`AUTOENCODERS`. The files are those of this folder, and those of the user's own folders in the
environment variable UNSMEAR_NETWORKS. docs/how-to/add-a-network.md shows how to add one.

A classifier takes images (batch, channel, y, x) and returns logits (batch, label). Its attributes
are `channels`, `labels`, `values` (input values of black and full scale), `stride` (sides must be
multiples of it) and `smallest` (smallest side, pixels). Its last layer is `head`, which is new for
other labels.

An autoencoder takes images and the places of the patches that it is shown, (batch, number), and
returns all patches. Its attributes are `channels`, `values`, `stride` (the side of a patch) and
`pretrains`: the names of the classifiers that have the same `encoder`.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from unsmear import plain_files
from unsmear.errors import MisuseError, OptionError, error_text, shortened, shown
from unsmear.models.transfer import fit_encoder, fit_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    Outputs = Tensor | list["Outputs"]
    """A network's output: an image, or nested lists of images whose last one is the result."""

__all__ = [
    "autoencoders",
    "build",
    "can_start",
    "check_name",
    "check_options",
    "classifiers",
    "constructor",
    "each",
    "final",
    "fit_encoder",
    "fit_weights",
    "names",
    "options_of",
    "pretrained_by",
]

HERE = Path(__file__).parent
FOLDERS = "UNSMEAR_NETWORKS"
"""Environment variable with folders of a user's own networks, separated as in PATH."""
KINDS = RESTORING, CLASSIFYING, PRETRAINING = "NETWORKS", "CLASSIFIERS", "AUTOENCODERS"
"""Names of the dictionaries of networks in a file: restorers, classifiers, autoencoders."""


def names() -> list[str]:
    """Return the names of the networks from image to image; no network's file is executed.

    Raises OptionError for a folder that does not exist, and for a file that is not valid Python.
    """
    return _of_kind(RESTORING)


def classifiers() -> list[str]:
    """Return the names of the networks from image to labels; raises as `names` does."""
    return _of_kind(CLASSIFYING)


def autoencoders() -> list[str]:
    """Return the names of the networks that pretrain classifiers; raises as `names` does."""
    return _of_kind(PRETRAINING)


def can_start(model: str, network: str) -> bool:
    """Return whether a model can start from weights of a network: of itself, or of an autoencoder
    that has the classifier's encoder.

    network: any name, for example of a network that is not listed.
    """
    return network == model or (network in autoencoders() and model in pretrained_by(network))


def pretrained_by(autoencoder: str) -> tuple[str, ...]:
    """Return the names of the classifiers that have an autoencoder's encoder."""
    names: tuple[str, ...] = getattr(constructor(autoencoder), "pretrains", ())
    return names


def build(name: str, **options: Any) -> nn.Module:
    """Return a new network.

    name: one of `names`, `classifiers` or `autoencoders`. options: of its signature, see
    `options_of`.

    Raises OptionError for unknown names and options, and for bad values of options.
    """
    check_options(name, options)
    return constructor(name)(**options)


def options_of(name: str) -> dict[str, Any]:
    """Return a network's options and their defaults."""
    signature = inspect.signature(constructor(name))
    return {option: parameter.default for option, parameter in signature.parameters.items()}


def check_name(name: str) -> None:
    """Raise OptionError for an unknown network; no network's file is executed."""
    files = _files()
    if name not in files:
        raise OptionError(f"a network {_unknown(name, files)}{_files_without_networks()}")


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise MisuseError unless a network has these options, with values of the right type.

    A list is accepted for a tuple, since a file has no tuples.
    """
    known = options_of(name)
    for option, value in options.items():
        if option not in known:
            raise MisuseError(f"{name}: an option {_unknown(option, known)}")
        if not _alike(value, known[option]):
            default = known[option]
            raise MisuseError(f"{name}: {option} must be like {default!r}, got {shown(value)}.")


def _alike(value: Any, default: Any) -> bool:
    """Return whether a value has the default's type; any value has where the default is None."""
    if default is None:
        return True
    if isinstance(default, tuple | list):
        items = isinstance(value, tuple | list)
        return items and all(_alike(item, default[0]) for item in value if default)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int | float if isinstance(default, float) else type(default))


def constructor(name: str) -> Callable[..., nn.Module]:
    """Return a network's constructor, usually its class.

    Raises OptionError for an unknown name.
    """
    check_name(name)
    path, kind = _files()[name]
    make: Callable[..., nn.Module] = getattr(_module(path), kind)[name]
    return make


def final(outputs: Outputs) -> Tensor:
    """Return a network's result: its output, or the last one of several."""
    return each(outputs)[-1]


def each(outputs: Outputs) -> list[Tensor]:
    """Return all outputs of a network as a flat list, such as those of its stages and scales."""
    if isinstance(outputs, list | tuple):
        return [image for part in outputs for image in each(part)]
    return [outputs]


def _unknown(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown name."""
    known = sorted(known)
    similar = get_close_matches(name, known, 1)
    suggestion = f" Did you mean {similar[0]}?" if similar else ""
    return f"must be one of {', '.join(known) or 'none'}, got {shortened(name)}.{suggestion}"


def _files_without_networks() -> str:
    """Return a sentence on the user's own files that list no network."""
    own = (path for folder in _folders() for path in sorted(folder.glob("*.py")))
    empty = [str(path) for path in own if not _listed(path)]
    dictionaries = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    return f" No {dictionaries} is in {', '.join(empty)}." if empty else ""


def _of_kind(wanted: str) -> list[str]:
    return sorted(name for name, (_, kind) in _files().items() if kind == wanted)


def _files() -> dict[str, tuple[Path, str]]:
    """Return the file of each network, and the name of the dictionary that lists it."""
    listed: dict[str, tuple[Path, str]] = {}
    theirs = (entry for folder in _folders() for entry in _listed_by(folder))
    for path, name, kind in (*_ours(), *theirs):
        if name in listed:
            raise OptionError(
                f"{path}: a network must have a unique name, got {name}, "
                f"which {listed[name][0]} already has."
            )
        listed[name] = path, kind
    return listed


@cache
def _ours() -> tuple[tuple[Path, str, str], ...]:
    """Return what the package's own files list, which do not change while it runs."""
    return tuple(_listed_by(HERE))


def _listed_by(folder: Path) -> Iterator[tuple[Path, str, str]]:
    for path in sorted(folder.glob("*.py")):
        for name, kind in _listed(path):
            yield path, name, kind


def _folders() -> Iterator[Path]:
    """Return the folders of the user's own networks."""
    for name in filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)):
        folder = Path(name).expanduser().resolve()
        if not folder.is_dir():
            raise OptionError(f"{FOLDERS} must name folders, got {name}.")
        if folder != HERE:
            yield folder


_PARSING = Lock()
"""Lock on the parser, which fails with several threads in Python 3.11 (cpython issue 106905)."""


def _listed(path: Path) -> tuple[tuple[str, str], ...]:
    """Return the names in a file's dictionaries, each with its dictionary; nothing is executed."""
    return _listed_in(path, plain_files.read_bytes(path))


@lru_cache(maxsize=256)  # every load of a network asks for all files
def _listed_in(path: Path, text: bytes) -> tuple[tuple[str, str], ...]:
    kinds = [kind for kind in KINDS if kind.encode() in text]
    if not kinds:
        return ()
    try:
        with _PARSING:
            body = ast.parse(text).body
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise OptionError(
            f"{path}: a network's file must be valid Python; {error_text(error)}."
        ) from error
    return tuple(
        (name, kind)
        for statement in body
        for kind in kinds
        if kind in _assigned(statement)
        for name in _keys(path, kind, getattr(statement, "value", None))
    )


def _assigned(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _keys(path: Path, kind: str, value: ast.expr | None) -> list[str]:
    keys = value.keys if isinstance(value, ast.Dict) else [None]
    names = [key.value for key in keys if isinstance(key, ast.Constant)]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(keys):
        raise OptionError(f"{path}: {kind} must be a dictionary whose keys are literal names.")
    return texts


def _module(path: Path) -> ModuleType:
    """Return a network's file as a module; a user's own file is executed once."""
    if path.parent == HERE:
        return import_module(f"{__name__}.{path.stem}")
    name = f"{__name__}:{path}"  # no import statement can name it, so it hides no other module
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        assert spec is not None  # for mypy: it always is for a file ending in .py
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if not isinstance(error, Exception):
                raise
            reason = f"{type(error).__name__}: {error}"
            raise OptionError(f"{path}: a network's file must run; {reason}.") from error
    return sys.modules[name]
