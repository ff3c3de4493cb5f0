"""A camera's pattern taken out of an image, and put back into what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from unsmear.images import Image, frames
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.nodata import Mask
from unsmear.images.scaling import Scaling, cast
from unsmear.restoration.restored import Restored


@dataclass(frozen=True, eq=False)
class Correction:
    """An image, and the same without the pattern of its camera.

    noisy: (batch, channel, y, x), pixels that were far noisier than their plane and were replaced.
    """

    image: Image
    corrected: Image
    noisy: Mask
    camera: CameraMaps

    @classmethod
    def of(cls, image: Image, camera: CameraMaps) -> Correction:
        """Return the correction of an image; raises ImageError for one of another size."""
        return cls(image, *camera.corrected(image), camera)

    def undone(
        self, result: Restored[Image, Image], dtype: DTypeLike | None
    ) -> Restored[Image, Image]:
        """Return what became of the corrected image with the camera's pattern.

        dtype: of the result; None for that of the image as it came. A pixel that was not restored
        is as it was recorded.
        """
        kind = np.dtype(self.image.pixels.dtype if dtype is None else dtype)
        result = replace(result, frames=self._undone_frames(result, dtype))
        if not result.touched:
            return replace(result, image=replace(self.image, pixels=cast(self.image.pixels, kind)))
        recorded = self.image.planes()
        changed = result.image.planes() != self.corrected.planes()
        planes, band = np.empty(recorded.shape, kind), result.uncertainty
        widths = None if band is None else self.camera.recorded_width(band.planes())
        white = np.fmax.reduce(self.corrected.planes(), axis=(2, 3))
        black = lost = 0
        for index in np.ndindex(recorded.shape[:2]):  # a large image has no room for copies
            restored = self.camera.recorded(result.image.planes()[index])
            counts = np.where(changed[index], restored, recorded[index])
            beyond = Scaling().excess(counts, kind)
            planes[index] = cast(counts, kind)
            clipped = (beyond != 0) & (planes[index] != recorded[index])
            # What ends at the white of a saturated plane is counted already.
            clipped &= ~np.isclose(result.image.planes()[index], white[index], rtol=1e-6)
            lost += int(clipped.sum())
            black += int((clipped & (beyond < 0)).sum())
            if widths is not None:
                widths[index] += np.abs(beyond)
        return replace(
            result,
            image=self.image.with_planes(planes),
            uncertainty=None if band is None or widths is None else band.with_planes(widths),
            outliers=result.outliers + int((self.noisy & changed).sum()),
            clipped=result.clipped + lost,
            clipped_black=result.clipped_black + black,
        )

    def _undone_frames(
        self, result: Restored[Image, Image], dtype: DTypeLike | None
    ) -> tuple[Restored[Image, Image], ...]:
        """Return what became of each time point and position, with the camera's pattern."""
        if not result.frames:
            return ()
        count = len(result.frames)
        parts = zip(
            result.frames,
            frames.split(self.image),
            frames.split(self.corrected),
            np.split(self.noisy, count),
            strict=True,
        )
        return tuple(
            Correction(image, corrected, noisy, self.camera).undone(frame, dtype)
            for frame, (_, image), (_, corrected), noisy in parts
        )
