"""What a call of `unsmear restore` asks, as the record of a batch says it."""

from __future__ import annotations

from pathlib import Path

from unsmear.batches.record import Session
from unsmear.checkpoints import checkpoint
from unsmear.cli.jobs import recording
from unsmear.cli.jobs.restore.settings import Restoration
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.place import PlaceOptions
from unsmear.restoration import methods, tiling


def session_of(job: Restoration, batch: BatchOptions) -> Session:
    """Return what is asked: what may change a result, apart from what changes none."""
    asked, given, files = job.options, job.options.kernel, job.files.options
    tile, blended = asked.tile, False
    if tile is not None:
        blended = tiling.overlap_of(methods.try_out(job.method, asked.own)) is not None
    options = {
        "method": job.method.name,
        **asked.own,
        "length": list(given.length),
        "angle": list(given.angle),
        "kernel": _kernels(given),
        "speed": given.speed,
        "exposure": list(given.exposure),
        "pixel-size": given.pixel_size,
        "force": asked.force,
        "per": asked.per,
        "dtype": asked.dtype,
        "no-data": None if asked.no_data is None else Path(asked.no_data),
        **{f"{name}-map": Path(value) for name, value in asked.camera.given().items()},
        "tile": tile if blended else None,
        "as": files.writing.form,
    }
    others = {
        "tile": None if blended else tile,
        "memory": asked.memory,
        "uncertainty": files.uncertainty,
        "report": None if files.report is None else str(files.report),
        "kernel files": list(given.kernel),
    }
    return recording.asked("restore", batch, options, others, weights_of(asked.method))


def _kernels(options: PlaceOptions) -> list[str]:
    """Return the contents of the kernels' files by their places, wherever the files lie."""
    found = []
    for place, part in options.by_place().items():
        if part is None:
            found.append(f"{place}=none")
        elif part.kernel is not None:
            found.append("=".join(filter(None, (place, recording.contents(part.kernel)))))
    return found


def weights_of(method: str) -> str:
    """Return the SHA-256 of a method's weights, "" where it has none."""
    if method in methods.METHODS and method not in checkpoint.shipped():
        return ""
    path = methods.weights(method)
    return "" if path is None else checkpoint.read_card(path)[0].sha256
