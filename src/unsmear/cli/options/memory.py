"""Sizes of memory, as they are typed: 2GB, 1.5 GiB, 800MB."""

from __future__ import annotations

import re

from unsmear.errors import MisuseError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
         "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}  # fmt: skip
DEFAULT = "2GB"


def parse(text: str) -> int:
    """Return a size in bytes; raises MisuseError for anything else."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?([KMGT]?I?)B?", text.strip().upper())
    if match is None or match[2] not in UNITS or float(match[1]) == 0:
        raise MisuseError(f"--memory must be a size such as 2GB or 800MB, got {text[:40]!r}.")
    return int(float(match[1]) * UNITS[match[2]])
