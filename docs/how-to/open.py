"""Make the pictures of open.md, from drawn cells: python docs/how-to/open.py.

Needs the extras `open` and `synth`, Playwright and Chromium. Takes about a minute.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from playwright.sync_api import Locator, Page, sync_playwright

from unsmear import Image, read, write

PICTURES = Path(__file__).parents[1] / "pictures"
NAMES = ("slide-1", "slide-2", "slide-3")
UNSMEAR = [sys.executable, "-m", "unsmear"]
SCALE = 0.8
QUALITY = 82
"""Of the JPEGs, 0 to 100."""


def main() -> None:
    """Write docs/pictures/open-*.jpg."""
    with TemporaryDirectory() as temporary:
        folder = cells(Path(temporary))
        with opened(folder) as address, sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
            )
            page = chromium.new_page(viewport={"width": 1240, "height": 940})
            page.set_default_timeout(120_000)
            page.goto(address)
            photograph(page)
            chromium.close()


def cells(folder: Path) -> Path:
    """Return a folder of fields that moved, one that did not, a faint image and a damaged one."""
    drawn, moved, shown = folder / "drawn", folder / "moved", folder / "my-images"
    run("synth", "-o", drawn, "--count", 3, "--size", 384, "--seed", 3)
    run("blur", drawn, "-o", moved, "--length", 11, "--angle", 34, "--photons", 3000, "--seed", 1)
    shown.mkdir()
    fields = sorted({path.stem.rpartition("_")[0] for path in drawn.glob("*_red.png")})
    for name, field, source in zip(NAMES, fields, (moved, drawn, moved), strict=True):
        for path in source.glob(f"{field}_*.png"):
            if not path.stem.endswith("yellow"):
                shutil.copy(path, shown / f"{name}_{path.stem.rpartition('_')[2]}.png")
    dim = read(shown / "slide-3_green.png").pixels
    few = np.random.default_rng(2).poisson(dim / 120).astype(np.uint8)
    write(shown / "faint.tif", Image(few, "YX"))
    (shown / "cut-short.tif").write_bytes((shown / "faint.tif").read_bytes()[:9000])
    return shown


def run(*words: object) -> None:
    """Run a command of ours."""
    subprocess.run([*UNSMEAR, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def opened(folder: Path) -> Iterator[str]:
    """Start the page, and give its address."""
    command = [*UNSMEAR, "open", folder.name, "--no-browser"]
    with subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


def photograph(page: Page) -> None:
    """Take the pictures, as a user would go through the page."""
    card(page, "slide-3").filter(has_text=re.compile("moved|unsure|no movement")).wait_for()
    card(page, "faint").click()
    page.locator(".advice").first.wait_for()
    take(page, "unsure")
    card(page, "slide-1").click()
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_role("button", name="Restore again").wait_for()
    page.get_by_role("slider").wait_for()
    page.wait_for_timeout(7000)  # until the message is gone
    take(page, "restored")
    page.get_by_role("combobox", name=re.compile("^Compare")).select_option("side by side")
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    page.emulate_media(color_scheme="dark")
    page.get_by_role("combobox", name=re.compile("^Map of trust")).select_option(
        "misfit of each tile"
    )
    page.locator("#planes").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('planes').scrollIntoView()")
    page.wait_for_timeout(600)
    take(page, "beside")


def card(page: Page, name: str) -> Locator:
    """Return the card of an image in the list."""
    return page.get_by_role("button", name=re.compile(f"^{name}"))


def take(page: Page, name: str) -> None:
    """Write what is seen as a small JPEG."""
    page.wait_for_timeout(300)
    seen = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    path = PICTURES / f"open-{name}.jpg"
    smaller = cv2.resize(seen, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), smaller, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
