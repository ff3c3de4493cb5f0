"""What this installation has, and whether it works (`unsmear doctor`)."""

from __future__ import annotations

import platform
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from unsmear import environment
from unsmear.cores import CORES
from unsmear.errors import UnsmearError

LIBRARIES = ("numpy", "scipy", "scikit-image", "tifffile", "zarr", "imagecodecs")
RUNTIMES = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino", "PyTorch": "torch"}
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX BF16",
    "asimd": "NEON",
    "bf16": "BF16",
}
"""Instruction sets that change the speed, by their names in /proc/cpuinfo."""
DEVELOPMENT = ("dev", "docs", "flax")
"""Extras that no user needs."""
NEAR = 0.5
"""Largest error of the length that the self-test finds, pixels."""
BRIGHTER = 0.01
"""Largest change of the total intensity in the self-test, as a fraction."""


@dataclass(frozen=True)
class Check:
    """A part of the self-test; fault: what is wrong, "" where nothing is."""

    name: str
    seconds: float
    fault: str


def facts() -> dict[str, Any]:
    """Return versions, machine, runtimes and extras; no path, name of a user or of the machine."""
    described = environment.describe([*LIBRARIES, *RUNTIMES.values()])
    versions = described["packages"]
    return {
        "unsmear": described["unsmear"],
        "revision": described["revision"],
        "python": f"{platform.python_implementation()} {described['python']}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "cores": CORES,
        "instructions": instructions(),
        "libraries": {name: versions[name] for name in LIBRARIES},
        "runtimes": {name: versions[package] for name, package in RUNTIMES.items()},
        "extras": extras(),
    }


def instructions() -> list[str]:
    """Return the processor's instruction sets that change the speed; [] where it does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    known = set(line[1].split()) if line else set()
    return [name for flag, name in INSTRUCTIONS.items() if flag in known]


def extras() -> dict[str, list[str]]:
    """Return what each extra lacks, by its name: [] where it is installed."""
    from packaging.requirements import Requirement

    given = metadata.metadata("unsmear").get_all("Provides-Extra") or []
    wanted = [Requirement(text) for text in metadata.requires("unsmear") or []]
    lacking: dict[str, list[str]] = {}
    for extra in given:
        own = [each for each in wanted if each.marker and each.marker.evaluate({"extra": extra})]
        if extra not in DEVELOPMENT and own:
            packages = dict.fromkeys(each.name for each in own if each.name != "unsmear")
            lacking[extra] = [name for name in packages if not _installed(name)]
    return lacking


def _installed(package: str) -> bool:
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False


def self_test() -> list[Check]:
    """Return the checks of the weights, the files and a restoration; some seconds."""
    return [_check(name, check) for name, check in CHECKS.items()]


def _check(name: str, check: Callable[[], str]) -> Check:
    begun = time.perf_counter()
    try:
        fault = check()
    except OSError as error:  # without the path
        fault = f"{type(error).__name__}: {error.strerror or 'no reason is given'}"
    except Exception as error:  # whatever a broken installation raises
        fault = (
            str(error) if isinstance(error, UnsmearError) else f"{type(error).__name__}: {error}"
        )
    return Check(name, time.perf_counter() - begun, fault)


def _weights() -> str:
    """Return a sentence on shipped weights that are not what their cards say."""
    from unsmear.checkpoints import checkpoint, derived

    for name in checkpoint.shipped():
        place, card = checkpoint.card_of(name)
        checkpoint.load(place)
        derived.load(place, card, "onnx")
    return ""


def _files() -> str:
    """Return a sentence on a format that is not read as it was written."""
    from unsmear import images
    from unsmear.images import Image

    pixels = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("image.tif", "image.ome.zarr"):
            path = Path(folder) / name
            images.write(path, Image(pixels, "CYX", pixel_size=(0.1, 0.1)))
            if not np.array_equal(images.read(path).planes()[0], pixels):
                return f"{name} must be read as it was written, got other pixels."
    return ""


def _restoration() -> str:
    """Return a sentence on a smeared field whose motion is not found and taken out."""
    from unsmear import speed
    from unsmear.restoration.pipeline import restore

    image = speed.field(256, 1)
    length = speed.MOTION[0]
    done = restore(image, axes="CYX")
    measured = getattr(done.blur, "length", 0.0)
    if not done.touched or abs(measured - length) > NEAR:
        return f"a motion of {length:g} px must be found, got: {done.movement}."
    change = float(done.image.mean() / image.mean()) - 1
    if abs(change) > BRIGHTER:
        return f"the total intensity must be kept, got a change of {change:.1%}."
    return ""


CHECKS: Mapping[str, Callable[[], str]] = {
    "weights": _weights,
    "files": _files,
    "restoration": _restoration,
}
"""Parts of the self-test; each returns what is wrong, or ""."""
