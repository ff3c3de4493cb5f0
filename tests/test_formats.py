"""Files that are a promise: read as they were written by the first version, and written the same.

The files in `formats/` were written before the package had its present layout. A change here is a
change of a format: old files must still be read.
"""

import json
import shutil
from pathlib import Path

import pytest
import tomli_w
import torch

from unsmear.checkpoints import checkpoint
from unsmear.data import manifest
from unsmear.recovery.collect import journal
from unsmear.train.config import options

GOLDEN = Path(__file__).parent / "formats"


@pytest.fixture
def copy(tmp_path):
    """Return a folder with copies: readers may mend what they read."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "golden"))


def test_manifest(copy, tmp_path):
    pairs = manifest.read(copy)
    assert [pair.name for pair in pairs] == ["a.png", "b_2.tif", "c, d.png"]
    assert pairs[0].blur == {"family": "motion", "length": 6.5, "angle": 15.0}
    assert pairs[0].labels == (0, 16)
    assert (pairs[1].scale, pairs[1].black, pairs[1].white, pairs[1].seed) == (0.5, 3, 4095, 11)
    assert pairs[2].blur is None
    (tmp_path / "new").mkdir()
    manifest.write(tmp_path / "new", pairs)
    written = (tmp_path / "new" / manifest.FILE).read_bytes()
    assert written == (GOLDEN / manifest.FILE).read_bytes()


def test_answers(copy, tmp_path):
    path = copy / journal.FILE
    predictions = journal.load(path)
    assert predictions.labels == ("Nucleoplasm", "Cytosol")
    assert predictions.thresholds == (0.5, 0.375)
    assert len(predictions.rows) == 5
    assert predictions.rows[0].probabilities == (0.25, 0.9)
    asked = json.loads(path.read_bytes().splitlines()[0])["asked"]
    journal.save(tmp_path / journal.FILE, predictions, asked)
    assert (tmp_path / journal.FILE).read_bytes() == (GOLDEN / journal.FILE).read_bytes()


def test_run():
    run = options.check(options.read(GOLDEN / "run.toml"))
    assert (run.model, run.seed) == ("dcae", 0)
    assert run == options.resolve("dcae")
    assert tomli_w.dumps(options.dump(run)).encode() == (GOLDEN / "run.toml").read_bytes()


def test_weights_and_their_card(tmp_path):
    loaded = checkpoint.load(GOLDEN / "card")
    assert (loaded.network, loaded.options) == ("dcae", {"channels": 1, "filters": [4, 8]})
    assert torch.equal(loaded.tensors["weight"], torch.arange(6.0).reshape(2, 3))
    card = {name: value for name, value in loaded.card.items() if name != "sha256"}
    checkpoint.save(tmp_path / "card", loaded.tensors, card)
    for ending in checkpoint.ENDINGS:
        written = (tmp_path / "card").with_suffix(ending).read_bytes()
        assert written == (GOLDEN / "card").with_suffix(ending).read_bytes()
