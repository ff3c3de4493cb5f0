"""Settings of a call of `unsmear restore`, after the checks that need the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unsmear.checkpoints import derived
from unsmear.cli.jobs import kernels
from unsmear.cli.jobs.restore.files import Files
from unsmear.cli.jobs.written import Written
from unsmear.cli.options.place import PlaceOptions
from unsmear.cli.options.restore import RestoringOptions
from unsmear.cluster import Where
from unsmear.errors import OptionError
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.nodata import NoData
from unsmear.images.slides import Slide
from unsmear.restoration import methods, tiling
from unsmear.restoration.base import Method
from unsmear.restoration.learned import METHODS

if TYPE_CHECKING:
    from unsmear.report.restoration.content import Report

CLIPPED = "with clipped pixels (--dtype float32 keeps them)"
LOST = "written without all that the input holds (see the line)"


@dataclass(frozen=True)
class Callbacks:
    """What is called while images are restored, by the process that restores them.

    progress: with what is done, its parts that are done and all of them. report: with the report on
    an image, whether or not one is written.
    """

    progress: Callable[[str, int, int], None]
    report: Callable[[Report], None]


@dataclass(frozen=True)
class Restoration:
    """Settings shared by all images of one call."""

    files: Files
    options: RestoringOptions
    method: Method
    no_data: NoData | Slide | None
    camera: CameraMaps | None = None
    callbacks: Callbacks | None = None

    @property
    def reports(self) -> bool:
        """Whether each image has a report, which needs the consistency check."""
        return self.files.options.report is not None or self.callbacks is not None


def find_method(options: RestoringOptions, uncertainty: bool) -> Method:
    """Return the method; raises OptionError for options that it does not have."""
    method = methods.find(options.method)
    methods.check_options(method, options.own)
    if options.kernel != PlaceOptions() and not method.needs_kernel:
        raise OptionError(f"{method.name} must be given no kernel: it is a blind method.")
    if uncertainty and not method.guarded:
        able = ", ".join(name for name, one in methods.METHODS.items() if one.guarded)
        raise OptionError(f"--uncertainty is available for {able} only, got {method.name}.")
    kernels.check_files(options.kernel)
    whole = tiling.needs_whole(methods.try_out(method, options.own))
    if whole and options.tile is not None:
        raise OptionError(f"--tile is not available for {method.name}: it needs the whole image.")
    return method


def on_this_machine(options: RestoringOptions, where: Where) -> RestoringOptions:
    """Return the options with the fastest runtime of this machine, if nothing says which.

    It is chosen here, once for all processes, and is one of the options: so a run that is resumed
    elsewhere does not mix results of two precisions. A cluster's machines may differ from this one.
    """
    method, own = methods.find(options.method), options.own
    chosen = {"runtime", "exact"} & set(own)
    if chosen or method.name not in METHODS or where.scheduler or where.slurm:
        return options
    if not derived.has_bfloat16():
        return options
    return replace(options, own={**own, "runtime": "openvino"})


def warnings_of(clipped: int, written: Written) -> tuple[str, ...]:
    """Return what the summary of a batch counts beside an image."""
    return (*([CLIPPED] if clipped else []), *([LOST] if written.lost else []))
