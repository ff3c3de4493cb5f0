"""Exceptions of Unsmear.

    UnsmearError
    ├── ImageError        (ValueError)   a file that cannot be read, or is not a valid image
    ├── AxesError         (ValueError)   axes that are unknown, or do not fit the array
    ├── KernelError       (ValueError)   a blur or a kernel that no camera could have made
    ├── OptionError       (ValueError)   an option out of its range, or two that contradict
    │   └── MisuseError                  an unknown option, or a word for a number
    ├── DataError         (ValueError)   a data set whose files, labels or manifest disagree
    ├── WeightsError      (ValueError)   weights that are missing, damaged or of another network
    ├── TrainingError     (RuntimeError) a training run that cannot continue
    └── MissingExtra      (ImportError)  an optional package is not installed

Each is also the built-in exception beside it. The message is "*name* must be *requirement*, got
*value*." and begins with the file's name if there is one. Of what a file or a user wrote it repeats
no control character and at most 200 characters: `bounded` sees to that, here and on stderr.
"""

import errno
import os
import re

LONGEST = 200
"""Largest number of characters that a message repeats of what was given."""
LARGEST = 4000
"""Largest number of characters of a message."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a disk, a quota or a limit of files without room."""
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of a text round."""
GIVEN = re.compile(r"""(?<!\w)'[^']{200,}'|(?<!\w)"[^"]{200,}"|\S{201,}""")
"""Texts in quotes, and words, that are longer than what a message repeats of anything."""


def shown(value: object) -> str:
    """Return a value as a message repeats it: its `repr`, at most 200 characters of it."""
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # thousands of digits; lists nested without end
        return f"a {type(value).__name__} that is too long to be shown"


def error_text(error: BaseException) -> str:
    """Return why an operation failed, as part of a sentence: at most 200 characters."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split()).rstrip(".")
    return shortened(text or type(error).__name__)


def is_full_disk(error: BaseException) -> bool:
    """Return whether an error comes from a disk without room."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FULL:
            return True
        cause = cause.__cause__
    return False


def unforeseen(error: BaseException) -> str:
    """Return the sentence on an error that no code of ours expects.

    Where the variable UNSMEAR_TRACEBACK is set, its traceback goes to stderr.
    """
    if os.environ.get("UNSMEAR_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    reason = f"{type(error).__name__}: {error_text(error)}"
    return f"an error that was not foreseen ({reason}); please report it."


def printable(text: str) -> str:
    """Return a text with escapes in place of control characters; line breaks become spaces."""
    return CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return " " if character in "\n\r\t" else character.encode("unicode_escape").decode()


def shortened(text: str) -> str:
    """Return a text, or the beginning of one of more than 200 characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def bounded(text: str, most: int = LARGEST) -> str:
    """Return a message without control characters that fits on a screen.

    Of words, and of quoted texts, the middle is left out above 200 characters, and of the whole
    above `most`.
    """
    text = GIVEN.sub(_ends, printable(text))
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 4 :]}"


def _ends(found: re.Match[str]) -> str:
    half = (LONGEST - 5) // 2
    return f"{found[0][:half]} ... {found[0][-half:]}"


class UnsmearError(Exception):
    """The root of the tree; the command line prints its sentence without a traceback.

    Examples
    --------
    >>> import unsmear
    >>> try:
    ...     unsmear.Motion(-1)
    ... except unsmear.UnsmearError as error:
    ...     print(error)
    length must be 0 to 512 pixels, got -1.
    """

    largest = LARGEST

    def __init__(self, *arguments: object) -> None:
        texts = (bounded(a, self.largest) if isinstance(a, str) else a for a in arguments)
        super().__init__(*texts)


class ImageError(UnsmearError, ValueError):
    """A file that cannot be read, or that holds what no image holds.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.read("missing.tif")
    Traceback (most recent call last):
    unsmear.errors.ImageError: missing.tif: the file cannot be read (No such file or directory).
    """


class AxesError(UnsmearError, ValueError):
    """Axes that are unknown, or that do not fit the array.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.restore(np.zeros((3, 64, 64)))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    unsmear.errors.AxesError: axes must be given for an array of 3 dimensions (3x64x64), ...
    """


class KernelError(UnsmearError, ValueError):
    """A blur or a kernel that no camera could have made.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Gaussian(-1)
    Traceback (most recent call last):
    unsmear.errors.KernelError: sigma must be 0 to 64 pixels, got -1.
    """


class OptionError(UnsmearError, ValueError):
    """An option out of its range, or two options that contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.psnr(np.eye(2), np.eye(2), data_range=0)
    Traceback (most recent call last):
    unsmear.errors.OptionError: data_range must be above 0 and finite, got 0.
    """


class MisuseError(OptionError):
    """An option that does not exist, or a value of another kind than its option takes.

    On the command line it ends with exit code 2, as what cannot be understood there.
    """


class DataError(UnsmearError, ValueError):
    """A data set whose files, labels or manifest disagree.

    Examples
    --------
    >>> import unsmear
    >>> issubclass(unsmear.DataError, ValueError)
    True
    """


class WeightsError(UnsmearError, ValueError):
    """Weights that are missing, damaged, or of another network than they say.

    Examples
    --------
    >>> import unsmear
    >>> issubclass(unsmear.WeightsError, ValueError)
    True
    """

    largest = 16_000  # all parameters of a network can be named


class TrainingError(UnsmearError, RuntimeError):
    """A training run that cannot go on: a loss that is no number, memory that ran out.

    Examples
    --------
    >>> import unsmear
    >>> issubclass(unsmear.TrainingError, RuntimeError)
    True
    """


class MissingExtra(UnsmearError, ImportError):  # noqa: N818 -- the others end in Error for the file's sake
    """An optional package is not installed; the sentence names the extra that brings it.

    Examples
    --------
    >>> import unsmear
    >>> issubclass(unsmear.MissingExtra, ImportError)
    True
    """


def no_memory(name: str) -> str:
    """Return the error message for an image that does not fit into memory."""
    return f"{name}: there is not enough memory for this image."
