"""Random command lines: the real options of every command, with right and wrong values."""

import os
from functools import cache
from pathlib import Path
from typing import get_args

from tests.fuzz import mutation

NAMES = ("restore", "estimate", "blur", "evaluate", "recovery", "classify", "prepare", "explore",
         "export", "train", "search", "page", "status", "synth", "weights", "cite", "completion",
         "bench", "demo", "open", "stream")  # fmt: skip
"""Commands, those that are here; `doctor` has no options and takes seconds."""
NUMBERS = ("0", "1", "2", "3", "3.5", "20", "16", "64", "0.5", "-1", "-0.5", "1e300", "-1e300",
           "1e-300", "nan", "inf", "-inf", "512", "513", "1_0", "0x10", "٣", "²", "", "1,5", "t=1",
           "DAPI=3", "=", "none", "9" * 400, "99999999999999999999")  # fmt: skip
AXES = ("YX", "CYX", "ZCYX", "XY", "yx", "Q", "YY", "", "STCZYX", "PYX")
MEMORY = ("2GB", "1", "0", "999999TB", "1e9", "-2GB", "2 GiB", "nan", "GB")
OUTPUTS = ("{out}", "{out}", "{out}", "{out}/a/b", "{out}/t.csv", "{out}/p.html", "in/x.png", "in",
           "/dev/null/x", "s3:/x/y", "{out}/" + "n" * 300)  # fmt: skip
METHODS = ("wiener", "wiener-local", "richardson-lucy", "unsupervised-wiener", "deep-wiener-fast",
           "maxim-s3-reds", "w", "in/w", "dcae", "")  # fmt: skip
SETTINGS = ("--data.size", "--stop.steps", "--optimiser.rate", "--seed", "--data.batch",
            "--options.dropout", "--options.filters", "--data.pairs", "--loss", "--start",
            "--data.siez", "--stop.", "--.", "--log.validate-every", "--data.sharp")  # fmt: skip
BOUNDS = {
    "synth": ("--count", "1", "--size", "64"),
    "demo": ("--count", "0"),
    "bench": ("--rounds", "0"),
    "weights": ("--from", "{in}/x.png"),
    "train": ("--show",),
    "search": ("--dry-run",),
    "open": ("--port", "99999"),
    "stream": ("--idle", "0", "--patience", "0"),
    "recovery": ("--dry-run",),
}
"""What stands at the end of a command's line, so that it trains, measures, serves and fetches
nothing; the options before it are read all the same."""
NOT_DRAWN = {"--workers", "--scheduler", "--slurm", "--dashboard", "--help", "--version"}
"""Options that start processes or reach others; drawn by `PLACES` alone."""
PLACES = (("--workers", "0"), ("--workers", "-3"), ("--workers", "x"), ("--workers", "1"),
          ("--workers", "2", "--scheduler", "tcp://127.0.0.1:1"), ("--dashboard",),
          ("--slurm", "in/none.toml", "--workers", "3"))  # fmt: skip


def draw(random, name, files, dry):
    """Return the words of a line of a command, save its `BOUNDS`.

    files: paths that are there. dry: share of --dry-run.
    """
    words = [name, *(["get"] if name == "weights" else [])]
    arguments = _arguments(name)
    for argument in arguments:
        if argument.required and random.random() < 0.93:
            words += _given(random, argument, files)
    optional = [argument for argument in arguments if not argument.required]
    for argument in random.sample(optional, min(len(optional), random.choice((0, 1, 2, 2, 3, 5)))):
        words += _given(random, argument, files)
    if name in ("train", "search"):
        for setting in random.sample(SETTINGS, random.randrange(4)):
            words += [setting, random.choice((*NUMBERS, "[1, 2]", "in/x.png", "[" * 2000))]
    if random.random() < 0.1:
        words.insert(random.randrange(len(words) + 1), random.choice((*mutation.TEXTS, "--json",
                     "--quiet", "--", "-", "--colour", "-o", "-x")))  # fmt: skip
    if random.random() < 0.1 and any("--workers" in a.names for a in arguments):
        words += random.choice(PLACES)
    if any("--dry-run" in a.names for a in arguments) and random.random() < dry:
        words.append("--dry-run")
    return [word.replace("\0", "?") for word in words]


def changed(random, name, words, files):
    """Return other words for a line of a command: arguments more, a word less, or another word."""
    words, way, arguments = list(words), random.randrange(4), _arguments(name)
    at = random.randrange(1, len(words) + 1)
    if way == 0 or not arguments:
        del words[at : at + 1]
    elif way == 1:
        words[at : at + 1] = [_value(random, random.choice(arguments), files)]
    else:
        words[at:at] = _given(random, random.choice(arguments), files)
    return [word.replace("\0", "?") for word in words]


@cache
def here():
    """Return the names of the commands that are here."""
    from unsmear.cli import COMMANDS

    return [name for name in NAMES if name in COMMANDS]


@cache
def _arguments(name):
    """Return the arguments of a command, without those that would start other processes."""
    from unsmear.cli import app

    command = app[name]["get"] if name == "weights" else app[name]
    return [
        argument
        for argument in command.assemble_argument_collection()
        if argument.names != ("*",) and not NOT_DRAWN & set(argument.names)
    ]


def _given(random, argument, files):
    """Return the words of one argument: its name, unless it has none, and values."""
    name = random.choice(argument.names)
    named = [name] if name.startswith("-") else []
    if argument.hint is bool or bool in get_args(argument.hint):
        return named
    count = random.choice((1, 1, 1, 2, 3)) if "list" in str(argument.hint) else 1
    if "tuple[float, float]" in str(argument.hint):
        count = random.choice((1, 2, 2, 2))
    return named + [_value(random, argument, files) for _ in range(count)]


def _value(random, argument, files):
    """Return a value of an argument; one of five is of no kind that it takes."""
    if random.random() < 0.2:
        return random.choice((*NUMBERS, *mutation.TEXTS[:-6], *files))
    choices = argument.get_choices(force=True)
    if choices:
        return random.choice(choices)
    name, hint = argument.names[0], str(argument.hint)
    for part, values in (("axes", AXES), ("memory", MEMORY), ("method", METHODS)):
        if part in name:
            return random.choice(values)
    if name == "--output":
        return random.choice(OUTPUTS)
    if "int" in hint or "float" in hint or name in ("--length", "--angle", "--exposure"):
        return random.choice(NUMBERS)
    if name == "--model" or "MODEL" in name:
        return random.choice(("dcae", "nafnet", "classifier", "vit", "dcea", ""))
    return random.choice((*files, *files, *NUMBERS[:4], "missing.png", "*", "in/[", "**/*.png"))


def given_files(folder):
    """Return the paths of all files and folders below a folder, from the one above it."""
    above = Path(folder).parent
    return sorted(os.path.relpath(path, above) for path in (folder, *Path(folder).rglob("*")))
