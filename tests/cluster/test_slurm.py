"""SLURM's jobs: a file on them, the script of one, and jobs that a fake sbatch starts here."""

import os
import stat
import subprocess
import sys

import pytest

from tests.cluster.conftest import counted
from unsmear import cluster
from unsmear.cluster import Where, slurm
from unsmear.errors import OptionError, UnsmearError

WHOLE = """
queue = "short"
account = "cells"
cores = 8
workers = 4
memory = "32GB"
walltime = "1-04:00:00"
jobs = 10
interface = "ib0"
directives = ["--constraint=avx2"]
before = ["module load python"]
logs = "LOGS"
"""
SMALL = 'cores = 2\nmemory = "1GB"\nwalltime = "00:00:20"\nlogs = "LOGS"\n'


def written(folder, text):
    path = folder / "jobs.toml"
    path.write_text(text.replace("LOGS", str(folder / "logs")))
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("cores = 8", "cores = 0"), "cores must be a whole number of 1 or more, got 0"),
        (("cores = 8", "cores = true"), "cores must be a whole number of 1 or more, got True"),
        (("workers = 4", "workers = 9"), "workers must be at most cores, 8, got 9"),
        (('"32GB"', "32"), 'memory must be a size with its unit, "64GB", got 32'),
        (('"1-04:00:00"', '"4h"'), "walltime must be HH:MM:SS or D-HH:MM:SS"),
        (('"short"', '"a b"'), "queue must be a word without spaces, got 'a b'"),
        (('["--constraint=avx2"]', '["a\\nb"]'), "directives must be a list of lines"),
        (("queue", "qeue"), "the names must be of cores, memory, .*, got qeue"),
        (("cores = 8", ""), "cores must be given"),
        (("cores = 8", "cores ="), "the file must be TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, change, sentence):
    assert WHOLE.count(change[0])
    path = written(tmp_path, WHOLE.replace(*change, 1))
    with pytest.raises(OptionError, match=sentence) as raised:
        slurm.read(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(OptionError, match=r"none\.toml: the file cannot be read"):
        slurm.read(tmp_path / "none.toml")


@pytest.mark.slow
def test_ctrl_c_stays_what_it_was():
    pytest.importorskip("distributed")
    code = (
        "import signal\n"
        "import unsmear.cluster.slurm_jobs\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_job_s_script(tmp_path):
    made = pytest.importorskip("unsmear.cluster.slurm_jobs")
    jobs = slurm.read(written(tmp_path, WHOLE))
    arguments = dict(slurm.arguments(jobs))
    del arguments["shared_temp_directory"]
    script = made.SLURMJob("tls://host:1", "unsmear-0", **arguments).job_script()
    for line in (
        "#SBATCH -p short",
        "#SBATCH -A cells",
        "#SBATCH -n 1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=30G",
        "#SBATCH -t 1-04:00:00",
        "#SBATCH --constraint=avx2",
        "export OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1",
        "module load python",
    ):
        assert line in script.splitlines()
    command = script.splitlines()[-1]
    assert command.startswith(f"{sys.executable} -m distributed.cli.dask_worker tls://host:1 ")
    lifetime = 28 * 3600 - 300
    for option in ("--nthreads 1", "--nworkers 4", f"--lifetime {lifetime}s", "--interface ib0"):
        assert option in command
    assert "--memory-limit 7.45GiB" in command


SBATCH = """#!{python}
import subprocess, sys
from pathlib import Path

folder = Path(__file__).parent
number = len(list(folder.glob("job*"))) + 1
text = Path(sys.argv[1]).read_text()
script = folder / f"job{{number}}.sh"
script.write_text(text)
hours, minutes, seconds = text.split("#SBATCH -t ")[1].split()[0].split(":")
limit = int(minutes) * 60 + int(seconds)
command = ["timeout", "-s", "KILL", str(limit), "sh", script]
with open(folder / f"log{{number}}", "wb") as log:
    run = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
(folder / f"pid{{number}}").write_text(str(run.pid))
print(f"Submitted batch job {{number}}")
"""
SCANCEL = """#!{python}
import os, signal, sys
from pathlib import Path

pid = int((Path(__file__).parent / f"pid{{sys.argv[1]}}").read_text())
try:
    os.killpg(pid, signal.SIGKILL)
except ProcessLookupError:
    sys.exit(1)
"""


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A folder with an sbatch that starts a job at once, and ends it at its walltime."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text.format(python=sys.executable))
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    slurm_jobs = pytest.importorskip("unsmear.cluster.slurm_jobs")
    monkeypatch.setattr(slurm_jobs, "INTERVAL", 0.5)
    monkeypatch.setattr("unsmear.cluster.workers.PATIENCE", 0.5)
    return folder


def noting(folder):
    def work(item):
        import time
        import uuid
        from pathlib import Path

        (Path(folder) / f"{item}-{uuid.uuid4().hex}").touch()
        time.sleep(0.5)
        return item

    return work


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups to end a job")
def test_jobs_that_reach_their_walltime_are_followed_by_others(queue, tmp_path, capfd):
    begun = tmp_path / "begun"
    begun.mkdir()
    with cluster.opened(Where(slurm=written(tmp_path, SMALL))) as workers:
        assert list(workers.map_tasks(noting(begun), range(80))) == list(range(80))
    jobs = len(list(queue.glob("job*")))
    assert jobs > 1
    in_flight = 4 * 2
    assert sum(counted(begun, item) for item in range(80)) <= 80 + in_flight * (jobs - 1)
    assert "1 SLURM jobs submitted; waiting for the first." in capfd.readouterr().err


REFUSING = """#!/bin/sh
echo "sbatch: error: invalid partition specified: short" >&2
exit 1
"""


@pytest.mark.slow
def test_a_job_that_slurm_refuses_is_a_sentence(queue, tmp_path):
    (queue / "sbatch").write_text(REFUSING)
    where = Where(slurm=written(tmp_path, SMALL))
    sentence = r"^sbatch refused a job: sbatch: error: invalid partition specified: short$"
    with pytest.raises(UnsmearError, match=sentence), cluster.opened(where):
        pass


def test_a_machine_without_slurm_is_a_sentence(tmp_path, monkeypatch):
    slurm_jobs = pytest.importorskip("unsmear.cluster.slurm_jobs")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptionError, match=r"^--slurm must be given where sbatch is"):
        slurm_jobs.cluster(slurm.read(written(tmp_path, SMALL)), dashboard_address=None)
