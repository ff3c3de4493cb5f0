"""The examples of README.md and docs/: their Python runs, their commands and options exist.

A block of Python with the mark `<!-- not run: WHY -->` on the line above is not run; `NOT_RUN`
counts them. A page's blocks run in its order, in one namespace, in a folder with the files they
name.
"""

import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from unsmear import images
from unsmear.cli import COMMANDS, app, main
from unsmear.images import Image

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FIRST_STEPS = ROOT / "docs/tutorials/first-steps.md"
IN_PYTHON = ROOT / "docs/tutorials/in-python.md"
PREPARE = "unsmear prepare cells --output pairs --size 128 --workers 1"

BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
NOT_RUN = {
    "docs/how-to/restore-with-maxim.md": 3,
    "docs/how-to/training.md": 1,
}
"""How many blocks of Python of a page are marked."""

NUMBER = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class Block:
    """A piece of code in a page; `why` is what its mark says, `line` where its code begins."""

    language: str
    code: str
    why: str
    line: int


def blocks(page, *languages):
    """Return the pieces of code in a page, in its order; of some languages, or all."""
    text = page.read_text()
    found = [
        Block(
            one["language"], one["code"], one["why"] or "", text.count("\n", 0, one.start("code"))
        )
        for one in BLOCK.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def name(page):
    return page.relative_to(ROOT).as_posix()


def is_same(printed, expected):
    """Return whether two texts are the same: "..." is any text, a fraction any number near it."""
    pattern = re.escape(NUMBER.sub("0.0", expected.strip())).replace(re.escape("..."), "[^\n]*")
    if not re.fullmatch(pattern, NUMBER.sub("0.0", printed.strip())):
        return False
    numbers = [[float(one) for one in NUMBER.findall(text)] for text in (printed, expected)]
    return numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=0.02)


@pytest.fixture
def unsmear(capfd, monkeypatch):
    """Return a function that runs a command line and returns what it prints."""

    def run(line):
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capfd.readouterr()
        assert not stopped.value.code, line + err
        return out

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with the files that the pages' Python names."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _make(patch)
    return folder


def _make(patch):
    for line in (*commands(IN_PYTHON), PREPARE):
        patch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, line
    colours = [sorted(Path("smeared").glob(f"*_{one}.png"))[0] for one in ("red", "green", "blue")]
    smeared = np.stack([images.read(file).pixels[:128, :128] for file in colours])
    for file in ("slide_07.tif", "cell.tif", "slide.ome.zarr"):
        images.write(file, Image(smeared, "CYX"))
    manifest = Path("pairs/manifest.csv")
    manifest.write_text(manifest.read_text().replace(",train,", ",test,"))
    Path("runs/labels").mkdir(parents=True)
    for file in (ROOT / "src/unsmear/weights").glob("light-cells.*"):
        shutil.copy(file, f"runs/labels/best{file.suffix}")


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """Go to a folder with these files, which a page may change."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name)
@pytest.mark.slow
def test_the_python_of_a_page_runs(page, capfd):
    namespace = {"__name__": "page"}
    expected = blocks(page, "python", "text")
    for number, block in enumerate(expected):
        if block.language == "text" or block.why:
            continue
        capfd.readouterr()
        # Lines count as in the page, so that a traceback names the right one.
        exec(
            compile("\n" * block.line + block.code, str(page), "exec", dont_inherit=True), namespace
        )
        printed = capfd.readouterr().out
        following = expected[number + 1 : number + 2]
        if following and following[0].language == "text":
            assert is_same(printed, following[0].code), printed


def test_blocks_that_are_not_run_are_few_and_say_why():
    marked = {name(page): [one for one in blocks(page, "python") if one.why] for page in PAGES}
    assert {page: len(found) for page, found in marked.items() if found} == NOT_RUN
    for page, found in marked.items():
        for block in found:
            print(f"{page}:{block.line}: not run: {block.why}")
            compile(block.code, page, "exec")  # Python all the same
    texts = [page.read_text() for page in PAGES]
    assert sum(text.count("<!-- not run") for text in texts) == sum(NOT_RUN.values())


def commands(page):
    """Return the command lines of `unsmear` in a page's blocks, continued ones whole."""
    lines = [
        line.strip()
        for block in blocks(page, "sh", "")
        for line in re.sub(r"\\\n\s*", "", block.code).splitlines()
    ]
    bare = [re.sub(r"^(?:\w+=\S* )+", "", line) for line in lines]
    return [line for line in bare if line.startswith("unsmear ")]


def mentioned(page):
    """Return the commands of `unsmear` that a page's sentences name."""
    prose = BLOCK.sub("", page.read_text())
    return [" ".join(found.split()) for found in re.findall(r"`(unsmear [^`]+)`", prose)]


@cache
def known_options(command, *sub):
    """Return every option of a command; of train and search those of the configuration too."""
    pytest.importorskip("pydantic", reason="the packages for training are not installed")
    from unsmear import models
    from unsmear.train.config import options

    called = app[command]
    for word in sub:
        called = called[word]
    names = {one for argument in called.assemble_argument_collection() for one in argument.names}
    if command in ("train", "search"):
        for network in (*models.names(), *models.classifiers(), *models.autoencoders()):
            names |= {f"--{option}" for option in options.known(options.kind_of(network))}
            names |= {f"--options.{option}" for option in options.own_options(network)}
        names |= {option.replace("_", "-") for option in names}
    of_every_command = {one for option in app.meta.assemble_argument_collection()
                        for one in option.names}  # fmt: skip
    return names | of_every_command | {"--help", "--version"}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page) or mentioned(page)], ids=name
)
@pytest.mark.slow
def test_every_command_and_option_of_a_page_exists(page):
    for line in (*commands(page), *mentioned(page)):
        words = shlex.split(line.rstrip("&"), comments=True)[1:]
        if words[0] in ("...", "COMMAND"):
            continue
        assert words[0] in COMMANDS, line
        sub = words[1:2] if words[0] == "weights" else []
        wanted = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
        assert wanted <= known_options(words[0], *sub), line


def test_a_wrong_option_would_be_noticed():
    assert "--lenght" not in known_options("restore")
    assert {"--length", "--output", "-o", "--speed"} <= known_options("restore")
    assert {"--data.size", "--options.dropout", "--config"} <= known_options("train")
    assert "--data.sise" not in known_options("train")


@pytest.mark.slow
def test_the_first_steps_print_what_the_page_says(unsmear, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    taken = blocks(FIRST_STEPS, "sh", "text")
    for block, following in zip(taken, [*taken[1:], None], strict=True):
        if block.language == "sh":
            printed = "".join(unsmear(line) for line in block.code.splitlines())
            if following and following.language == "text":
                assert is_same(printed, following.code), printed
    table = Path("scores/summary.md").read_text().split("\n\n")[1].splitlines()
    without_seconds = [line.rpartition("|")[0].rpartition("|")[0].split("|") for line in table[2:]]
    page = FIRST_STEPS.read_text()
    shown = [line.split("|")[:-1] for line in page.splitlines() if line.startswith("|")][2:]
    assert len(shown) == len(without_seconds) == 6
    for line, other in zip(shown, without_seconds, strict=True):
        assert is_same("|".join(map(str.strip, other)), "|".join(map(str.strip, line)))
