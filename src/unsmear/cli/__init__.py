"""Command line: one module per command, imported when the command is called."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NoReturn

import cyclopts
from cyclopts import Parameter

from unsmear import __version__
from unsmear.cli import console
from unsmear.errors import MissingExtra, MisuseError, UnsmearError, error_text, unforeseen

# The matrices here are small: several threads of linear algebra only slow each other down, most of
# all on a busy machine. NumPy reads this at its first import; worker processes inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS = {
    "restore": "Take the blur out of images.",
    "open": "Look at images and restore them in a browser, on this computer.",
    "stream": "Take the blur out of the frames of a moving stage, as they come.",
    "status": "Say how far a batch is, and what failed.",
    "estimate": "Estimate the motion that blurred an image.",
    "blur": "Blur images as a moving stage, defocus or a shaken camera would.",
    "evaluate": "Score restoration methods on pairs of sharp and blurred images.",
    "recovery": "Measure whether restored images keep the labels, cells and intensities.",
    "classify": "Predict the labels of images, or of each of their cells.",
    "prepare": "Make pairs of sharp and blurred images from sharp images.",
    "explore": "Describe a data set: labels, intensities, sharpness.",
    "export": "Export a network as an ONNX file, or as a package of bioimage.io.",
    "train": "Train a network that restores or classifies images, or pretrain one.",
    "search": "Search for the best training options of a network.",
    "page": "Write a report of a training run or a batch, on one page.",
    "synth": "Generate synthetic fields of cells.",
    "weights": "Download published weights of other authors.",
    "bench": "Measure the computing time and memory on this machine.",
    "doctor": "Say what is installed, and test that it works.",
    "cite": "Print how to cite the program.",
    "completion": "Print the script by which a shell completes commands and options.",
    "demo": "Generate cells, blur them, restore them and print the scores.",
}


def _fill(*called: Any) -> None:
    """Fill in the defaults of a user's file, which is read when a command is called."""
    from unsmear.cli import defaults

    defaults.fill(COMMANDS, *called)


app = cyclopts.App(
    name="unsmear",
    help="Take motion blur out of fluorescence microscopy images.",
    help_format="plaintext",  # the renderer of Markdown is slow to import
    version=__version__,
    suppress_keyboard_interrupt=False,
    exit_on_error=False,  # `main` says what is wrong
    print_error=False,
)
for _name, _help in COMMANDS.items():
    # `weights` has commands of its own: it is an App, which states its format itself.
    _format: dict[str, Any] = {} if _name == "weights" else {"help_format": "markdown"}
    app.command(f"unsmear.cli.{_name}:{_name}", name=_name, help=_help, **_format)

app.meta.suppress_keyboard_interrupt = False
app.config = (_fill,)

MISUSED = 2
"""Exit code where the command line cannot be understood."""
JSON = Parameter(
    name="--json",
    negative=(),
    group="Output",
    help="Print results as JSON, one object a line.",
)
QUIET = Parameter(
    negative=(),
    group="Output",
    help="Print no results and no progress; warnings and errors are printed.",
)


@app.meta.default
def launch(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> Any:
    """Run a command. words: the command, and all that is its own."""
    console.print_as("json" if as_json else "quiet" if quiet else "text")
    return app(words)


class Terminated(KeyboardInterrupt):
    """The system ends this process, as a scheduler does when its time is over."""


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, and not its children that have other handlers.

    So workers end with it, and what is under way is given back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()

    def end(number: int, _: object) -> None:
        if os.getpid() == process:
            raise Terminated
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """Run the command line; whatever is raised ends in a sentence and an exit code."""
    console.print_any_name()
    with console.printing():
        try:
            with _ending_in_order():
                sys.exit(app.meta(sys.argv[1:], exit_on_error=False, print_error=False))
        except cyclopts.CycloptsError as error:
            from unsmear.cli import mistakes

            _stop(mistakes.sentence(error), MISUSED)
        except UnsmearError as error:
            _stop(str(error), MISUSED if isinstance(error, MisuseError) else 1)
        except ImportError as error:  # the command's own module needs an extra
            known = isinstance(error.__cause__, MissingExtra)
            _stop(str(error.__cause__) if known else unforeseen(error))
        except BrokenPipeError:  # the reader of the pipe, such as `head`, has closed it
            _let_go_of_pipe()
            sys.exit(1)
        except OSError as error:  # a disk that is full or away, wherever it was met
            where = "" if error.filename is None else f"{error.filename}: "
            _stop(f"{where}{error_text(error)}.")
        except MemoryError:
            _stop("there is not enough memory for this.")
        except Exception as error:
            _stop(unforeseen(error))
        except KeyboardInterrupt as stopped:
            _stop("stopped.", 143 if isinstance(stopped, Terminated) else 130)


def _stop(sentence: str, code: int = 1) -> NoReturn:
    """End with a sentence on stderr, which is an object on stdout too where JSON is printed."""
    try:
        console.say(f"unsmear: {sentence}", sys.stderr, error=sentence, code=code)
    except BrokenPipeError:  # the object was not read; the sentence may be
        _let_go_of_pipe()
        with suppress(BrokenPipeError):
            console.say(f"unsmear: {sentence}", sys.stderr)
    sys.exit(code)


def _let_go_of_pipe() -> None:
    """Let what stdout still holds go nowhere: flushing it at the end would raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
