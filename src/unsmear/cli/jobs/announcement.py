"""What `--dry-run` says of an image: what it is read as, and what would be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unsmear.cli.console import say
from unsmear.cli.jobs.batch import Outcome
from unsmear.cli.jobs.output import Output
from unsmear.data.item import Item
from unsmear.images import Image, frames

NAMED = 10
"""Largest number of things whose names a line has."""


def announce(output: Output, item: Item) -> Outcome:
    """Say what would be read, as what, and what would be written."""
    paths = output.results(item)
    output.check_free(paths, item)
    with item.slide() as slide:
        image = item.read() if slide is None else slide.header
    line = f"{item.id}: {describe_image(image)} -> {', '.join(map(str, paths))}"
    copies = output.copies(item)
    if output.command == "restore" and output.is_copied(item) and copies != paths:
        line += f", or a copy, {', '.join(map(str, copies))}, where nothing is restored"
    return Outcome(f"to {output.command}", line)


def announce_all(what: str, read: Sequence[str], written: Sequence[Path | str]) -> int:
    """Say what a command would read and write; return the exit code.

    what: the things that are read, "images". Of many names the first are said, as JSON all.
    """
    printed = True
    if read:
        more = f" and {len(read) - NAMED} more" if len(read) > NAMED else ""
        names = f"{', '.join(read[:NAMED])}{more}"
        things = what.removesuffix("s") if len(read) == 1 else what
        printed = say(f"would read {len(read)} {things}: {names}.", reads=list(read))
    printed &= say(f"would write {', '.join(map(str, written))}.", writes=list(written))
    return 0 if printed else 1


def describe_image(image: Image) -> str:
    """Return what an image was read as, in words."""
    sizes = "x".join(map(str, image.pixels.shape))
    parts = [f"{image.axes} {sizes} {image.pixels.dtype}"]
    if any(image.channels):
        parts.append(f"channels {', '.join(name or 'without a name' for name in image.channels)}")
    parts += filter(None, [axes_phrase(image), describe_pixel_size(image)])
    parts.append(_describe_exposures(image))
    if image.alpha:
        parts.append("opacity left as it is")
    return ", ".join(parts)


def axes_phrase(image: Image) -> str:
    """Return a phrase on axes that are others than the file's own; "" where it agrees."""
    return image.own_axes and f"axes {image.axes} as given, where the file says {image.own_axes}"


def _describe_exposures(image: Image) -> str:
    """Return how many exposures an image is taken for; each has a motion of its own."""
    count = frames.count(image)
    planes = image.planes()
    each = planes.shape[0] * planes.shape[1] // count
    of_planes = "" if each == 1 else f" of {each} planes"
    return f"{count} exposures{of_planes}" if count > 1 else f"one exposure{of_planes}"


def describe_pixel_size(image: Image) -> str:
    """Return the pixel size in words, and where it stands."""
    if image.pixel_size is None:
        return "pixel size not known"
    y, x = image.pixel_size
    size = f"{x:.4g}" if abs(y / x - 1) < 1e-3 else f"{x:.4g} x {y:.4g}"
    return f"pixel size {size} um from {image.pixel_size_from or 'its metadata'}"
