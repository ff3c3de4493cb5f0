"""The page in a real Chromium: seen, dropped on, compared, stopped, in two tabs, and left alone."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile

import unsmear

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium"),
]
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
LARGE = 10_000
"""Side of the image of 100 megapixels."""


@contextmanager
def opened(folder, log, port=0):
    """Start `unsmear open`; give the process and the address that it prints."""
    command = [sys.executable, "-m", "unsmear", "open", folder, "--no-browser", "--port", str(port)]
    environment = {**os.environ, "TMPDIR": str(log.parent)}
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        while not (found := re.search(r"http\S+\n", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield process, found[0].strip()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, draw_cells):
    """Return a folder with two small images that moved, and a damaged one."""
    folder = tmp_path_factory.mktemp("open") / "cells"
    for name in ("a-keys.tif", "a-moved.tif"):
        unsmear.write(folder / name, draw_cells(128, 2, unsmear.Motion(8, 30), channels=2))
    (folder / "b-damaged.tif").write_bytes((folder / "a-moved.tif").read_bytes()[:4000])
    return folder


@pytest.fixture
def large(tmp_path, draw_cells):
    """Return a folder with an image of 100 megapixels."""
    (tmp_path / "large").mkdir()
    tile = (draw_cells(500, seed=3).pixels // 64).clip(0, 255).astype(np.uint8)
    pixels = np.tile(tile, (LARGE // 500, LARGE // 500))
    tifffile.imwrite(tmp_path / "large/c-large.tif", pixels, tile=(1008, 1008), metadata=None)
    return tmp_path / "large"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need Playwright (pip install playwright)"
    )
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "log"


@pytest.fixture(scope="module")
def program(folder, log):
    with opened(folder, log) as (process, address):
        yield process, address


@pytest.fixture(scope="module")
def context(browser, program):
    """Return the browser's state after the address was opened; no request leaves the machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    asked, errors = [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: errors.append(str(error.error)))
    page = context.new_page()
    page.goto(program[1])
    page.get_by_role("heading", name="Images").wait_for()
    assert "token" not in page.url
    yield context
    assert not errors
    outside = [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]
    assert not outside


@pytest.fixture
def page(context):
    return context.pages[0]


def card(page, name):
    return page.get_by_role("button", name=re.compile(f"^{name}"))


def say(page):
    return page.get_by_role("status")


@pytest.fixture
def compared(page):
    """Return the page with an image that was restored, behind the slider and in its usual size."""
    card(page, "a-moved").click()
    page.get_by_role("heading", name="a-moved").wait_for()
    restore = page.get_by_role("button", name=re.compile("^Restore( again)?$")).and_(
        page.locator(":enabled")
    )
    restore.wait_for()
    if restore.inner_text() == "Restore":
        restore.click()
    page.get_by_role("group", name=re.compile("^a-moved: recorded and restored")).wait_for()
    page.get_by_role("combobox", name=re.compile("^Compare")).select_option("with a slider")
    page.get_by_role("button", name="Show the whole image").click()
    return page


def test_a_damaged_file_says_so_beside_the_others(page):
    card(page, "b-damaged").filter(has_text="failed").wait_for()
    card(page, "b-damaged").click()
    assert "b-damaged.tif: the TIFF" in page.locator("#words").inner_text()
    assert page.get_by_role("button", name="Restore", exact=True).is_disabled()
    assert page.locator(".view-frame").count() == 0


def test_by_the_keyboard_alone_an_image_is_chosen_restored_and_compared(page, folder):
    card(page, "a-keys").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "title"
    restore = page.get_by_role("button", name="Restore", exact=True)
    restore.and_(page.locator(":enabled")).wait_for()  # once it was looked at
    restore.press("Enter")
    page.get_by_role("button", name="Restore again").wait_for()
    assert (folder.parent / "cells-restored" / "a-keys.tif").exists()
    assert "Linear motion of" in page.locator("#words").inner_text()
    slider = page.get_by_role("slider")
    slider.wait_for()
    slider.focus()
    page.keyboard.press("End")
    restored = page.locator(".view-layer.restored")
    assert restored.evaluate("e => e.style.clipPath") == "inset(0px 0px 0px 100%)"
    page.keyboard.press("Home")
    assert restored.evaluate("e => e.style.clipPath") == "inset(0px 0px 0px 0%)"
    assert "100 percent restored" in slider.get_attribute("aria-valuetext")
    page.get_by_role(
        "group", name=re.compile("a-keys: recorded and restored image; movement")
    ).focus()
    before = zoom(page)
    page.keyboard.press("+")
    assert zoom(page) > before
    page.keyboard.press("0")
    assert zoom(page) == before
    page.set_viewport_size({"width": 1280, "height": 700})
    until(page, f"parseFloat(document.querySelector('.view-percent').value) < {before} - 1")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_gesture_that_the_system_takes_over_ends(compared):
    page = compared
    box = page.locator(".view-frame").bounding_box()
    place = "document.querySelector('.view-world').style.transform"
    page.mouse.move(box["x"] + 90, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 99, box["y"] + 99)
    page.evaluate("document.querySelector('.view-frame').dispatchEvent(new Event('pointercancel'))")
    before = page.evaluate(place)
    page.mouse.move(box["x"] + 140, box["y"] + 140)
    assert page.evaluate(place) == before
    page.mouse.up()


def until(page, condition):
    """Wait until an expression is true; Playwright waits by `eval`, which the page forbids."""
    end = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def zoom(page):
    return float(page.get_by_label("Zoom", exact=True).inner_text().rstrip(" %").replace(",", ""))


def test_both_images_share_one_zoom_and_the_maps_lie_on_both(compared):
    page = compared
    page.get_by_role("combobox", name=re.compile("^Compare")).select_option("side by side")
    frame = page.locator(".view-frame")
    frame.hover(position={"x": 100, "y": 100})
    page.mouse.wheel(0, -300)
    moved = page.evaluate(
        "[...document.querySelectorAll('.view-world')].map(e => e.style.transform)"
    )
    assert len(moved) == 2
    assert moved[0] == moved[1]
    boxes = [
        page.locator(f".view-layer.{name}").bounding_box() for name in ("recorded", "restored")
    ]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    page.get_by_label("Map of trust").select_option("misfit of each tile")
    assert page.locator(".view-map.misfit:visible").count() == 2
    for part in ("Map of trust", "Kernel", "Light kept: mean counts", "Histogram: channel 1"):
        assert page.get_by_role("heading", name=part).is_visible()
    assert page.get_by_role("img", name=re.compile("^Histogram of channel 0: counts from")).count()
    page.get_by_label("Channels").select_option("channel 1")
    page.locator(".view-image[src*='channel=1']").first.wait_for()


def test_a_movement_is_given_by_a_line_along_a_smear(compared):
    page = compared
    page.get_by_role("button", name="Draw a movement").click()
    box = page.locator(".view-frame").bounding_box()
    scale = zoom(page) / 100
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 8 * scale, y - 6 * scale, steps=3)
    page.mouse.up()
    assert float(page.get_by_label("length").input_value()) == pytest.approx(10, abs=0.3)
    assert float(page.get_by_label("angle").input_value()) == pytest.approx(36.9, abs=1.5)
    assert page.get_by_role("button", name="Restore again with this movement").is_enabled()
    assert page.get_by_role("button", name="Restore all with this movement").is_visible()
    page.get_by_role("radio", name="find it in the image").check()
    assert page.get_by_role("button", name="Restore again", exact=True).is_visible()


UNNAMED = """() => [...document.querySelectorAll('button, a, input, select, progress, [role=img]')]
    .filter(e => e.checkVisibility() && !(e.ariaLabel || e.innerText || e.labels?.length
        || document.getElementById(e.getAttribute('aria-labelledby') ?? '')))
    .map(e => e.outerHTML)"""
CONTRAST = """() => {
    const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ground = (e) => { for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$|transparent/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
    return [...document.querySelectorAll('h1, h2, h3, p, button:enabled, label, th, td, .verdict')]
        .filter(e => e.checkVisibility() && e.innerText?.trim()).map(e => {
            const [a, b] = [getComputedStyle(e).color, ground(e)].map(light).sort((x, y) => y - x);
            return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 90)]; })
        .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_in_the_dark_and_at_200_percent_and_everything_has_a_name(compared, scheme):
    page = compared
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 640, "height": 450})  # 1280 x 900 at 200 %
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(CONTRAST) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_an_image_of_100_megapixels_is_seen_in_detail_and_stopped(context, large):
    """The page goes on answering while the worker is at it."""
    with opened(large, large.parent / "log") as (_, address):
        page = context.new_page()
        page.goto(address)
        card(page, "c-large").click()
        check_large(page)
        page.close()
    assert not (large.parent / "large-restored" / "c-large.tif").exists()


def check_large(page):
    page.get_by_role("group", name=re.compile("^c-large: recorded image")).wait_for()
    until(page, "document.querySelector('.view-image').naturalWidth === 1024")
    assert f"{LARGE} x {LARGE} px" in page.locator("#about").inner_text()
    page.get_by_role("button", name="One image pixel to a screen pixel").click()
    began = time.monotonic()
    page.locator(".view-part").wait_for(state="attached")
    assert time.monotonic() - began < 60
    shown = page.evaluate(
        "(e => [e.naturalWidth, e.clientWidth])(document.querySelector('.view-part'))"
    )
    assert shown[0] == shown[1]  # a pixel of the image is one of the screen
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).click()
    began = time.monotonic()
    page.get_by_role("button", name="Restore", exact=True).and_(page.locator(":enabled")).wait_for()
    assert time.monotonic() - began < 60


def test_a_drop_is_shown_in_two_tabs_restored_and_downloaded(page, context, folder, tmp_path):
    other = context.new_page()
    other.goto(page.url)
    data = list((folder / "a-moved.tif").read_bytes())
    page.evaluate(
        """(data) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], 'dropped.tif'));
            transfer.items.add(new File(['hello'], 'notes.txt'));
            dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
        }""",
        data,
    )
    page.get_by_text("notes.txt").first.wait_for()
    card(page, "dropped").wait_for()
    card(other, "dropped").click()
    other.get_by_text("Give the movement, and other options").click()
    other.get_by_role("radio", name="this one").check()
    other.get_by_label("length").fill("8")
    other.get_by_label("angle").fill("30")
    other.get_by_role("button", name="Restore with this movement").click()
    card(page, "dropped").filter(has_text=re.compile("restored$")).wait_for()
    other.get_by_role("link", name="Download the result").wait_for()
    with other.expect_download() as download:
        other.get_by_role("link", name="Download the result").click()
    download.value.save_as(tmp_path / "result.tif")
    assert unsmear.read(tmp_path / "result.tif").pixels.shape == (2, 128, 128)
    with other.expect_download() as download:
        other.get_by_role("link", name="Download the report").click()
    download.value.save_as(tmp_path / "report.html")
    assert_report_is_the_view(context, tmp_path / "report.html")
    other.close()


def assert_report_is_the_view(context, path):
    """The report is this view without a server: its script runs under its own policy."""
    report = context.browser.new_page()
    report.goto(path.as_uri())
    report.get_by_role("slider").wait_for()
    assert report.get_by_role("heading", name="Light kept: mean counts").is_visible()
    assert report.locator(".view-still").count() == 0
    report.close()


def test_a_program_that_was_killed_is_noticed_and_its_successor_is_taken(
    page, context, program, folder, log, tmp_path
):
    process, address = program
    port = int(re.search(r":(\d+)/", address)[1])
    process.kill()
    process.wait()
    alert = page.get_by_role("alert")
    alert.filter(has_text="does not answer").wait_for()
    shutil.copytree(folder, tmp_path / "cells", ignore=shutil.ignore_patterns("b-*"))
    left = log.parent / f"unsmear-open-{process.pid}-"
    assert list(left.parent.glob(f"{left.name}*"))
    log.unlink()
    with opened(tmp_path / "cells", log, port) as (_, again):
        assert not list(left.parent.glob(f"{left.name}*"))
        alert.filter(has_text="started anew").wait_for()
        other = context.new_page()
        other.goto(again)
        other.get_by_role("heading", name="Images").wait_for()
        alert.wait_for(state="hidden")
        page.get_by_text(f"results are written to {tmp_path / 'cells-restored'}").wait_for()
        assert card(page, "b-damaged").count() == 0
