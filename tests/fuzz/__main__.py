"""Fuzzing of everything that reads, and of every command line: `make fuzz`.

    python -m tests.fuzz --files 20000 --lines 5000
    python -m tests.fuzz --only files:12.1234     one case again, with all that it printed

Each case changes a file of a sound corpus, or draws a command line from the real options, runs it
and checks that there is no traceback, no hang of over ten seconds, no rise of memory over 512 MiB,
no partial output, an exit code that docs/reference/exit-codes.md lists, and that the input is as it
was. What runs lines of ours in a new order is changed further (`guidance`). Cases follow from the
seed and the numbers that are printed; those with a fault are kept in build/fuzz.
"""

import argparse
import contextlib
import os
import pkgutil
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

KEPT = Path("build/fuzz")
MOST = ("tests.fuzz.reading", "unsmear.cli.jobs.restore.job", "unsmear.cli.jobs.blur", "rich.table",
        "unsmear.cli.jobs.prepare", "unsmear.cli.jobs.status", "unsmear.cli.jobs.evaluate",
        "unsmear.train.config.options", "unsmear.train.run")  # fmt: skip


def main():
    asked = _asked()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # processes would compile all they import
    sys.dont_write_bytecode = False
    os.environ.pop("UNSMEAR_CONFIG", None)
    _import(asked.long)
    from tests.fuzz import corpus, worker

    place = Path(tempfile.mkdtemp(prefix="unsmear-fuzz-"))
    plan = worker.Plan(asked.seed, corpus.make(), place, KEPT.absolute(), asked.long)
    try:
        results = _run(plan, asked)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if any(result.wrong for result in results) else 0)


def _asked():
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000, help="changed files")
    parser.add_argument("--lines", type=int, default=5_000, help="command lines")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", help="one case, as in files:12.1234 or lines:7")
    parser.add_argument("--share", type=float, default=0.5,
                        help="of the cases that begin with what was new; 0 is blind")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=1e9, help="most that it takes")
    parser.add_argument("--long", action="store_true", help="with calls of a second and more")
    return parser.parse_args()


def _import(everything):
    """Import what forked processes then have: what most cases need, or every module."""
    import unsmear

    for name in MOST:
        import_module(name)
    if not everything:
        return
    skipped = ("unsmear.napari", "unsmear.__main__", "unsmear.bioimageio", "unsmear.local_page")
    for module in pkgutil.walk_packages(unsmear.__path__, "unsmear."):
        if not module.name.startswith(skipped):
            with contextlib.suppress(ImportError):  # an extra is not installed
                import_module(module.name)
    import_module("matplotlib.pyplot")


def _run(plan, asked):
    """Run what was asked, print each fault and the figures; return the results."""
    from tests.fuzz import command_lines, guidance, worker

    sorts, only = {"files": asked.files, "lines": asked.lines}, ()
    if asked.only:
        sort, _, numbers = asked.only.partition(":")
        only = tuple(map(int, numbers.split(".")))
        sorts, asked.first = {sort: 1}, only[-1]
    names = {"files": plan.samples, "lines": command_lines.here()}
    results, until = [], time.monotonic() + 60 * asked.minutes
    for sort, count in sorts.items():
        began, of_sort = time.monotonic(), []
        guide = guidance.Guide(asked.seed, sort, names[sort], asked.share, only)
        for result in worker.run(plan, guide, range(asked.first, asked.first + count)):
            of_sort.append(result)
            if result.wrong or asked.only:
                _show(result, asked)
            if time.monotonic() > until:
                break
        _figures(sort, of_sort, time.monotonic() - began)
        print(f"Pairs of our lines that followed each other: {len(guide.reached):,}.", flush=True)
        results += of_sort
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{sum(u.ru_utime + u.ru_stime for u in used):.0f} s of CPU in all.", flush=True)
    return results


def _show(result, asked):
    numbers = ".".join(map(str, result.descent))
    again = f"python -m tests.fuzz --seed {asked.seed} --only {result.sort}:{numbers}"
    kinds = ", ".join(kind for kind, _ in result.wrong) or "nothing wrong"
    print(f"\n{kinds}: {result.sample}; again with: {again}{' --long' if asked.long else ''}")
    print(f"  {result.words}"[:1500])
    for kind, text in result.wrong:
        print(f"  {kind}: {text}"[:2500], flush=True)
    if asked.only:
        print(f"  exit code {result.code}, {result.seconds:.2f} s, {result.memory >> 20} MiB")


def _figures(sort, results, seconds):
    """Print what cases came to."""
    codes = sorted(Counter(str(result.code) for result in results).items())
    wrong = Counter(kind for result in results for kind, _ in result.wrong)
    listed = ", ".join(f"{code}: {count}" for code, count in codes)
    print(f"\n{len(results)} {sort} in {seconds:.0f} s. Exit codes: {listed}.")
    for title, figure in (("Slowest", "seconds"), ("Most memory", "memory")):
        most = max(results, key=lambda result: getattr(result, figure), default=None)
        if most is not None:
            measured = f"{most.seconds:.1f} s of CPU, {most.memory >> 20} MiB"
            print(f"{title}: {measured} ({most.sample}, {sort}:{most.number}).")
    print(f"Faults: {', '.join(f'{n} {kind}' for kind, n in wrong.items()) or 'none'}.", flush=True)


if __name__ == "__main__":
    main()
