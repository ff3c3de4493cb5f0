"""The error of a value that is not what its option takes, such as a word for a number."""

from __future__ import annotations

from unsmear.errors import OptionError


class WrongKindError(OptionError):
    """A value that cannot be read as what its option takes; the command ends with exit code 2."""
