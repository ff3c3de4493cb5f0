"""What must hold after any command, whatever it was given."""

import csv
import hashlib
import json
import os
import re
from pathlib import Path

from unsmear import images
from unsmear.errors import AxesError, UnsmearError
from unsmear.images.image import SeveralImagesError

CODES = (0, 1, 2)
"""Exit codes of a command that nobody stopped: docs/reference/exit-codes.md."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
FOREIGN = re.compile(r"(?<!^)Warning|OpenCV|libpng", re.MULTILINE)
"""Words of libraries; lines of ours begin with "Warning: "."""
UNFORESEEN = "an error that was not foreseen"
IMAGES = (".png", ".tif", ".tiff", ".npy")


def tree(folder):
    """Return a checksum of the contents of every file and link in a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): _contents(path)
        for path in sorted(Path(folder).rglob("*"))
        if not path.is_dir()
    }


def changed(before, now):
    """Return the paths of a tree that are no longer there, or have other contents."""
    return [path for path, contents in before.items() if now.get(path) != contents]


def of_answer(code, out, err):
    """Return what is wrong with the exit code and with what was printed: (kind, text)."""
    wrong = []
    if code not in CODES:
        wrong.append(("exit code", str(code)))
    if "Traceback (most recent call last)" in err:
        wrong.append(("traceback", err[-1500:]))
    if UNFORESEEN in err + out:
        wrong.append(("unforeseen", err[-600:]))
    if code in (1, 2) and not err.strip():
        wrong.append(("no sentence", out[-300:]))
    if FOREIGN.search(err):
        wrong.append(("noise", err[-600:]))
    if CONTROL.search(err):
        wrong.append(("control characters", repr(err[-300:])))
    return wrong


def of_output(folder, given):
    """Return what is wrong with an output folder: parts of files, files that cannot be read.

    given: the folder of the input, whose files are copied as they are.
    """
    wrong = []
    copied = {_contents(path) for path in Path(given).rglob("*")}
    for root, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(root, name)
            reason = _wrong_with(path)
            if reason and _contents(path) not in copied:
                wrong.append(("partial output", f"{os.path.relpath(path, folder)}: {reason}"))
    return wrong


def _contents(path):
    return hashlib.sha256(Path(path).read_bytes()).digest() if os.path.isfile(path) else b""


def _wrong_with(path):
    name = os.path.basename(path)
    if name.endswith(".part"):
        return "it was left behind"
    try:
        if name.endswith(IMAGES):
            images.read(path)
        elif name.endswith(".json"):
            with open(path, encoding="utf-8") as file:
                json.load(file)
        elif name.endswith(".jsonl"):
            with open(path, encoding="utf-8") as file:
                list(map(json.loads, file))
        elif name.endswith(".csv"):
            with open(path, encoding="utf-8", newline="") as file:
                list(csv.reader(file))
    except (AxesError, SeveralImagesError):
        return ""  # it can be read, once more is said
    except (UnsmearError, ValueError, csv.Error) as error:
        return str(error)[:300]
    return ""
