"""A file `unsmear.toml` gives options their defaults, and its use is said."""

import numpy as np
import pytest

from unsmear import images
from unsmear.batches import layout, record
from unsmear.cli import COMMANDS, app, defaults
from unsmear.images import Image

WIENER = '[restore]\nmethod = "wiener"\nlength = ["6"]\nangle = "30"\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a folder with two images, in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        counts = np.random.default_rng(0).integers(0, 250, (48, 64), np.uint8)
        images.write(tmp_path / "in" / f"{name}.png", Image(counts, "YX"))
    return tmp_path / "in"


def test_defaults_count_where_nothing_is_typed_and_are_on_record(source, tmp_path, unsmear):
    (tmp_path / "unsmear.toml").write_text(WIENER)
    done = unsmear("restore", "in", "-o", "out", "--angle", 20)
    assert done.code == 0
    assert done.err == "Defaults from unsmear.toml: --method wiener, --length 6.\n"
    assert done.out.count("linear motion of 6.00 px at 20.0 degrees (given)") == 2
    (session,) = record.read(tmp_path / "out").sessions
    used = session.environment["defaults"]
    assert used == {"file": "unsmear.toml", "options": {"method": "wiener", "length": ["6"]}}
    assert "defaults of unsmear.toml" in layout.page(tmp_path / "out").read_text()
    assert session.options["length"] == ["6"]


def test_without_the_file_nothing_is_said(source, tmp_path, unsmear, monkeypatch):
    (tmp_path / "unsmear.toml").write_text(WIENER)
    monkeypatch.setenv("UNSMEAR_CONFIG", "")
    assert unsmear("restore", "in", "-o", "out", "--dry-run").err == ""
    monkeypatch.setenv("UNSMEAR_CONFIG", str(tmp_path / "other.toml"))
    (tmp_path / "other.toml").write_text('[restore]\n"as" = "ome-tiff"\n')
    done = unsmear("restore", "in", "-o", "out", "--dry-run")
    assert done.err == f"Defaults from {tmp_path / 'other.toml'}: --as ome-tiff.\n"
    assert "a.ome.tif" in done.out
    assert unsmear("cite").err == ""  # it has no table


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[restoer]\na = 1\n", "restoer must be the table of a command; did you mean [restore]?"),
        ("workers = 2\n", "workers must be the table of a command, such as [restore]."),
        ("[restore]\nmethd = 1\n", "methd is no option; did you mean method?"),
        ("[restore]\nshake = true\n", "unsmear.toml: shake is no option."),  # of earlier versions
        ("[restore]\noutput = 'x'\n", "--output must be typed: it is no default."),
        ("[restore]\nscheduler = 'tcp://x:1'\n", "--scheduler must be typed: it is no default."),
        ("[restore]\noverwrite = true\n", "--overwrite must be typed: it is no default."),
        ("[restore]\nreport = 'x.html'\n", "--report must be typed: it is no default."),
        ("[restore]\ngain_map = 'x.tif'\n", "--gain-map must be typed: it is no default."),
        ("[restore]\nmethod = 'x.onnx'\n", "--method must be typed: it is no default unless it"),
        ("[restore]\nno-data = 'x.png'\n", "--no-data must be typed: it is no default unless it"),
        ("[restore]\n'*' = {output = 'x'}\n", "is no option"),
        ("[restore]\njson = true\n", "--json must be typed: it is no default."),
        ("[restore]\ndry_run = true\n", "--dry-run must be typed: it is no default."),
        ("[restore]\nper = 'week'\n", 'Invalid value "week" for [per] from unsmear.toml'),
        ("[restore\n", "the defaults cannot be read (Expected ']'"),
    ],
)
def test_what_is_wrong_in_the_file_is_a_sentence(source, tmp_path, unsmear, text, sentence):
    (tmp_path / "unsmear.toml").write_text(text)
    done = unsmear("restore", "in", "-o", "out")
    assert done.code == (1 if "cannot be read" in sentence else 2)
    assert sentence in done.err
    assert "unsmear.toml" in done.err
    assert not (tmp_path / "out").exists()


FREE_TEXTS = {
    "--length", "--angle", "--exposure", "--axes", "--memory", "--split", "--nuclei", "--channels",
    "--model", "--labels", "--sizes", "--runtimes", "--threads", "--flutter",
}  # fmt: skip
"""Options whose text names no file, nor code, nor another machine."""


def options_of_all_commands():
    """Yield every option of every command."""
    apps = [app[name] for name in COMMANDS if name != "weights"]
    for one in (*apps, app["weights"]["get"], app["weights"]["list"]):
        arguments = one.assemble_argument_collection(parse_docstring=False)
        yield from (argument for argument in arguments if argument.name.startswith("--"))


def test_no_option_of_any_command_names_a_file_by_default():
    paths, texts = set(), set()
    for option in options_of_all_commands():
        kind = str(option.hint)
        if "Path" in kind:
            paths.add(option.name)
            assert defaults.must_be_typed(option, "x"), option.name
        elif "str" in kind and "Literal" not in kind and not defaults.must_be_typed(option, "x"):
            texts.add(option.name)
    assert {"--picture", "--report", "--sheet", "--study", "--config", "--from"} <= paths
    assert texts == FREE_TEXTS


@pytest.mark.parametrize(
    ("command", "name", "value", "refused"),
    [
        ("restore", "--method", "deep-wiener-fast", False),
        ("evaluate", "--method", ["wiener", "deep-wiener"], False),
        ("evaluate", "--method", ["wiener", "runs/x/best"], True),
        ("evaluate", "--method", "wiener,deep-wiener", True),
        ("restore", "--method", " wiener", True),
        ("restore", "--method", {"a": "wiener"}, True),
        ("classify", "--classifier", ["light-cells", {}], True),
        ("bench", "--methods", "wiener, estimate", False),
        ("bench", "--methods", "wiener,own.onnx", True),
        ("classify", "--classifier", "light-cells", False),
        ("classify", "--classifier", "./light-cells", True),
        ("restore", "--no-data", 0, False),
        ("restore", "--kernel", ["k.png"], True),
        ("evaluate", "--kernel", "both", False),
    ],
)
def test_a_name_of_the_program_can_be_a_default(command, name, value, refused):
    arguments = app[command].assemble_argument_collection(parse_docstring=False)
    (option,) = (argument for argument in arguments if argument.name == name)
    assert defaults.must_be_typed(option, value) == refused


def test_a_picture_is_not_overwritten(source, tmp_path, unsmear):
    (tmp_path / "mine.png").write_bytes(b"mine")
    (tmp_path / "unsmear.toml").write_text("[estimate]\npicture = 'mine.png'\n")
    done = unsmear("estimate", "in/a.png")
    assert "unsmear.toml: --picture must be typed: it is no default." in done.err
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_flag_of_the_file_is_turned_off_on_the_command_line(source, tmp_path, unsmear):
    (tmp_path / "unsmear.toml").write_text(WIENER + "resume = true\n")
    done = unsmear("restore", "in", "-o", "out", "--no-resume", "--dry-run")
    assert done.code == 0
    assert "--resume" not in done.err


def test_a_mistake_in_the_file_does_not_stop_status(source, tmp_path, unsmear):
    assert unsmear("restore", "in", "-o", "out", "--length", 6, "--angle", 30).code == 0
    for text in ("[restore\n", "[restoer]\n", "[restore]\nmethd = 1\n"):
        (tmp_path / "unsmear.toml").write_text(text)
        done = unsmear("status", "out")
        assert (done.code, done.err) == (0, "")


def test_a_measure_that_would_run_code_is_no_default(tmp_path, unsmear, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unsmear.toml").write_text("[recovery]\nmeasure = 'evil.py'\n")
    assert "--measure must be typed" in unsmear("recovery", "pairs", "-o", "out").err
