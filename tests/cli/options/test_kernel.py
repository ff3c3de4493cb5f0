"""Options of the kernel: what is refused before any image is read."""

import pytest

from unsmear.blur import motion
from unsmear.cli.options import kernel
from unsmear.cli.options.kernel import KernelOptions
from unsmear.errors import OptionError


@pytest.mark.parametrize("length", [-3.0, 1000.0, float("nan")])
def test_a_length_that_no_motion_has_is_refused_at_once(length):
    with pytest.raises(OptionError, match=r"^--length must be 0 to 512 pixels, got "):
        KernelOptions(length=length, angle=10.0)
    assert kernel.LONGEST == motion.LONGEST
