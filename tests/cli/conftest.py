"""The command line as a user calls it, in this process."""

import math
import sys
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from unsmear import cluster, free_memory
from unsmear.cli import main
from unsmear.cli.jobs import progress


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


@pytest.fixture
def unsmear(capfd, monkeypatch):
    """Return a function that runs `unsmear ARGUMENTS...` and returns code, out and err."""

    def run(*arguments):
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["unsmear", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capfd.readouterr()
        return Finished(int(stopped.value.code or 0), out, err)

    return run


@pytest.fixture(autouse=True)
def _no_lines_of_progress(monkeypatch):
    """Let a busy machine print what an idle one does."""
    monkeypatch.setattr(progress, "FIRST", math.inf)


@pytest.fixture
def slides_are_small(monkeypatch):
    """Let images of over 50,000 pixels be slides, in blocks of 128 pixels.

    What pixels without data are filled with needs no last digit here.
    """
    from unsmear.images import slides
    from unsmear.restoration import filling
    from unsmear.restoration.slide import run

    monkeypatch.setattr(slides.slide, "LARGE", 50_000)
    monkeypatch.setattr(run, "SIDES", (128,))
    monkeypatch.setattr(filling, "STEPS", 30)


KEPT = {}
"""Contexts and workers by where they are; they go on until a module ends."""


@contextmanager
def keep(where):
    """Give the workers of an earlier command, as `cluster.opened` gives new ones."""
    if where not in KEPT:
        with free_memory.limited(None):  # what the context bounds is bound for good otherwise
            context = cluster.opened(where)
            KEPT[where] = (context, context.__enter__())
    with free_memory.limited(where.memory_size):
        yield KEPT[where][1]


@pytest.fixture(scope="module")
def _end_workers():
    """End them with the module: waiting, they take a part of a core."""
    yield
    for context, _ in KEPT.values():
        context.__exit__(None, None, None)
    KEPT.clear()


@pytest.fixture
def kept_workers(monkeypatch, _end_workers):
    """Let commands share their worker processes, which take seconds to load what they need.

    They were started under the environment of the first test that used them.
    """
    pytest.importorskip("distributed")
    monkeypatch.setattr(progress, "opened", keep)
