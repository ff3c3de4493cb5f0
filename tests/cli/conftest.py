"""The command line as a user calls it, in this process."""

import sys
from dataclasses import dataclass

import pytest

from unsmear.cli import main


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
