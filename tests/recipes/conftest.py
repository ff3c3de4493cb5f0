"""What the tests of the recipes share."""

import runpy
import sys

import pytest

from unsmear.estimate import stage_fit
from unsmear.restoration import filling


@pytest.fixture
def run_here(monkeypatch, capfd):
    """Return a function that runs a script in this process, which has loaded all it needs.

    words: its path and arguments. It returns code, out and err.
    """

    def run(words):
        monkeypatch.setattr(sys, "argv", words)
        monkeypatch.setattr(sys, "path", [*sys.path])  # which the script adds to
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(words[0], run_name="__main__")
        return ended.value.code, *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def quick_restoration():
    """Restore without the last digit of what fills gaps, and search for no stage motions, in the
    rest of the module: the recipes' runs are asked about, not what they find.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(filling, "STEPS", 30)
        patched.setattr(stage_fit, "search", lambda *_: None)
        yield
