"""Numbers and tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unsmear.evaluate import BLURRED, SHARP, Line
from unsmear.metrics.bootstrap import Interval
from unsmear.tables import narrow_markdown

Cells = Sequence[str]
SCORED = ("PSNR, dB", "PSNR after the best gain, dB", "SSIM", "images below blurred")
"""What `scored` returns."""


def scored(line: Line) -> tuple[str, str, str, str]:
    """Return a line's cells."""
    if line.restorer == SHARP:
        return ("infinite", "infinite", "1", "")
    worse = "" if line.restorer == BLURRED else f"{line.worse:.0%}"
    return interval(line.psnr), interval(line.gain_psnr), interval(line.ssim, 3), worse


def interval(interval_: Interval, digits: int = 2) -> str:
    """Return a mean with its interval, where there is one."""
    if interval_.low is None or interval_.high is None:
        return f"{interval_.value:.{digits}f}"
    return (
        f"{interval_.value:.{digits}f} ({interval_.low:.{digits}f} to {interval_.high:.{digits}f})"
    )


def table(head: Cells, rows: Iterable[Cells]) -> str:
    """Return a table; its first column holds words."""
    return narrow_markdown([head, *rows]).rstrip()
