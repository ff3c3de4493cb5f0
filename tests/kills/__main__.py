"""Kills at random moments, and a disk that fills at every write: `make kills`.

    python -m tests.kills --kills 1000
    python -m tests.kills --kills 0 --disk all      every use of the disk, of every job
    python -m tests.kills --kills 0 --disk all --after 38 --jobs estimate       the other ones
    python -m tests.kills --jobs train,search --seed 7

A job is killed (kill -9, and sometimes another signal), begun again with its resume option, perhaps
killed again, and must end in the bytes of a run that nobody disturbed, with its input as it was.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

MODULES = {
    "": ("unsmear.cli.jobs.restore.job", "unsmear.cli.jobs.estimate", "unsmear.cli.jobs.prepare",
         "unsmear.cli.jobs.synth", "unsmear.cli.jobs.stream", "unsmear.report.batch_page",
         "rich.table", "onnxruntime"),
    "restore by estimate": ("matplotlib.pyplot",),
    "restore to OME-Zarr": ("zarr",),
    "slide": ("zarr", "unsmear.restoration.slide.run"),
    "recovery": ("unsmear.cli.jobs.recovery", "unsmear.report.recovery.page", "matplotlib.pyplot"),
    "train": ("unsmear.train.run",),
    "search": ("unsmear.train.search.search",),
}  # fmt: skip
"""What the forked processes of a job, or of all of them (""), need not import."""


def main():
    asked = _asked()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # processes would compile all they import
    sys.dont_write_bytecode = False
    from tests.kills import jobs

    names = asked.jobs.split(",") if asked.jobs else list(jobs.JOBS)
    for name in ("", *names):
        for module in MODULES.get(name, ()):
            import_module(module)
    from tests.kills import trials

    place = Path(tempfile.mkdtemp(prefix="unsmear-kills-"))
    try:
        wrong = _run(asked, names, trials.Trials(place, Path("build/kills").absolute()))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if wrong else 0)


def _asked():
    parser = argparse.ArgumentParser(prog="tests.kills", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--jobs", help="names, separated by commas; all by default")
    parser.add_argument("--disk", help="'all', or how many uses of the disk of each job, at random")
    parser.add_argument("--after", type=int, default=0, help="uses of the disk that are left out")
    parser.add_argument("--at-once", type=int, default=0, help="rounds of two and four at once")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--minutes", type=float, default=1e9, help="most that it takes")
    return parser.parse_args()


def _run(asked, names, trials):
    """Do what was asked, print the figures; return what went wrong."""
    chosen, began = random.Random(asked.seed), time.monotonic()
    until = began + 60 * asked.minutes
    weights = [trials.job(name).weight for name in names]
    kills = Counter()
    while kills.total() < asked.kills and time.monotonic() < until:
        (name,) = chosen.choices(names, weights)
        kills[name] += trials.killed(name, random.Random(chosen.random()))
    _say("kills", kills, began)
    began, uses = time.monotonic(), Counter()
    for name in names if asked.disk else ():
        if not trials.job(name).processes and time.monotonic() < until:
            chosen = random.Random(asked.seed)
            uses[name] += trials.full_disks(name, asked.disk, asked.after, chosen, until)
    _say("full disks", uses, began)
    began, rounds = time.monotonic(), Counter()
    for number in range(asked.at_once):
        for name in names:
            if time.monotonic() < until:
                trials.at_once(name, random.Random(f"{asked.seed}/{name}/{number}"))
                rounds[name] += 1
    _say("rounds of several at once", rounds, began)
    print(f"Faults: {len(trials.wrong) or 'none'}.", flush=True)
    return trials.wrong


def _say(what, counts, began):
    if counts:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        seconds = time.monotonic() - began
        print(f"{counts.total()} {what} in {seconds:.0f} s: {listed}.", flush=True)


if __name__ == "__main__":
    main()
