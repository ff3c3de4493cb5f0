"""The guard of a result: it is checked against what was recorded, and replaced where it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from unsmear.blur import Kernel, check_kernel
from unsmear.cores import in_parallel
from unsmear.images.nodata import Mask
from unsmear.restoration import consistency, drifting, flux, methods, noise, tiling
from unsmear.restoration.base import Batch, Restorer
from unsmear.restoration.classical import kernel_evidence
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.noise import Noise
from unsmear.restoration.preparation import Prepared
from unsmear.restoration.whole import Whole


@dataclass(frozen=True, eq=False)
class Guard:
    """What was recorded, and what is known of it.

    noises: of each channel. tile: side of the tiles of the plain deconvolution, pixels; None for
    the whole image. whole: the plane that this is a part of. fitted: gives the plain deconvolution,
    fitted to all planes of the image when it is first needed.
    """

    prepared: Prepared
    field_kernel: FieldKernel
    noises: Sequence[Noise]
    fitted: Callable[[], Restorer]
    tile: int | None = None
    whole: Whole | None = None

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        field_kernel: FieldKernel,
        tile: int | None = None,
        whole: Whole | None = None,
    ) -> Guard:
        """Return the guard of what is made of an image, whose noise is measured here."""
        wiener = methods.find("wiener")
        fitted = cache(partial(wiener.fit, prepared.blurred, field_kernel.kernel))
        if whole is not None:
            return cls(prepared, field_kernel, (whole.noise,), fitted, tile, whole)
        return cls(prepared, field_kernel, _noises(prepared, field_kernel), fitted, tile)

    def check(self, restored: Batch, plain: Batch | None = None) -> Check:
        """Return the consistency check, with the kernel of each place where it drifts.

        plain: the plain deconvolution, see `consistency.check`.
        """
        blurred, unknown = self.prepared.blurred, self.prepared.holes
        saturated = self.prepared.saturated
        if saturated is not None:
            unknown = saturated if unknown is None else unknown | saturated

        def with_kernel(kernel: Kernel) -> Check:
            return consistency.check(restored, blurred, kernel, self.noises, unknown, plain)

        if self.whole is not None:
            # A part that holds only noise belongs to a plane that does not.
            found = with_kernel(self.field_kernel.kernel)
            return replace(found, empty=np.zeros_like(found.empty))
        if self.field_kernel.drift is None:
            return with_kernel(self.field_kernel.kernel)
        return drifting.check(self.field_kernel.drift, with_kernel)

    def plain(self) -> Batch:
        """Return the plain deconvolution, with the kernel of each place where it drifts."""
        wiener = methods.find("wiener")
        blurred, holes = self.prepared.blurred, self.prepared.holes
        if self.whole is not None:
            return self.whole.plain_flux.keep(self.whole.plain.restore(blurred))

        def deconvolved(fitted: Restorer) -> Batch:
            return conserved(tiling.restore(fitted, blurred, self.tile), blurred, holes)

        def with_kernel(kernel: Kernel, around: tuple[slice, slice]) -> Batch:
            return deconvolved(wiener.fit(blurred[:, :, *around], kernel))

        if self.field_kernel.drift is None:
            return deconvolved(self.fitted())
        return drifting.restore(self.field_kernel.drift, blurred.shape[2:], with_kernel)

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
            restored, plain, self.prepared.recorded, checked, plain_check
        )
        if uncertainty.size:
            uncertainty = np.maximum(uncertainty, np.abs(mended - restored))
        if self.whole is not None:
            return mended, uncertainty, verdicts
        some_replaced, some_restored = (
            (verdicts != verdict).any(axis=(2, 3))
            for verdict in (consistency.RESTORED, consistency.INPUT)
        )
        for i, j in np.argwhere(some_replaced & some_restored):
            plane = slice(i, i + 1), slice(j, j + 1)
            holes = None if self.prepared.holes is None else self.prepared.holes[plane]
            conserved(mended[plane], self.prepared.blurred[plane], holes)
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
        restored[wrong] = self.prepared.recorded[wrong]
        verdicts = np.full(checked.misfit.shape, consistency.RESTORED, np.uint8)
        verdicts[wrong] = consistency.INPUT
        return verdicts if wrong.any() else None


def conserved(restored: Batch, blurred: Batch, holes: Mask | None) -> Batch:
    """Return the result with the light of the blurred planes' data, in place."""
    if holes is None:
        return flux.conserve(restored, blurred, out=restored)
    flux.conserve_data(restored, blurred, holes)
    return restored


def _noises(prepared: Prepared, field_kernel: FieldKernel) -> list[Noise]:
    """Return the noise of each channel of an image that is rounded to whole counts."""
    rounded = noise.rounding(prepared.part.pixels.dtype, prepared.scaling.factor)
    channels = prepared.mirrored.swapaxes(0, 1)
    if field_kernel.drift is not None:
        # Where a motion drifts, the light at the zeros of one kernel is that of other places.
        return [noise.measure(channel, rounded) for channel in channels]
    kernel, continued = check_kernel(field_kernel.kernel), prepared.blurred.swapaxes(0, 1)
    return in_parallel(
        lambda number: kernel_evidence.measure(
            channels[number], kernel, rounded, continued[number]
        ),
        range(len(channels)),
    )
