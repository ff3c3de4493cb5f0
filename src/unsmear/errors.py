"""Every error that unsmear raises on purpose.

    UnsmearError
    ├── ImageError        (ValueError)   a file that cannot be read, or holds what no image holds
    ├── AxesError         (ValueError)   axes that are unknown, or do not fit the array
    ├── KernelError       (ValueError)   a blur or a kernel that no camera could have made
    ├── OptionError       (ValueError)   an option out of its range, or two that contradict
    ├── DataError         (ValueError)   a data set whose files, labels or manifest disagree
    ├── WeightsError      (ValueError)   weights that are missing, damaged or of another network
    ├── TrainingError     (RuntimeError) a training run that cannot go on
    └── MissingExtra      (ImportError)  an optional package is not installed

Each is also the built-in error beside it. The sentence is "*name* must be *requirement*, got
*value*." and begins with the file's name where there is one.
"""


class UnsmearError(Exception):
    """The root of the tree; the command line prints its sentence without a traceback."""


class ImageError(UnsmearError, ValueError):
    """A file that cannot be read, or that holds what no image holds."""


class AxesError(UnsmearError, ValueError):
    """Axes that are unknown, or that do not fit the array."""


class KernelError(UnsmearError, ValueError):
    """A blur or a kernel that no camera could have made."""


class OptionError(UnsmearError, ValueError):
    """An option out of its range, or two options that contradict each other."""


class DataError(UnsmearError, ValueError):
    """A data set whose files, labels or manifest disagree."""


class WeightsError(UnsmearError, ValueError):
    """Weights that are missing, damaged, or of another network than they say."""


class TrainingError(UnsmearError, RuntimeError):
    """A training run that cannot go on: a loss that is no number, memory that ran out."""


class MissingExtra(UnsmearError, ImportError):  # noqa: N818 -- the others end in Error for the file's sake
    """An optional package is not installed; the sentence names the extra that brings it."""


def no_memory(name: str) -> str:
    """Return the sentence for an image that memory is too small for; its batch goes on."""
    return f"{name}: there is not enough memory for this image."
