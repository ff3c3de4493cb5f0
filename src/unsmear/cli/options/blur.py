"""Options of `unsmear blur`: families of blur, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

from cyclopts import Parameter

from unsmear.cli.options.kernel import KernelOptions
from unsmear.errors import OptionError


@Parameter(name="*")
@dataclass(frozen=True)
class FamilyOptions:
    """Blurs other than linear motion."""

    radius: float | None = None
    "Defocus: radius of the disc, pixels."

    sigma: float | None = None
    "Gaussian blur: standard deviation, pixels."

    shake: float | None = None
    "Irregular motion (camera shake), 0 to 1, along a random path of --length pixels."

    degree: int | None = None
    """Degree of the paper's blur recipe, which also darkens: 6 is a motion of 6 pixels that leaves
    0.72 of the light. --angle is the recipe's own, by which -45 is vertical [default: -45]."""

    normalise: bool = False
    "With --degree: stretch the result to the full range, as some copies of the recipe do."

    def check(self, options: KernelOptions) -> None:
        """Raise OptionError unless exactly one blur is given, with all its options."""
        moves = self.shake is None and options.length is not None
        ways = (self.radius, self.sigma, self.degree, self.shake, options.kernel, options.speed)
        named = sum(way is not None for way in ways) + moves
        if named != 1:
            raise OptionError(
                "the blur must be given in one way (--length and --angle, --speed and --exposure, "
                "--kernel, --radius, --sigma, --shake and --length, or --degree), "
                f"got {named or 'none'}."
            )
        if self.shake is not None and options.length is None:
            raise OptionError("--shake must come with --length.")
        if self.degree is None and self.shake is None:
            options.check_angle()


@Parameter(name="*")
@dataclass(frozen=True)
class CameraOptions:
    """Camera noise, for 8-bit and 16-bit images."""

    photons: float | None = None
    "Photon noise: photoelectrons at full scale."

    read_noise: float = 0.0
    "Standard deviation of the read noise, electrons; with --photons."

    offset: float = 0.0
    "Camera offset, counts; with --photons."

    bits: int | None = None
    "Bit depth of the camera, 8 to 16, where the file has more: 12 for 12 bits in a 16-bit file."
