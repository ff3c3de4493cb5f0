"""The command line reads its options before anything heavy is imported."""

import json
import subprocess
import sys

import pytest

from unsmear.cli import COMMANDS

HEAVY = (
    "numpy", "scipy", "skimage", "cv2", "tifffile", "imagecodecs", "zarr", "torch", "onnxruntime",
    "pydantic", "matplotlib", "optuna", "dask", "distributed",
)  # fmt: skip
WRONG = {
    "restore": ["cell.png", "-o", "out", "--tile", "many"],
    "open": ["cells", "--port", "many"],
    "estimate": ["cell.png", "--per", "week"],
    "blur": ["cell.png", "-o", "out", "--seed", "x"],
    "evaluate": ["pairs", "-o", "out", "--kernel", "blue"],
    "recovery": ["pairs", "-o", "out", "--other-labels", "keep"],
    "classify": ["cell.png", "-o", "out.csv", "--classifier", "light-cells", "--cells", "cut"],
    "prepare": ["cells", "-o", "out", "--bits", "12"],
    "explore": ["cells", "-o", "out", "--workers", "few"],
    "export": ["deep-wiener", "-o"],
    "train": ["dcae", "--show", "--data"],
    "search": ["dcae", "--trials", "many"],
    "page": ["run", "--colour", "red"],
    "status": ["out", "--colour", "red"],
    "stream": ["in", "-o", "out", "--speed", "fast"],
    "synth": ["-o", "out", "--bits", "eight"],
    "weights": ["get", "vgg16", "--to", "here"],
    "bench": ["--rounds", "many"],
    "doctor": ["--colour", "red"],
    "cite": ["--colour", "red"],
    "completion": ["tcsh"],
    "demo": ["--count", "x"],
}
"""Arguments that no command takes: choices, numbers and names that are wrong."""
CONTRADICTORY = {
    "a tile": ["restore", "cell.png", "-o", "out", "--tile", "8"],
    "two kernels": ["restore", "cell.png", "-o", "out", "--length", "5", "--kernel", "k.txt"],
    "half a kernel": ["restore", "cell.png", "-o", "out", "--length", "5"],
    "no blur": ["blur", "cell.png", "-o", "out"],
    "a range": ["evaluate", "pairs", "-o", "out", "--data-range", "0"],
    "cells and masks": [
        "classify", "cell.png", "-o", "out.csv", "--classifier", "light-cells", "--cells",
        "segment", "--masks", ".",
    ],
    "the paper's size": ["prepare", "cells", "-o", "out", "--protocol", "paper", "--size", "64"],
    "another family's option": ["prepare", "cells", "-o", "out", "--sigma", "2"],
    "no output": ["synth"],
    "a scan's option": ["synth", "-o", "out", "--jitter", "1"],
    "late frames without a time": [
        "stream", "in", "-o", "out", "--speed", "9", "--when-late", "pass",
    ],
    "no rounds": ["bench", "--rounds", "0"],
    "two places": ["restore", "cell.png", "-o", "out", "--workers", "2", "--scheduler", "tcp://x:1"],
    "no table": ["bench", "-o", "table.txt"],
}  # fmt: skip
UNKNOWN = {
    "train": (["train", "dcae", "--data.siez", "64"], "no option; did you mean data.size?"),
    "search": (["search", "dcae", "--stop.step", "9"], "no option; did you mean stop.steps?"),
    "kind": (["train", "dcae", "--data.size", "many"], "data.size: input should be a valid int"),
    "choice": (["train", "dcae", "--data.family", "blue"], "data.family: input should be 'motion'"),
    "file": (["train", "dcae", "--config", "own.toml"], "own.toml: data.siez is no option"),
}  # fmt: skip


def loaded(code):
    """Return the heavy libraries that a fresh interpreter has after `code`, and what it printed."""
    script = (
        f"import json, sys\n{code}\n"
        f"print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1])) & set(HEAVY), done.stderr


def after(words, codes=(1, 2)):
    """Return what is loaded once a command line has been refused, and its sentence."""
    code = (
        f"from unsmear.cli import main\nsys.argv = ['unsmear', *{words!r}]\n"
        f"try:\n    main()\nexcept SystemExit as stopped:\n    assert stopped.code in {codes!r}"
    )
    return loaded(code)


@pytest.mark.slow
def test_importing_every_command_imports_nothing_heavy():
    code = "\n".join(f"import unsmear.cli.{command}" for command in COMMANDS)
    assert loaded(f"{code}\nassert 'rich' not in sys.modules") == (set(), "")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_option_is_refused_before_anything_heavy_is_imported(command):
    heavy, sentence = after([command, *WRONG[command]])
    assert not heavy
    assert sentence.startswith("unsmear: ")
    assert f"see unsmear {command}" in sentence
    assert "Traceback" not in sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["restore", "a.png"], "--output must be given: the folder or file for the results, as in "
         "-o results; see unsmear restore --help."),
        (["restore", "a.png", "-o"], "-o must come with a value; see unsmear restore --help."),
        (["restore", "-o", "x"], "INPUT must be given: images, folders, globs or zip files; see "
         "unsmear restore --help."),
        (["restore", "a.png", "-o", "x", "--reprot", "y"], "Unknown option: --reprot. Did you mean "
         "--report? Or see unsmear restore --help."),
        (["restor", "a.png"], 'Unknown command "restor". Did you mean "restore"? Or see unsmear '
         "--help."),
        (["weights", "get"], "NAME must be given; see unsmear weights get --help."),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence_that_says_what_to_do(words, sentence, unsmear):
    done = unsmear(*words)
    assert (done.code, done.err, done.out) == (2, f"unsmear: {sentence}\n", "")


@pytest.mark.parametrize(
    "option",
    ["--length twelve", "--angle x", "--exposure x", "--workers x", "--iterations x", "--memory x"],
)
def test_a_value_of_the_wrong_kind_is_misuse(option, unsmear):
    assert unsmear("restore", "a.png", "-o", "x", *option.split()).code == 2


@pytest.mark.slow
@pytest.mark.parametrize("what", UNKNOWN)
def test_misuse_of_training_is_refused_before_torch_is_imported(what, tmp_path, monkeypatch):
    pytest.importorskip("pydantic", reason="the packages for training are not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text("[data]\nsiez = 64\n")
    words, sentence = UNKNOWN[what]
    heavy, said = after(words, codes=(2,))
    assert "torch" not in heavy
    assert sentence in said


@pytest.mark.slow
def test_an_unknown_network_is_refused_before_torch_is_imported():
    pytest.importorskip("pydantic", reason="the packages for training are not installed")
    heavy, said = after(["train", "dcea"], codes=(1,))
    assert "torch" not in heavy
    assert "got dcea. Did you mean dcae?" in said


def test_an_option_of_a_network_is_an_option(unsmear):
    pytest.importorskip("torch", reason="the packages for training are not installed")
    done = unsmear("train", "dcae", "--options.filtres", 4)
    assert done.code == 2
    assert "Did you mean filters?" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("what", CONTRADICTORY)
def test_options_that_contradict_are_refused_as_early(what):
    heavy, sentence = after(CONTRADICTORY[what])
    assert not heavy
    assert sentence.startswith("unsmear: ")
    assert "Traceback" not in sentence


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("by\nzero"), "(ZeroDivisionError: by zero)"),
        (ImportError("no module named x"), "(ImportError: no module named x)"),
        (RecursionError(), "(RecursionError: RecursionError)"),
    ],
)
def test_an_error_that_nobody_foresaw_is_a_sentence(error, told, unsmear, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr("unsmear.cli.jobs.status.run", fail)
    monkeypatch.delenv("UNSMEAR_TRACEBACK", raising=False)
    sentence = f"unsmear: an error that was not foreseen {told}; please report it.\n"
    finished = unsmear("status", ".")
    assert (finished.code, finished.err) == (1, sentence)
    monkeypatch.setenv("UNSMEAR_TRACEBACK", "1")
    finished = unsmear("status", ".")
    assert finished.err.startswith("Traceback (most recent call last):")
    assert (finished.code, finished.err.endswith(sentence)) == (1, True)
