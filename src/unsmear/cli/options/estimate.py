"""Options of `unsmear estimate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unsmear.choices import Per
from unsmear.cli.options.camera_maps import MapOptions


@dataclass(frozen=True)
class EstimateOptions:
    """What is asked of every image, and how it is answered; see the help of `unsmear estimate`."""

    per: Per
    picture: Path | None
    no_data: str | None
    output: Path | None
    resume: bool
    camera: MapOptions
    dry_run: bool = False
