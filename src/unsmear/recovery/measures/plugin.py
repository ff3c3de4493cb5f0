"""Plugin measures: one Python file with a function `measure(image)`."""

from __future__ import annotations

import inspect
import math
import sys
import traceback
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from unsmear.errors import OptionError, error_text
from unsmear.recovery.measures.base import MaskedImage, Measure, Numbers

FUNCTION = "measure"


@dataclass(frozen=True)
class Plugin:
    """Measure defined in a Python file; its return value is checked at every call.

    Raises OptionError, with the file's name, for what its function raises, and for anything but a
    dictionary of numbers, or of lists of one number for each cell or each nucleus of the reference.
    Infinite numbers become NaN.
    """

    path: Path
    function: Measure = field(repr=False, compare=False)

    def __call__(self, image: MaskedImage) -> dict[str, Numbers]:
        """Return the numbers of the image."""
        try:
            values: Any = self.function(deepcopy(image))  # which it may change
        except Exception as error:
            raise OptionError(
                f"{self.path}: {FUNCTION}() must not raise, got {type(error).__name__}"
                f"{_line(error, self.path)}: {error_text(error)}."
            ) from error
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            raise OptionError(
                f"{self.path}: {FUNCTION}() must return a dictionary of numbers by name, "
                f"got {_shown(values)}."
            )
        counts = (image.count, int(image.reference.max(initial=0)))
        return {name: self._number(name, value, counts) for name, value in values.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by path: another process reads the file again, as its functions cannot be sent."""
        return plugin, (self.path,)

    def _number(self, name: str, value: Any, counts: tuple[int, ...]) -> Numbers:
        if isinstance(value, Real | np.bool_):
            return _finite(value)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return self._number(name, value[()], counts)
        if not isinstance(value, list | tuple | np.ndarray) or not all(
            isinstance(number, Real | np.bool_) for number in value
        ):
            raise OptionError(
                f"{self.path}: {name} must be a number or a list of numbers, got {_shown(value)}."
            )
        if len(value) not in counts:
            raise OptionError(
                f"{self.path}: {name} must have a number for each of {counts[0]} cells, "
                f"got {len(value)}."
            )
        return [_finite(number) for number in value]


def plugin(path: Path) -> Measure:
    """Return the measure of a Python file, which is run, with its function `measure`.

    Raises OptionError, one sentence with the file's name, for a file that is missing, is not
    Python, fails as it is read, or has no such function of one argument.
    """
    path = Path(path)
    if not path.is_file():
        raise OptionError(f"{path}: a measure must be a Python file, got no file of that name.")
    function = getattr(_load(path), FUNCTION, None)
    if not callable(function):
        raise OptionError(f"{path}: a measure must have a function {FUNCTION}(image), got none.")
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"{path}: {FUNCTION} must take one argument, got {FUNCTION}{_signature(function)}."
        ) from error
    return Plugin(path, function)


def _load(path: Path) -> ModuleType:
    name = f"unsmear_measure_{abs(hash(path.resolve())):x}"
    loader = SourceFileLoader(name, str(path))
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and pickles look for it there
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        what = "be Python" if isinstance(error, SyntaxError) else "be read without an error"
        raise OptionError(
            f"{path}: a measure must {what}, got {type(error).__name__}"
            f"{_line(error, path)}: {error_text(Exception(*error.args))}."
        ) from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """Return " in line N" for the line of the file that an error came from, "" for none."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    line = error.lineno if isinstance(error, SyntaxError) else (lines or [None])[-1]
    return f" in line {line}" if line else ""


def _finite(value: Any) -> float:
    number = float(value)
    return number if math.isfinite(number) else math.nan


def _signature(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(...)"


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
