"""A user's script, as `mypy --strict` sees it: every value has a type, and none is `Any`."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import unsmear

counts = np.zeros((64, 64), np.uint16)

restored = unsmear.restore(counts, unsmear.Motion(10, 40), uncertainty=True)
assert_type(restored.image, NDArray[np.uint16])
assert_type(restored.uncertainty, NDArray[np.float32] | None)
assert_type(restored.touched, bool)
assert_type(restored.movement, str)
assert_type(restored.estimate, unsmear.Estimate | None)
assert_type(restored.blur, unsmear.Blur | None)

image = unsmear.Image(np.zeros((3, 64, 64), np.uint8), "CYX", ("DNA", "actin", "tubulin"))
whole = unsmear.restore(image, unsmear.Gaussian(1).kernel(), method="wiener")
assert_type(whole.image, unsmear.Image)
assert_type(whole.uncertainty, unsmear.Image | None)
if whole.consistency is not None:
    assert_type(whole.consistency.share, float)
    assert_type(whole.consistency.misfit, NDArray[np.float32])

estimate = unsmear.estimate_blur(image)
assert_type(estimate, unsmear.Estimate)
assert_type(estimate.length, float)
assert_type(estimate.kernel(), NDArray[np.float64])
assert_type(unsmear.convolve(counts, estimate.kernel()), NDArray[np.float32])
assert_type(unsmear.psnr(counts, restored.image, data_range=65535), float)
assert_type(unsmear.scale_invariant_psnr(counts, restored.image, data_range=65535), float)
assert_type(unsmear.ssim(counts, restored.image, data_range=65535), float)
assert_type(unsmear.read("cells.tif"), unsmear.Image)
assert_type(unsmear.__version__, str)
unsmear.write("restored.tif", whole.image)


def longest(blurs: list[unsmear.Blur]) -> int:
    """Return the side of the largest kernel."""
    return max(len(blur.kernel()) for blur in blurs)


longest([unsmear.Motion(3), unsmear.Defocus(2), unsmear.Sampled.of(np.ones((3, 3)))])
try:
    unsmear.restore(image.pixels)
except (unsmear.AxesError, unsmear.ImageError) as error:
    assert_type(str(error), str)
