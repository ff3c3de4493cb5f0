"""What `import unsmear` costs, what it offers, and what the layers promise."""

import importlib
import json
import subprocess
import sys

import pytest

import unsmear
from unsmear import errors
from unsmear.cli import COMMANDS

HEAVY = ("torch", "numpy", "scipy", "cv2", "skimage", "matplotlib", "pandas", "tifffile", "rich")


def modules_after(code):
    """Return the modules that a fresh interpreter has loaded after running `code`."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return json.loads(finished.stderr.splitlines()[-1])


def test_importing_the_package_imports_almost_nothing():
    before = modules_after("pass")
    after = modules_after("import unsmear")
    ours = set(after) - set(before)
    assert len(ours) < 15, sorted(ours)
    assert not [name for name in ours if name.split(".")[0] in HEAVY]


@pytest.mark.slow
def test_help_loads_no_command_and_no_library():
    code = (
        "import contextlib, io\nfrom unsmear.cli import app\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    app(['--help'])"
    )
    after = modules_after(code)
    loaded = {name.split(".")[0] for name in after} & (set(HEAVY) - {"rich"})
    assert not loaded
    told = set(after) - {"unsmear.cli.console"}
    assert not [name for name in told if name.startswith(("unsmear.cli.", "markdown_it"))]
    assert len(after) < 300


@pytest.mark.slow
def test_a_restoration_loads_no_part_of_scipy_that_it_seldom_needs():
    after = modules_after("import unsmear.cli.jobs.restore.job")
    assert "scipy.fft" in after
    assert not [n for n in ("scipy.optimize", "scipy.signal", "scipy.stats") if n in after]


def test_a_name_that_is_not_public_is_refused():
    with pytest.raises(AttributeError, match="attribute nothing"):
        unsmear.nothing  # noqa: B018


def test_every_error_is_also_a_builtin_one():
    tree = [e for e in vars(errors).values() if isinstance(e, type)]
    for error in set(tree) - {errors.UnsmearError}:
        assert issubclass(error, errors.UnsmearError)
        assert issubclass(error, (ValueError, RuntimeError, ImportError))
        assert error.__name__ in errors.__doc__


@pytest.mark.parametrize("command", COMMANDS)
def test_every_listed_command_is_there(command):
    assert callable(getattr(importlib.import_module(f"unsmear.cli.{command}"), command))


def test_synthetic_cells_ask_for_their_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("unsmear.synthetic")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(unsmear, "synthetic", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(errors.MissingExtra, match=r"pip install 'unsmear\[synth\]'"):
        importlib.import_module("unsmear.synthetic")


@pytest.mark.slow
def test_an_image_is_restored_without_opencv():
    code = (
        "import sys, numpy as np, unsmear\nsys.modules['cv2'] = None\n"
        "cell = np.zeros((96, 96), np.float32)\ncell[40:56, 40:56] = 1000\n"
        "kernel = unsmear.Motion(8, 30).kernel()\n"
        "image = unsmear.Image(unsmear.convolve(cell, kernel).astype(np.uint16), 'YX')\n"
        "unsmear.restore(image)\nunsmear.restore(image, kernel)\n"
        "unsmear.ssim(cell, cell, data_range=1000)"
    )
    assert "unsmear.restoration.pipeline" in modules_after(code)
