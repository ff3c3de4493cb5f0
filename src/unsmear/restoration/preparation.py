"""An image made ready to be restored: the part that holds data, without defects, normalised."""

from __future__ import annotations

from dataclasses import dataclass, replace

from unsmear.blur import Kernel, check_kernel
from unsmear.blur.kernel import extent
from unsmear.errors import ImageError, KernelError
from unsmear.images import Image, outliers
from unsmear.images.image import check_room, work_on
from unsmear.images.nodata import Gaps, Mask
from unsmear.images.scaling import Scaling
from unsmear.restoration import filling, saturation
from unsmear.restoration.base import Batch
from unsmear.restoration.classical import wiener
from unsmear.restoration.field_kernel import FieldKernel

SMALLEST = 3
"""Smallest side of an image, pixels; smaller ones cannot be mirrored without the border pixel."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image that is ready to be restored.

    whole: as it came. gaps: where it has no data. part: the part that holds data, in counts, its
    gaps mirrored, its hot and dead pixels replaced. defects: where these were. saturated: where
    only the least intensity is known; None for nowhere.

    Of the part, (batch, channel, y, x), in the units of `scaling`:
    recorded: as it is. mirrored: with its saturated pixels continued from what is around them.
    blurred: with its gaps continued too; this is what is restored.
    """

    whole: Image
    gaps: Gaps | None
    part: Image
    defects: Mask
    saturated: Mask | None
    scaling: Scaling
    recorded: Batch
    mirrored: Batch
    blurred: Batch

    @property
    def holes(self) -> Mask | None:
        """Where the part has no data; None where all of it is data."""
        return None if self.gaps is None else self.gaps.inside

    def planes(self, few: slice) -> Prepared:
        """Return the same of some of the time points, slices and positions."""
        return replace(
            self,
            gaps=None if self.gaps is None else self.gaps.of_planes(few),
            part=Image(self.part.planes()[few], "TCYX", name=self.part.name),
            defects=self.defects[few],
            saturated=None if self.saturated is None else self.saturated[few],
            recorded=self.recorded[few],
            mirrored=self.mirrored[few],
            blurred=self.blurred[few],
        )


def prepare(
    image: Image,
    field_kernel: FieldKernel | None,
    gaps: Gaps | None,
    scaling: Scaling | None = None,
) -> Prepared:
    """Return an image ready to be restored; without a kernel nothing is continued.

    scaling: of the whole that the image is a part of; None for the image's own.

    Raises ImageError for an image that is too small.
    """
    whole, holes = check_size(image), None if gaps is None else gaps.inside
    part = whole if gaps is None else gaps.filled(whole)
    planes, defects = outliers.replaced(part.planes(), holes)
    saturated = None
    if field_kernel is not None:
        unknown = defects if holes is None else defects | holes
        saturated = saturation.find(part.planes(), unknown)
    part = part.with_planes(planes)
    scaling = Scaling.of(part.pixels) if scaling is None else scaling
    recorded = scaling.to_units(part.planes())
    mirrored = recorded
    if saturated is not None and field_kernel is not None:
        mirrored = saturation.continued(recorded, saturated, check_kernel(field_kernel.kernel))
    blurred = mirrored
    if holes is not None and field_kernel is not None and holes.any():
        blurred = filling.continued(mirrored, holes, field_kernel.kernel)
    return Prepared(whole, gaps, part, defects, saturated, scaling, recorded, mirrored, blurred)


def check_kernel_fits(kernel: Kernel, image: Image) -> None:
    """Raise KernelError for a kernel that is longer than an image: no pixel of it could be told.

    Raises ImageError where the work on both would take more memory than the budget.
    """
    height, width = image.planes().shape[-2:]
    rows, columns = extent(kernel)
    if rows > height or columns > width:
        raise KernelError(
            f"{image.name}: a kernel must not be longer than the image, {height}x{width} pixels, "
            f"got one of {rows}x{columns}."
        )
    further = wiener.memory_of(kernel, max(height, width))
    if further:
        needed = work_on(image.pixels.shape, image.pixels.itemsize) + further
        what = f"a kernel of {rows}x{columns} pixels"
        check_room(image.pixels.nbytes, image.name, f"{what} ", at_work=needed, work=what)


def check_size(image: Image) -> Image:
    """Return the image if it is large enough to restore; raises ImageError otherwise."""
    height, width = image.planes().shape[-2:]
    if min(height, width) < SMALLEST:
        raise ImageError(
            f"{image.name}: an image must be at least {SMALLEST}x{SMALLEST} pixels to restore, "
            f"got {height}x{width}."
        )
    return image
