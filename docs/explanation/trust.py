"""Make the pictures and figures of trust.md: `python docs/explanation/trust.py [CASE ...]`.

Draws a field of cells, spoils it in every way that the page speaks of, restores all of them by one
`unsmear restore` as a user would, and puts what it said, and pictures, into the page's marks.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear import images, metrics
from unsmear.blur import Blur, Camera, Defocus, Kernel, Motion, Trajectory, convolve
from unsmear.blur.motion import path_kernel
from unsmear.choices import BEST_METHOD
from unsmear.images import Image
from unsmear.restoration import pipeline
from unsmear.synthetic import draw_field

DOCS = Path(__file__).parent
SIDE, DRAWN = 320, 448
"""Pixels of a field, and of the scene that goes on around it."""
SHOWN, GAP = 176, 8
"""Pixels of a crop, and between crops."""
CHANNEL = 0
"""Microtubules: thin lines show best what a blur does."""

CAMERA = Camera()
"""8 bit, and no noise of its own."""

Scene = NDArray[np.float32]
"""(channel, y, x) in units, DRAWN pixels on a side."""


@dataclass(frozen=True)
class Case:
    """One way to spoil the scene.

    spoil: makes the counts of the whole scene. still: the same camera without the blur.
    kernel: what was done, where one kernel says it. corner: of the crop shown, (y, x).
    """

    spoil: Callable[[Scene], NDArray[np.uint8]]
    still: Camera = CAMERA
    kernel: Kernel | None = None
    corner: tuple[int, int] = (72, 72)


def scene() -> Scene:
    """Return a field of cells with little noise: drawn at twice its size, and halved."""
    field = draw_field(np.random.default_rng(21), (2 * DRAWN,) * 2, (0, 16), 0.08, bits=16)
    planes = field.planes.astype(np.float32) / 65535
    halved = [cv2.resize(p, (DRAWN, DRAWN), interpolation=cv2.INTER_AREA) for p in planes]
    return np.stack(halved[:3])


def moved(blur: Blur | Kernel, camera: Camera = CAMERA) -> Case:
    """Return the case of one kernel for the whole field."""
    kernel = blur if isinstance(blur, np.ndarray) else blur.kernel()

    def spoil(units: Scene) -> NDArray[np.uint8]:
        return expose(convolve(units, kernel), camera)

    still = Camera(saturation=camera.saturation)
    return Case(spoil, still, kernel)


def expose(units: NDArray[np.floating], camera: Camera) -> NDArray[np.uint8]:
    """Return 8-bit counts."""
    return np.asarray(camera.expose(units, np.random.default_rng(3)), np.uint8)


def turned(units: Scene, degrees: float = 4.0) -> NDArray[np.uint8]:
    """Return the scene turned about its middle while the shutter was open."""
    total = np.zeros(units.shape, np.float64)
    steps = np.linspace(-degrees / 2, degrees / 2, 41)
    middle = ((DRAWN - 1) / 2,) * 2
    for step in steps:
        turn = cv2.getRotationMatrix2D(middle, float(step), 1)
        for channel, plane in enumerate(units):
            total[channel] += cv2.warpAffine(plane, turn, (DRAWN, DRAWN), borderMode=4)
    return expose(total / len(steps), CAMERA)


def parted(units: Scene) -> NDArray[np.uint8]:
    """Return the scene whose left half moved across and whose right half moved down."""
    across, down = (convolve(units, Motion(12, angle).kernel()) for angle in (0, 90))
    share = np.clip((np.arange(DRAWN) - DRAWN / 2) / 24 + 0.5, 0, 1)
    return expose(across * (1 - share) + down * share, CAMERA)


def compressed(units: Scene) -> NDArray[np.uint8]:
    """Return the scene with 10 px of motion, each channel saved as JPEG of quality 50."""
    counts = expose(convolve(units, Motion(10, 35).kernel()), CAMERA)
    files = [cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, 50])[1] for plane in counts]
    return np.stack([cv2.imdecode(file, cv2.IMREAD_GRAYSCALE) for file in files])


def cases() -> dict[str, Case]:
    """Return every case by the name that its mark and picture have."""
    turn = path_kernel(np.array([(-5.0, 5.0), (5.0, 5.0), (5.0, -5.0)]) - (2.5, 2.5))
    white = 0.4
    return {
        "good": moved(Motion(10, 35)),
        "sharp": moved(Motion(0, 0)),
        "long": moved(Motion(30, 35)),
        "saturated": replace(moved(Motion(12, 35), Camera(saturation=white)), corner=(57, 144)),
        "dim": moved(Motion(10, 35), Camera(photons=60, read_noise=2, offset=8)),
        "rotation": Case(turned, corner=(0, 0)),
        "corner": moved(turn),
        "parted": Case(parted),
        "shake": moved(Trajectory(22, 0.45, seed=5)),
        "defocus": moved(Defocus(4.0)),
        "jpeg": Case(compressed, kernel=Motion(10, 35).kernel()),
    }


def inside(counts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the field, without what lies around it in the scene."""
    margin = slice((DRAWN - SIDE) // 2, (DRAWN + SIDE) // 2)
    return np.ascontiguousarray(counts[:, margin, margin])


def restore_all(
    blurred: dict[str, NDArray[np.uint8]], folder: Path
) -> dict[str, tuple[str, Image]]:
    """Restore every image by one command; return what it said of each, and the result."""
    (folder / "in").mkdir()
    for name, counts in blurred.items():
        images.write(folder / "in" / f"{name}.tif", Image(counts, "CYX"))
    unsmear = str(Path(sys.executable).with_name("unsmear"))
    command = [unsmear, "restore", str(folder / "in"), "-o", str(folder / "out"), "--axes", "CYX"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = " ".join((done.stdout + done.stderr).split())
    found = {}
    for name in blurred:
        line = re.search(rf"\b{name}: (.*?) -> ", said)
        result = images.read(folder / "out" / f"{name}.tif", axes="CYX")
        found[name] = (line.group(1) if line else "nothing", result)
    return found


def given(case: Case, blurred: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return what comes of the blurred image where its user knows the movement."""
    if case.kernel is None or case.kernel.max() == 1:
        return None
    image = pipeline.apply_method(Image(blurred, "CYX"), BEST_METHOD, case.kernel).image
    return np.asarray(image.planes()[0], np.uint8)


def picture(versions: list[NDArray[np.uint8]], corner: tuple[int, int]) -> NDArray[np.uint8]:
    """Return crops side by side, all stretched as the last of them, the sharp one."""
    top, left = corner
    parts = [
        planes[CHANNEL, top : top + SHOWN, left : left + SHOWN].astype(np.float32)
        for planes in versions
    ]
    low, high = np.percentile(parts[-1], (1, 99.9))
    gap = np.full((SHOWN, GAP), 255, np.float32)
    grey = [((part - low) / (high - low) * 255).clip(0, 255) for part in parts]
    spaced = [piece for part in grey for piece in (gap, part)][1:]
    return np.rint(np.hstack(spaced)).astype(np.uint8)


def figures(sharp: NDArray[np.uint8], versions: dict[str, NDArray[np.uint8] | None]) -> str:
    """Return a sentence with the PSNR of every version."""
    said = []
    for name, counts in versions.items():
        if counts is not None:
            value = metrics.psnr(sharp, counts, data_range=255)
            same = "the sharp image, bit for bit"
            said.append(f"{name} {value:.1f} dB" if np.isfinite(value) else f"{name}: {same}")
    sentence = ", ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def main() -> None:
    """Write pictures/trust-*.png and the figures in trust.md; of named cases, or all."""
    units, wanted = scene(), {name: case for name, case in cases().items() if chosen(name)}
    (DOCS / "pictures").mkdir(exist_ok=True)
    blurred = {name: inside(case.spoil(units)) for name, case in wanted.items()}
    with tempfile.TemporaryDirectory() as folder:
        results = restore_all(blurred, Path(folder))
        for name, case in wanted.items():
            sharp, (said, image) = inside(expose(units, case.still)), results[name]
            restored, known = image.planes()[0], given(case, blurred[name])
            shown = [one for one in (blurred[name], restored, known, sharp) if one is not None]
            path = f"pictures/trust-{name}.png"
            cv2.imwrite(str(DOCS / path), picture(shown, case.corner))
            titles = "Blurred, restored, " + (
                "restored with the true motion, " * (known is not None)
            )
            measured = {"blurred": blurred[name], "restored": restored}
            if np.array_equal(blurred[name], sharp):
                del measured["blurred"]
            sentence = figures(sharp, {**measured, "given the true motion": known})
            put(name, f"![{titles}sharp]({path})\n\n> {said}\n\n{sentence}\n")


def chosen(name: str) -> bool:
    """Return whether the command line asks for a case."""
    return len(sys.argv) < 2 or name in sys.argv[1:]


def put(name: str, new: str) -> None:
    """Put what is new between a case's marks in the page."""
    page = DOCS / "trust.md"
    begin = f"<!-- {name}: written by docs/explanation/trust.py -->\n"
    end = f"<!-- end of {name} -->"
    pattern, text = f"{re.escape(begin)}.*?{re.escape(end)}", page.read_text()
    if not re.search(pattern, text, re.S):
        sys.exit(f"{page.name} must have the mark {begin.strip()}, got none.")
    page.write_text(re.sub(pattern, lambda _: begin + new + end, text, flags=re.S))


if __name__ == "__main__":
    main()
