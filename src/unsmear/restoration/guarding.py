"""The guard of a result: it is checked against what was recorded, and replaced where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsmear.blur import Kernel
from unsmear.estimate.drift import Drift
from unsmear.images.nodata import Mask
from unsmear.restoration import consistency, drifting, flux, methods, tiling
from unsmear.restoration.base import Batch
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.noise import Noise


@dataclass(frozen=True, eq=False)
class Guard:
    """What was recorded, and what is known of it.

    recorded: (batch, channel, y, x), normalised. blurred: the same, continued where it is no
    measurement. kernel: that of the restoration. noises: of each channel. tile: side of the tiles
    of the plain deconvolution, pixels; None for the whole image. holes: where there are no data.
    saturated: where only the least light is known. drift: how the kernel changes across the field.
    """

    recorded: Batch
    blurred: Batch
    kernel: Kernel
    noises: Sequence[Noise]
    tile: int | None = None
    holes: Mask | None = None
    saturated: Mask | None = None
    drift: Drift | None = None

    def check(self, restored: Batch, plain: Batch | None = None) -> Check:
        """Return the consistency check, with the kernel of each place where it drifts.

        plain: the plain deconvolution, see `consistency.check`.
        """
        unknown = self.holes
        if self.saturated is not None:
            unknown = self.saturated if unknown is None else unknown | self.saturated

        def with_kernel(kernel: Kernel) -> Check:
            return consistency.check(restored, self.blurred, kernel, self.noises, unknown, plain)

        if self.drift is None:
            return with_kernel(self.kernel)
        return drifting.check(self.drift, with_kernel)

    def plain(self) -> Batch:
        """Return the plain deconvolution, with the kernel of each place where it drifts."""
        wiener = methods.find("wiener")

        def with_kernel(kernel: Kernel, around: tuple[slice, slice]) -> Batch:
            fitted = wiener.fit(self.blurred[:, :, *around], kernel)
            deconvolved = tiling.restore(fitted, self.blurred, self.tile)
            return conserved(deconvolved, self.blurred, self.holes)

        if self.drift is None:
            return with_kernel(self.kernel, (slice(None), slice(None)))
        return drifting.restore(self.drift, self.blurred.shape[2:], with_kernel)

    def mend(
        self, restored: Batch, uncertainty: Batch, checked: Check
    ) -> tuple[Batch, Batch, Verdicts]:
        """Return the result and its uncertainty with inconsistent tiles replaced, and the verdicts.

        checked: the check of the result.
        """
        if checked.explained.all():
            return restored, uncertainty, np.zeros(checked.misfit.shape, np.uint8)
        plain, plain_check = restored, checked  # where only empty planes are unexplained
        if (~checked.explained & ~checked.empty[..., None, None]).any():
            plain = self.plain()
            checked, plain_check = (self.check(result, plain) for result in (restored, plain))
        mended, verdicts = consistency.fall_back(
            restored, plain, self.recorded, checked, plain_check
        )
        if uncertainty.size:
            uncertainty = np.maximum(uncertainty, np.abs(mended - restored))
        some_replaced, some_restored = (
            (verdicts != verdict).any(axis=(2, 3))
            for verdict in (consistency.RESTORED, consistency.INPUT)
        )
        for i, j in np.argwhere(some_replaced & some_restored):
            plane = slice(i, i + 1), slice(j, j + 1)
            holes = None if self.holes is None else self.holes[plane]
            conserved(mended[plane], self.blurred[plane], holes)
        return mended, uncertainty, verdicts

    def stop(self, restored: Batch, checked: Check) -> Verdicts | None:
        """Put the recorded planes in place of those whose kernel is wrong, and return the verdicts.

        They are None where no plane was replaced. For methods that are not guarded. checked: the
        check of the result.
        """
        if checked.kernel_may_be_right.all():
            return None
        checked = self.check(restored, self.plain())
        wrong = ~checked.kernel_may_be_right
        restored[wrong] = self.recorded[wrong]
        verdicts = np.full(checked.misfit.shape, consistency.RESTORED, np.uint8)
        verdicts[wrong] = consistency.INPUT
        return verdicts if wrong.any() else None


def conserved(restored: Batch, blurred: Batch, holes: Mask | None) -> Batch:
    """Return the result with the light of the blurred planes' data, in place."""
    if holes is None:
        return flux.conserve(restored, blurred, out=restored)
    flux.conserve_data(restored, blurred, holes)
    return restored
