"""Command `unsmear doctor`: what this installation has, and whether it works."""

from __future__ import annotations


def doctor() -> int:
    """Say what is installed, and test that it works; paste it into a bug report.

    Versions, the processor's instruction sets, what computes the networks, and the extras with the
    line that installs those that are missing. Then a self-test of some seconds: the shipped weights
    are those of their cards, files are read as they were written, and a motion is found and taken
    out. The exit code is 1 where that fails. Nothing is sent anywhere, and no path, user or
    machine is named.
    """
    from unsmear.cli.jobs.doctor import run

    return run()
