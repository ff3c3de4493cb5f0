"""Some of `make kills` in each run of the suite: what no other test here kills, fills or doubles.

More kills of restore, prepare, train, search and slides are in the tests of their own folders.
"""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import damaged
from tests.kills import full_disk, jobs
from tests.outputs import outputs

ROOT = Path(__file__).parents[2]
HERE = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="jobs run in forked processes")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # on a busy machine
@posix
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kills", "10", "--jobs", "restore,restore to OME-Zarr,recovery"), "kills in"),
        (("--disk", "6", "--kills", "0", "--jobs", "restore,train"), "14 full disks in"),
        (("--at-once", "1", "--kills", "0", "--jobs", "restore,prepare"), "2 rounds of several"),
    ],
)
def test_jobs_end_in_the_same_bytes(tmp_path, words, told):
    command = [sys.executable, "-m", "tests.kills", *words]
    command += ["--seed", os.environ.get("SEED", "0")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": HERE},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert told in done.stdout
    assert done.stdout.endswith("Faults: none.\n")


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ä.png").write_bytes(damaged.whole()["grey.png"])
    (folder / "b.tif").write_bytes(damaged.whole()["plain.tif"])
    return folder


def restored(source, output, ending="", **environment):
    """Restore in a shell. ending: of its line, such as ">&-"."""
    line = f'exec "{sys.executable}" -m unsmear restore "{source}" -o "{output}" '
    line += f"{' '.join(jobs.QUICK)} {ending}"
    return subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, env={**os.environ, **environment}
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="needs a shell")
def test_closed_streams_a_plain_locale_and_no_home_change_nothing(source, tmp_path):
    ways = {
        "whole": ("", {}),
        "closed": ("<&- >&- 2>&-", {}),
        "plain and homeless": ("", {
            "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
            "HOME": "/dev/null/home", "XDG_CACHE_HOME": "/dev/null/cache",
        }),
    }  # fmt: skip
    results = {}
    for name, (ending, environment) in ways.items():
        done = restored(source, tmp_path / name, ending, **environment)
        assert (done.returncode, done.stderr) == (0, b""), name
        results[name] = [path.read_bytes() for path in outputs(tmp_path / name) if path.is_file()]
    assert len(results["whole"]) == 2
    assert all(contents == results["whole"] for contents in results.values())


@pytest.mark.parametrize(("at", "failed"), [(0, 0), (1, 2), (2, 2), (3, 1), (5, 0)])
def test_the_layer_fills_the_disk_from_one_use_on(tmp_path, at, failed):
    """Of a small file, opening is the first use and writing the second."""
    code = f"""
from pathlib import Path
from tests.kills import full_disk
full_disk.filling({str(tmp_path / "out")!r}, {at}, {str(tmp_path / "count")!r})()
Path({str(tmp_path / "elsewhere")!r}).write_text("x")
for name in "ab":
    try:
        Path({str(tmp_path)!r}, "out", name).write_text(name)
    except OSError as error:
        print(error.errno)
"""
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": HERE},
    )
    assert done.stderr == ""
    assert done.stdout == f"{errno.ENOSPC}\n" * failed
    assert failed or full_disk.count_of(tmp_path / "count") == 4


def test_every_job_that_can_be_gone_on_with_is_listed():
    """A command with --resume, or that goes on by itself, is killed by `make kills`."""
    from unsmear.cli import COMMANDS, app

    ours = {"restore", "estimate", "prepare", "synth", "train", "search", "recovery", "stream"}
    named = {name for name in COMMANDS if "--resume" in _options(app, name)}
    assert named <= ours
    assert {make.__name__ for make in jobs.JOBS.values()} >= ours


def _options(app, name):
    if name == "weights":
        return set()
    return {option for one in app[name].assemble_argument_collection() for option in one.names}
