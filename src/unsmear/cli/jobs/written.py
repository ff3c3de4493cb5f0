"""The files of a result, as the line on it names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unsmear.location import Location


@dataclass(frozen=True)
class Written:
    """The files of a result, and in words what they have no room for.

    part: whether they become part of a plate. remark: what other programs make of them, or what
    they replaced. copied: whether they are copies of the input files.
    """

    files: tuple[Path | Location, ...]
    part: bool = False
    lost: tuple[str, ...] = ()
    remark: str = ""
    copied: bool = False

    def __str__(self) -> str:
        notes = [f"without {', '.join(self.lost)}"] if self.lost else []
        notes += [self.remark] if self.remark else []
        remark = f" ({'; '.join(notes)})" if notes else ""
        return f"{'the plate' if self.part else _together(list(map(str, self.files)))}{remark}"


def _together(names: Sequence[str]) -> str:
    """Return the names of a result's files, what they share once: "out/ID_{red,green}.png"."""
    before = os.path.commonprefix(names)  # noqa: RUF071 -- of letters
    rest = [name.removeprefix(before) for name in names]
    after = os.path.commonprefix([name[::-1] for name in rest])[::-1]  # noqa: RUF071
    if len(names) < 2 or not before:
        return ", ".join(names)
    return f"{before}{{{','.join(name.removesuffix(after) for name in rest)}}}{after}"
