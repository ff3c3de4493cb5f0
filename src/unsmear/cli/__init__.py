"""The command line: one file a command, imported when the command is called."""

from __future__ import annotations

import os
import sys

import cyclopts

from unsmear import __version__
from unsmear.errors import UnsmearError

# The matrices here are small: threads of the linear algebra only wait for each other, and on a busy
# machine they wait long. Read when NumPy is first imported; worker processes inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS = {
    "restore": "Take the blur out of images.",
    "estimate": "Find the movement that blurred an image.",
    "blur": "Blur images as a microscope would.",
    "evaluate": "Score restorers on pairs of sharp and blurred images.",
    "recovery": "Ask what restored images show: the same labels, cells and numbers?",
    "classify": "Find the labels of images, or of each of their cells.",
    "prepare": "Make pairs of sharp and blurred images from any source.",
    "explore": "Describe a data set: labels, intensities, sharpness.",
    "export": "Write a restorer's network as an ONNX file.",
    "train": "Train a network that restores or classifies.",
    "search": "Search the options that train a network best.",
    "page": "Show a training run on one page.",
    "synth": "Make synthetic fields of cells.",
    "weights": "Get weights that others published.",
    "demo": "Make cells, smear them, restore them, print the table.",
}

app = cyclopts.App(
    name="unsmear",
    help="Take motion blur out of fluorescence microscopy images.",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
for _name, _help in COMMANDS.items():
    app.command(f"unsmear.cli.{_name}:{_name}", name=_name, help=_help)


def main() -> None:
    """Run the command line; an UnsmearError ends in its sentence and exit code 1."""
    try:
        sys.exit(app(sys.argv[1:]))
    except UnsmearError as error:
        print(f"unsmear: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("unsmear: stopped.", file=sys.stderr)
        sys.exit(130)
