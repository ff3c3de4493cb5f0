"""Options of `unsmear restore`, in groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsmear.choices import Per
from unsmear.cli.options.camera_maps import MapOptions
from unsmear.cli.options.output import OutputOptions
from unsmear.cli.options.place import PlaceOptions
from unsmear.errors import OptionError
from unsmear.location import Location

SMALLEST_TILE = 16
"""Smallest side of a tile, pixels."""


@dataclass(frozen=True)
class RestoringOptions:
    """How images are restored; see the help of `unsmear restore`.

    method: a name, or the path of weights. own: options of the method alone, by name.
    no_data: a value as text, or the path of a mask; None finds padding. memory: of a process,
    bytes.
    """

    method: str
    own: Mapping[str, Any]
    kernel: PlaceOptions
    shake: bool
    force: bool
    per: Per
    dtype: str | None
    no_data: str | None
    camera: MapOptions
    tile: int | None
    memory: int

    def check(self) -> None:
        """Raise OptionError for what is wrong whatever the method and the images."""
        if self.tile is not None and self.tile < SMALLEST_TILE:
            raise OptionError(f"--tile must be {SMALLEST_TILE} pixels or more, got {self.tile}.")
        self.kernel.by_place()
        self.camera.check()


@dataclass(frozen=True)
class ResultOptions:
    """What is written for each image, and where.

    folder: on this computer. place: where in an object store results go from there.
    report, uncertainty: files beside the result. resume: whether a result that is there is left.
    """

    folder: Path
    writing: OutputOptions
    report: Path | None
    uncertainty: bool
    resume: bool
    place: Location | None = None
