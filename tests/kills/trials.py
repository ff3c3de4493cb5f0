"""Trials of jobs: killed and gone on with, several at once, on a disk that fills."""

import contextlib
import json
import os
import shutil
import signal
import time
from functools import cache, cached_property

from tests.fuzz import checks
from tests.kills import full_disk, jobs, process
from unsmear.images import slides

LONGEST = 300
"""Seconds within which a run ends; machines are busy."""
STOPPING = 60
"""Seconds within which a run ends after a signal."""
MAY_BE_CUT = (".jsonl", slides.UNFINISHED)
"""What a full disk may cut off: the end of a journal, and files of a slide that is not done."""


class Whole:
    """A job, its input, and a run of it that nobody disturbed."""

    def __init__(self, name, place):
        self.name, self.place = name, place
        self.given = place / "in"
        self.job = jobs.JOBS[name](self.given)
        self.tree = checks.tree(self.given)

    def words(self, output, again=False):
        places = {"{in}": str(self.given), "{out}": str(output)}
        words = (*self.job.words, *(self.job.resume if again else ()))
        for part, path in places.items():
            words = tuple(word.replace(part, path) for word in words)
        return words

    def start(self, output, again=False, before=()):
        own = (self.job.prepare,) if self.job.prepare else ()
        return process.start(self.words(output, again), output.parent / "printed", (*own, *before))

    @cached_property
    def undisturbed(self):
        """Return the contents in the end, and the seconds that it took."""
        output = self.place / "whole" / "out"
        began = time.monotonic()
        run = self.start(output)
        code = run.wait(LONGEST)
        assert code == 0, (self.name, code, run.printed())
        return jobs.same_files(self.job, output), time.monotonic() - began


class Trials:
    """Does trials, and keeps what went wrong. kept: folder of the outputs of faults."""

    def __init__(self, place, kept):
        self.place, self.kept = place, kept
        self.wrong = []
        self.number = 0
        self.whole = cache(self._whole)

    def _whole(self, name):
        place = self.place / name.replace(" ", "-")
        place.mkdir()
        return Whole(name, place)

    def job(self, name):
        return self.whole(name).job

    def killed(self, name, chosen):
        """Kill a job up to three times, let it end; return how many kills met it alive."""
        whole, output = self.whole(name), self._fresh(name)
        _, seconds = whole.undisturbed
        clock = [process.jumping_clock(chosen.random())] if chosen.random() < 0.2 else []
        kills = 0
        for turn in range(chosen.choice((1, 1, 2, 3))):
            run = whole.start(output, turn > 0, clock)
            if run.wait(chosen.uniform(0, seconds * 1.1)) is None:
                kills += 1
                self._stop(whole, run, chosen, output)
        self._end(whole, output, clock)
        return kills

    def _stop(self, whole, run, chosen, output):
        """End a run by kill -9, or at times by a signal that it may answer."""
        if chosen.random() < 0.75:
            alone = whole.job.processes and chosen.random() < 0.5
            run.send(signal.SIGKILL, group=not alone)
            run.wait(STOPPING)
            if alone:
                _end_group(run)
            return
        kind = chosen.choice(list(process.SIGNALS))
        run.send(kind, group=kind != signal.SIGTERM)
        code = run.wait(STOPPING)
        if code is None:
            run.send(signal.SIGKILL)
            run.wait(STOPPING)
            self._fault(whole, output, f"{kind.name}: it went on for {STOPPING} s")
        elif code not in (process.SIGNALS[kind], 0):
            self._fault(whole, output, f"{kind.name}: exit code {code}", run)
        elif "Traceback" in run.printed()[1]:
            self._fault(whole, output, f"{kind.name}: a traceback", run)
        _end_group(run)

    def at_once(self, name, chosen):
        """Begin a job two or four times at the same moment; all must end, and in the same bytes."""
        whole, output = self.whole(name), self._fresh(name)
        _ = whole.undisturbed
        runs = []
        for number in range(chosen.choice((2, 4))):
            place = output.parent / f"printed{number}"
            own = (whole.job.prepare,) if whole.job.prepare else ()
            runs.append(process.start(whole.words(output, True), place, own))
            time.sleep(chosen.choice((0, 0, 0.01, 0.2)))
        for run in runs:
            code = run.wait(LONGEST)
            wrong = [kind for kind, _ in checks.of_answer(code, *run.printed())]
            if code is None or wrong:
                self._fault(whole, output, f"{len(runs)} at once: exit code {code}, {wrong}", run)
        self._end(whole, output)

    def full_disks(self, name, uses, after, chosen, until):
        """Fill the disk at every use of it, or some; return how many were tried.

        uses: how many, at random, or "all". after: how many of the first ones are left out.
        """
        whole = self.whole(name)
        output = self._fresh(name)
        counted = output.parent / "count"
        whole.start(output, before=[full_disk.filling(output, 0, counted)]).wait(LONGEST)
        every = range(after + 1, full_disk.count_of(counted) + 1)
        self._done(output)
        some = every if uses == "all" else sorted(chosen.sample(every, min(len(every), int(uses))))
        tried = 0
        for at in some:
            if time.monotonic() > until:
                print(f"{name}: {after + tried} of {every[-1]} uses of the disk", flush=True)
                break
            self._full_disk(whole, f"use {at} of the disk", lambda out, at=at: full_disk.filling(
                out, at, out.parent / "count"))  # fmt: skip
            tried += 1
        for _ in range(max(1, tried // 10)):
            size = chosen.choice((2000, 5000, 10_000))  # what is printed has room
            self._full_disk(whole, f"files of at most {size} bytes",
                            lambda _, size=size: full_disk.size_limit(size))  # fmt: skip
            tried += 1
        return tried

    def _full_disk(self, whole, what, fault):
        output = self._fresh(whole.name)
        run = whole.start(output, before=[fault(output)])
        code = run.wait(LONGEST)
        found = checks.of_answer(code, *run.printed()) + [
            (kind, text)
            for kind, text in checks.of_output(output, whole.given)
            if not any(part in text for part in MAY_BE_CUT)
        ]
        if found:
            self._fault(whole, output, f"{what}: {found}"[:1500], run)
        self._end(whole, output)

    def _end(self, whole, output, before=()):
        """Let a job go on to its end, and compare."""
        run = whole.start(output, True, before)
        code = run.wait(LONGEST)
        wanted, _ = whole.undisturbed
        got = jobs.same_files(whole.job, output)
        if code != 0:
            self._fault(whole, output, f"gone on with: exit code {code}", run)
        elif got != wanted:
            differ = [n for n in sorted({*got, *wanted}) if got.get(n) != wanted.get(n)]
            self._fault(whole, output, f"other bytes: {', '.join(differ)}", run)
        left = [path.name for path in output.rglob("*.part")]
        if left:
            self._fault(whole, output, f"left behind: {', '.join(left)}")
        if checks.tree(whole.given) != whole.tree:
            self._fault(whole, output, "the input has changed")
        _end_group(run)
        self._done(output)

    def _fresh(self, name):
        self.number += 1
        folder = self.place / f"trial-{self.number}"
        folder.mkdir()
        return folder / "out"

    def _done(self, output):
        shutil.rmtree(output.parent, ignore_errors=True)

    def _fault(self, whole, output, text, run=None):
        """Note a fault, and keep a copy of its output."""
        printed = run.printed() if run else ("", "")
        self.wrong.append((whole.name, text))
        print(f"\n{whole.name}: {text}\n{printed[0][-300:]}\n{printed[1][-1500:]}", flush=True)
        kept = self.kept / f"{len(self.wrong)}-{whole.name.replace(' ', '-')}"
        shutil.rmtree(kept, ignore_errors=True)
        with contextlib.suppress(OSError, shutil.Error):
            shutil.copytree(output.parent, kept)
            (kept / "fault.json").write_text(json.dumps([whole.name, text, *printed]))


def _end_group(run):
    """End what a run has left of its own processes; their number is the group's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(run.number, signal.SIGKILL)
