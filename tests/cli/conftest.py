"""The command line as a user calls it, in this process."""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import pytest

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


class Borrowed:
    """A pool as a command asks for it, whose processes go on when the command is done."""

    pools: ClassVar = {}

    def __init__(self, workers, mp_context, initializer):
        if workers not in self.pools:
            self.pools[workers] = ProcessPoolExecutor(workers, mp_context, initializer)
        self.pool, self.asked = self.pools[workers], []

    def submit(self, *call):
        self.asked.append(self.pool.submit(*call))
        return self.asked[-1]

    def shutdown(self, cancel_futures):
        for future in self.asked:
            if not (cancel_futures and future.cancel()):
                future.exception()


@pytest.fixture
def kept_workers(monkeypatch):
    """Let commands share their worker processes, which take seconds to load what they need.

    They were started under the environment of the first test that used them.
    """
    monkeypatch.setattr(progress, "ProcessPoolExecutor", Borrowed)


@pytest.fixture(scope="session", autouse=True)
def _end_workers():
    yield
    for pool in Borrowed.pools.values():
        pool.shutdown()
