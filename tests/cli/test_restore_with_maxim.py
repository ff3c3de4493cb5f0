"""The commands and the Python of docs/how-to/restore-with-maxim.md, with small random weights."""

import dataclasses
import re
import shlex
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from unsmear import images
from unsmear.checkpoints import convert_maxim, published
from unsmear.images import Image
from unsmear.models import maxim

TEXT = (Path(__file__).parents[2] / "docs/how-to/restore-with-maxim.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line
    for kind, block in BLOCKS
    for line in block.splitlines()
    if not kind and line.startswith("unsmear ")
]
PYTHON = [block for kind, block in BLOCKS if kind == "python" and "import" in block]
KERAS = "S-3_deblurring_reds.h5"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Go to a folder with images and published weights, which a server gives too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    size = {"features": 8, "stages": 3, "groups": 1, "bottlenecks": 1}
    monkeypatch.setitem(maxim.VARIANTS, "S-3", size)
    torch.manual_seed(1)
    convert_maxim.to_flax(maxim.variant("S-3"), "checkpoint.npz")
    draw = np.random.default_rng(1)
    for name, shape in (
        ("cell", (3, 64, 80)),
        ("smeared/one", (64, 64)),
        ("smeared/two", (2,) * 3),
    ):
        pixels = draw.integers(100, 60_000, (*shape[:-2], 64, 72)).astype(np.uint16)
        images.write(f"{name}.tif", Image(pixels, "CYX"[-len(shape) :]))
    for side in ("sharp", "blur"):
        images.write(f"pairs/{side}/a.tif", Image(pixels.astype(np.uint8), "CYX"))
    listening = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{listening.server_port}/checkpoint.npz"
    for name in published.networks():
        entry = dataclasses.replace(published.TABLE[name], url=url)
        monkeypatch.setitem(published.TABLE, name, entry)
    yield tmp_path
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_every_command_and_all_python_work(unsmear, write_keras):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    with np.load("checkpoint.npz") as arrays:
        write_keras(
            KERAS, {name.removeprefix(convert_maxim.TARGET): arrays[name] for name in arrays}
        )
    assert len(COMMANDS) == 10
    for command in COMMANDS:
        done = unsmear(*shlex.split(command)[1:])
        assert done.code == 0, command
        # The page's cells are not blurred, which the evaluation says.
        assert not done.err or "evaluate" in command, command
    for result in ("restored/cell.tif", "restored/one.tif", "restored/two.tif"):
        restored = images.read(result)
        source = images.read(
            "cell.tif" if "cell" in result else result.replace("restored", "smeared")
        )
        assert (restored.pixels.dtype, restored.axes) == (np.uint16, source.axes)
        assert restored.pixels.shape == source.pixels.shape
        assert not np.array_equal(restored.pixels, source.pixels)
    assert len(PYTHON) == 2
    for block in PYTHON:
        exec(compile(block, "restore-with-maxim.md", "exec"), {})
    np.testing.assert_equal(Path("mine.npz").read_bytes(), Path("checkpoint.npz").read_bytes())
    assert images.read("restored.tif").pixels.shape == images.read("cell.tif").pixels.shape


def test_the_table_of_scores_and_addresses_is_the_programs():
    entries = {name: published.TABLE[name] for name in published.networks()}
    for name in (name for name, entry in entries.items() if entry.network == "maxim"):
        entry = entries[name]
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` | de"))
        figures = [f"{psnr} dB / {ssim:.3f}" for psnr, ssim in entry.scores.values()]
        assert figures[0] in row
        if len(figures) > 1:
            assert figures[1].replace(" dB", "") in row
        assert entry.trained_on in row
        assert f"| `{name}` | <{entry.url}> |" in TEXT
