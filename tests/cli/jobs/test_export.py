"""`unsmear export` refuses what it cannot export before it says that it checks a file."""

import sys

import pytest

from unsmear.checkpoints import checkpoint
from unsmear.cli import main
from unsmear.restoration import methods

pytest.importorskip("onnx", reason="onnx is not installed")


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Return a function that runs a command which fails, and gives its one sentence."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["unsmear", "export", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert (stopped.value.code, out) == (1, "")
        assert not list(tmp_path.glob("*.onnx"))
        return err.removeprefix("unsmear: ").strip()

    return run


@pytest.mark.parametrize("words", [[], ["-o", "a.onnx"], ["--bioimageio"]])
@pytest.mark.parametrize("method", ["wiener", "richardson-lucy"])
def test_a_method_without_a_network(refused, method, words):
    sentence = refused(method, *words)
    assert sentence.startswith(f"{method}: this method has no network to export; those are deep-")
    assert all(name in sentence for name in methods.METHODS if name in checkpoint.shipped())


def test_the_program_s_own_file_is_not_replaced(refused):
    own = checkpoint.SHIPPED / "deep-wiener-lean.onnx"
    before = own.stat().st_mtime_ns
    assert "--output must say where the file goes" in refused("deep-wiener-lean")
    assert own.stat().st_mtime_ns == before


def test_a_network_that_does_neither_restore_nor_classify(refused, tmp_path):
    card = {"network": "mae", "options": {}}
    checkpoint.save(tmp_path / "w", {}, card)
    assert refused("w").startswith("w: a network to export must restore or classify, got 'mae'")


def test_a_package_that_is_missing(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert refused("deep-wiener", "-o", "a.onnx").endswith("onnx: pip install 'unsmear[onnx]'.")
    monkeypatch.undo()


def test_a_package_of_bioimageio_that_is_missing(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimageio", None)
    sentence = refused("deep-wiener", "--bioimageio")
    assert sentence.endswith("pip install 'unsmear[bioimageio]'.")


def test_a_dry_run_names_the_files(unsmear, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for ending in (".safetensors", ".json"):
        (tmp_path / f"w{ending}").write_bytes(
            (checkpoint.SHIPPED / f"deep-wiener-fast{ending}").read_bytes()
        )
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for words, written in {("w",): "w.onnx, w.json", ("w", "-o", "a.onnx"): "a.onnx"}.items():
        done = unsmear("export", *words, "--dry-run")
        assert done.out == f"would read 1 network: w.\nwould write {written}.\n"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert unsmear("export", "w", "-o", "a.zip", "--dry-run").code == 1


def test_another_ending(refused):
    assert "must end in .onnx." in refused("deep-wiener", "-o", "a.zip")
    assert "must end in .zip." in refused("deep-wiener", "-o", "a.onnx", "--bioimageio")
