"""Guidance by coverage: what runs lines of ours in a new order is kept, and changed further.

A case begins with a kept one of the same sample or command, or with a sound file or a fresh line.
Its descent is the numbers of the cases whose changes are made one after the other, its own last. It
follows from the seed and these alone, so that `--only files:12.340.1234` runs it again.
"""

import random
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import unsmear

OURS = str(Path(unsmear.__file__).parent) + "/"
SLOW = 2
"""Seconds of CPU from which on a case is not kept: all that descend from it would take as long."""


class Guide:
    """What the cases of one sort reached, and which of them others begin with.

    names: what the first draw of a case chooses from, its sample or its command. share: of the
    cases that begin with a kept one, 0 to 1; 0 is blind. only: a descent to be run again.
    """

    def __init__(self, seed, sort, names, share, only=()):
        self.seed, self.sort, self.names = seed, sort, list(names)
        self.share, self.only = share, only
        self.reached, self.kept = set(), defaultdict(list)

    def draws(self, number):
        """Return the random source of a case, and the name that is its first draw."""
        chosen = random.Random(f"{self.seed}/{self.sort}/{number}")
        return chosen, chosen.choice(self.names)

    def descent(self, number):
        """Return the numbers of the cases whose changes make up a case, its own last."""
        if self.only:
            return self.only
        chosen = random.Random(f"{self.seed}/{self.sort}/{number}/descent")
        kept = self.kept[self.draws(number)[1]]
        begun = chosen.choice(kept) if kept and chosen.random() < self.share else ()
        return (*begun, number)

    def note(self, result):
        """Take up what a case reached; it is kept if some of that is new and nothing was refused.

        What descends from a refused file is mostly refused at the same line.
        """
        new = set(map(tuple, result.arcs)) - self.reached
        self.reached |= new
        if new and result.code == 0 and not result.wrong and result.seconds < SLOW:
            self.kept[self.draws(result.number)[1]].append(tuple(result.descent))


@contextmanager
def arcs():
    """Give a set that holds, after this block, what ran in it: (file of ours, line before, line).

    The line before is 0 where a function begins or a generator goes on.
    """
    reached, running = set(), set()  # threads that go on add to the second
    tracing, of_threads = sys.gettrace(), threading.gettrace()

    def of_call(frame, event, argument):
        name = frame.f_code.co_filename
        if not name.startswith(OURS):
            return None
        before = 0

        def of_line(frame, event, argument):
            nonlocal before
            if event == "line":
                running.add((name[len(OURS) :], before, frame.f_lineno))
                before = frame.f_lineno
            return of_line

        return of_line

    sys.settrace(of_call)
    threading.settrace(of_call)
    try:
        yield reached
    finally:
        sys.settrace(tracing)
        threading.settrace(of_threads)
        reached |= running.copy()
