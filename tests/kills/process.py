"""A command in a forked process that has everything imported, so that it begins at once."""

import contextlib
import io
import os
import random
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Running:
    """A process that runs a command, the leader of its own group. place: of what it prints."""

    number: int
    place: Path
    code: int | None = None

    def wait(self, seconds):
        """Wait at most so long; return the exit code, minus a signal's number; None if it runs."""
        until = time.monotonic() + seconds
        while self.code is None and time.monotonic() < until:
            number, status = os.waitpid(self.number, os.WNOHANG)
            if number:
                self.code = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.002)
        return self.code

    def send(self, kind, group=True):
        """Send a signal, to all its processes by default, unless it has ended."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(self.number, kind)

    def printed(self):
        return tuple(
            self.place.joinpath(name).read_text(errors="replace") for name in ("out", "err")
        )


def start(words, place, before=()):
    """Begin a command. before: functions that are called in its process first."""
    place.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    number = os.fork()
    if number:
        with contextlib.suppress(OSError):  # whoever of the two is first
            os.setpgid(number, number)
        return Running(number, place)
    code = 70
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))  # before the command, and after it
        _streams(place)
        for function in before:
            function()
        code = _run(words)
    except KeyboardInterrupt:  # a signal before the command has begun
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(words):
    from unsmear.cli import main

    sys.argv = ["unsmear", *map(str, words)]
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def _streams(place):
    """Lead the standard streams of this process, those of C libraries too, into files."""
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(place / name, new, 0o644), number)
        stream = io.TextIOWrapper(io.FileIO(number, "w", closefd=False), write_through=True)
        setattr(sys, f"std{name}", stream)


def jumping_clock(seed):
    """Return a function that lets the clock of its process jump by a day, to and fro."""

    def install():
        real, chosen = time.time, random.Random(seed)
        time.time = lambda: real() + chosen.choice((-86400, 0, 86400))

    return install


SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: -signal.SIGHUP}
"""Exit codes after signals; nobody handles that of a terminal that closes."""
