"""Sentences on scores that mean less than they seem to."""

from __future__ import annotations

from collections.abc import Sequence

from unsmear.evaluate.scores import Scored
from unsmear.evaluate.summary import unblurred

DEPTHS = 9, 14
"""Bits of cameras whose counts are stored in more: the fewest, and the most."""


def remarks(scored: Sequence[Scored], data_range: float | None) -> list[str]:
    """Return sentences on pairs that nothing blurred, and on a data range that may be too wide.

    data_range: as given; None where it is that of the dtype.
    """
    perfect = unblurred([row for case in scored for row in case.rows])
    found = []
    if perfect:
        found.append(
            f"{', '.join(perfect)}: the blurred image is the sharp one, so its PSNR is infinite; "
            "left out of the means where there are others."
        )
    peak = max((case.peak for case in scored), default=0.0)
    bits = int(peak).bit_length()
    if data_range is None and DEPTHS[0] <= bits <= DEPTHS[1]:
        found.append(
            f"PSNR and SSIM are over the whole range of the files, and no sharp pixel is above "
            f"{peak:.0f}: if the camera has {bits} bits, give --data-range {2**bits - 1}."
        )
    return found
