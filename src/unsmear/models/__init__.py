"""Networks, one a file; a network's keyword-only signature is its schema.

A network that makes an image of an image is listed: its file has a dictionary `NETWORKS` of names
and classes. One that finds labels in an image stands in `CLASSIFIERS` instead. The files are those
of this folder, and those of the folders that the environment variable UNSMEAR_NETWORKS names: a
user's own. docs/how-to/add-a-network.md shows one.

A classifier takes images (batch, channel, y, x) and gives logits (batch, label). Its attributes are
`channels`, `labels`, `values` (what black and white are), `stride` (sides must be multiples of it)
and `smallest` (the least side, pixels). Its last layer is `head`, which other labels make new.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from unsmear.errors import OptionError
from unsmear.models.transfer import fit_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    Outputs = Tensor | list["Outputs"]
    """What a network gives: an image, or lists of images whose last one is the result."""

__all__ = [
    "build",
    "check_options",
    "classifiers",
    "constructor",
    "each",
    "final",
    "fit_weights",
    "names",
    "options_of",
]

HERE = Path(__file__).parent
FOLDERS = "UNSMEAR_NETWORKS"
"""Environment variable: folders, parted as in PATH."""
RESTORING, CLASSIFYING = "NETWORKS", "CLASSIFIERS"
"""The dictionaries that a file may have."""


def names() -> list[str]:
    """Return the names of the networks from image to image; no network's file is run for it.

    Raises OptionError for a folder that is not there, and for a file that cannot be understood.
    """
    return _of_kind(RESTORING)


def classifiers() -> list[str]:
    """Return the names of the networks from image to labels, as `names` does and raises."""
    return _of_kind(CLASSIFYING)


def build(name: str, **options: Any) -> nn.Module:
    """Return a new network.

    name: one of `names` or `classifiers`. options: of its signature, see `options_of`.

    Raises OptionError for names and options that are not known, and for bad options.
    """
    check_options(name, options)
    return constructor(name)(**options)


def options_of(name: str) -> dict[str, Any]:
    """Return a network's options and what they are where nothing is said."""
    signature = inspect.signature(constructor(name))
    return {option: said.default for option, said in signature.parameters.items()}


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise OptionError unless a network has these options, and values of their kind.

    A list is as good as a tuple, since a file knows no tuples.
    """
    known = options_of(name)
    for option, value in options.items():
        if option not in known:
            raise OptionError(f"{name}: an option {_unknown(option, known)}")
        if not _alike(value, known[option]):
            default = known[option]
            raise OptionError(f"{name}: {option} must be like {default!r}, got {value!r}.")


def _alike(value: Any, default: Any) -> bool:
    """Return whether a value is of a default's kind; any value is where the default is None."""
    if default is None:
        return True
    if isinstance(default, tuple | list):
        items = isinstance(value, tuple | list)
        return items and all(_alike(item, default[0]) for item in value if default)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int | float if isinstance(default, float) else type(default))


def constructor(name: str) -> Callable[..., nn.Module]:
    """Return what makes a network: mostly its class.

    Raises OptionError for a name that is not known.
    """
    files = _files()
    if name not in files:
        raise OptionError(f"a network {_unknown(name, files)}{_without()}")
    path, kind = files[name]
    make: Callable[..., nn.Module] = getattr(_module(path), kind)[name]
    return make


def final(outputs: Outputs) -> Tensor:
    """Return a network's result: the last of its outputs, where it has several."""
    return each(outputs)[-1]


def each(outputs: Outputs) -> list[Tensor]:
    """Return all that a network gives: of stages and scales, say, in their order."""
    if isinstance(outputs, list | tuple):
        return [one for part in outputs for one in each(part)]
    return [outputs]


def _unknown(said: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a word that is not known."""
    known = sorted(known)
    close = get_close_matches(said, known, 1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"must be one of {', '.join(known) or 'none'}, got {said}.{meant}"


def _without() -> str:
    """Return which of a user's own files list nothing, as a sentence."""
    own = (path for folder in _folders() if folder != HERE for path in sorted(folder.glob("*.py")))
    empty = [str(path) for path in own if not _listed(path)]
    return f" No {RESTORING} or {CLASSIFYING} is in {', '.join(empty)}." if empty else ""


def _of_kind(wanted: str) -> list[str]:
    return sorted(name for name, (_, kind) in _files().items() if kind == wanted)


def _files() -> dict[str, tuple[Path, str]]:
    """Return the file of each listed network, and the dictionary that has it there."""
    found: dict[str, tuple[Path, str]] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.py")):
            for name, kind in _listed(path):
                if name in found:
                    raise OptionError(
                        f"{path}: a network must have a name of its own, got {name}, "
                        f"which {found[name][0]} has."
                    )
                found[name] = path, kind
    return found


def _folders() -> Iterator[Path]:
    yield HERE
    for said in filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)):
        folder = Path(said).expanduser().resolve()
        if not folder.is_dir():
            raise OptionError(f"{FOLDERS} must name folders, got {said}.")
        if folder != HERE:
            yield folder


_PARSING = Lock()
"""Python 3.11's parser fails where threads take turns in it (cpython issue 106905)."""


def _listed(path: Path) -> list[tuple[str, str]]:
    """Return the names in a file's dictionaries, each with its dictionary; nothing is run."""
    text = path.read_bytes()
    kinds = [kind for kind in (RESTORING, CLASSIFYING) if kind.encode() in text]
    if not kinds:
        return []
    try:
        with _PARSING:
            body = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise OptionError(f"{path}: a network's file must be Python; {error}.") from error
    return [
        (name, kind)
        for statement in body
        for kind in kinds
        if kind in _assigned(statement)
        for name in _keys(path, kind, getattr(statement, "value", None))
    ]


def _assigned(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _keys(path: Path, kind: str, said: ast.expr | None) -> list[str]:
    keys = said.keys if isinstance(said, ast.Dict) else [None]
    names = [key.value for key in keys if isinstance(key, ast.Constant)]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(keys):
        raise OptionError(f"{path}: {kind} must be a dictionary with its names written out.")
    return texts


def _module(path: Path) -> ModuleType:
    """Return a network's file as a module; a user's own is run once."""
    if path.parent == HERE:
        return import_module(f"{__name__}.{path.stem}")
    name = f"{__name__}:{path}"  # no import can say this, so it hides no other module
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
            said = f"{type(error).__name__}: {error}"
            raise OptionError(f"{path}: a network's file must run; {said}.") from error
    return sys.modules[name]
