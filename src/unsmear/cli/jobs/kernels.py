"""Kernels that the options of a command specify: one for an image, or one for each of its parts."""

from __future__ import annotations

from pathlib import Path

from unsmear.blur import Blur, Given, Motion, Sampled, check_kernel, read_kernel
from unsmear.blur.kernel import read_kernels
from unsmear.cli.options.kernel import KernelOptions
from unsmear.cli.options.place import EVERYWHERE, PlaceOptions
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.restoration import by_place
from unsmear.restoration.decision import Known

SMALLEST_PIXEL, LARGEST_PIXEL = 0.005, 20.0
"""Limits of a file's pixel size in the sample that is believed, micrometres; others are those of a
screen, a camera chip or a forgotten unit."""

LONG_EXPOSURE = 1.0
"""Exposure time from which milliseconds may have been meant, seconds."""


def fixed(options: KernelOptions) -> Blur | None:
    """Return the blur shared by all images, or None; checks that a kernel file can be read."""
    if options.kernel is not None:
        read_kernel(options.kernel)
        return Given(str(options.kernel))
    return None if options.length is None else Motion(options.length, options.angle or 0.0)


def kernel_of(options: KernelOptions, image: Image) -> Blur | None:
    """Return the blur that the options specify for this image, or None without one."""
    blur = fixed(options)
    if blur is not None:
        return blur if options.kernel is None else _on_pixels_of(image, blur, options.kernel)
    if options.speed is None or options.exposure is None:
        return None
    pixel_size = _pixel_size(image) if options.pixel_size is None else options.pixel_size
    length = options.speed * options.exposure / max(pixel_size, SMALLEST_PIXEL)
    longest = max(image.pixels.shape[image.axes.index(axis)] for axis in "YX")
    if options.exposure >= LONG_EXPOSURE and length > longest:
        raise OptionError(
            f"{image.name}: --exposure must be in seconds; {options.exposure:g} s are a motion of "
            f"{length:.0f} px, longer than the image. If {options.exposure:g} milliseconds "
            f"were meant: --exposure {options.exposure / 1000:g}."
        )
    return Motion.of_stage(options.speed, options.exposure, pixel_size, options.angle or 0.0)


def _pixel_size(image: Image) -> float:
    """Return the pixel size of an image's metadata, micrometres.

    Raises OptionError where there is none, or none that can be right.
    """
    if image.pixel_size is None:
        why = f" ({image.pixel_size_from})" if image.pixel_size_from else ""
        raise OptionError(f"{image.name}: the pixel size is unknown{why}; give --pixel-size.")
    y, x = image.pixel_size
    if abs(y / x - 1) > 1e-3:
        raise OptionError(
            f"{image.name}: pixels must be square for --speed; give --length instead."
        )
    if not SMALLEST_PIXEL <= x <= LARGEST_PIXEL:
        raise OptionError(
            f"{image.name}: the pixel size must be {SMALLEST_PIXEL:g} to "
            f"{LARGEST_PIXEL:g} um in a microscope, got {x:g} um"
            f"{_source(image)}; give --pixel-size."
        )
    return x


def check_files(options: PlaceOptions) -> None:
    """Raise an error for options that do not go together, and for files without kernels."""
    for of_place in options.by_place().values():
        if of_place is not None and of_place.kernel is not None:
            planes = read_kernels(of_place.kernel).planes()
            for plane in planes.reshape(-1, *planes.shape[2:]):
                check_kernel(plane, of_place.kernel.name)


def kernels_of(options: PlaceOptions, image: Image) -> Blur | dict[int | str, Known] | None:
    """Return the blur that the options specify for this image, or those of its parts, by name.

    None where there is none.
    """
    parts = options.by_place()
    whole = parts.get(EVERYWHERE)
    if whole is None:
        return {
            place: None if part is None else kernel_of(part, image) for place, part in parts.items()
        }
    if whole.kernel is None:
        return kernel_of(whole, image)
    places = by_place.places(read_kernels(whole.kernel), image)
    if places == [EVERYWHERE]:
        return kernel_of(whole, image)
    return {
        place: _on_pixels_of(image, Given(str(whole.kernel), number), whole.kernel)
        for number, place in enumerate(places)
    }


def _on_pixels_of(image: Image, blur: Blur, file: Path) -> Blur:
    """Return a measured kernel on the image's pixels, where both files state their sizes."""
    own = read_kernels(file).pixel_size
    fitted = by_place.on_pixels_of(image, blur.kernel(), own, file.name)
    return blur if fitted is None else Sampled.of(fitted)


def pixel_size_phrase(options: KernelOptions | PlaceOptions, image: Image) -> str:
    """Return the pixel size that a speed needs, and where it stands; "" without a speed.

    "pixel size 0.325 um from OME-XML".
    """
    if options.speed is None:
        return ""
    if options.pixel_size is not None:
        return f"pixel size {options.pixel_size:g} um from --pixel-size"
    if image.pixel_size is None:
        return ""
    return f"pixel size {image.pixel_size[1]:.4g} um{_source(image) or ' from the file'}"


def _source(image: Image) -> str:
    return f" from {image.pixel_size_from}" if image.pixel_size_from else ""
