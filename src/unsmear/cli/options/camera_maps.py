"""Options that name the calibration maps of a camera."""

from __future__ import annotations

from dataclasses import dataclass

from cyclopts import Parameter

from unsmear.errors import OptionError


@Parameter(name="*")
@dataclass(frozen=True)
class MapOptions:
    """Calibration maps of the camera (sCMOS): files with images of the size of the inputs."""

    offset_map: str | None = None
    """Mean of many dark frames, counts: an image, or one number. Its pattern, and that of the gain,
    is taken out before anything is measured, and the result has it again."""

    gain_map: str | None = None
    "Gain of each pixel, counts per photoelectron or relative; with --offset-map."

    variance_map: str | None = None
    """Variance of many dark frames, counts squared. Pixels far noisier than their plane are
    replaced by what is around them."""

    def check(self) -> None:
        """Raise OptionError for a gain without offset."""
        if self.gain_map is not None and self.offset_map is None:
            raise OptionError(
                "--gain-map must come with --offset-map: the gain multiplies what is above the "
                "offset. For images without one give --offset-map 0."
            )

    def given(self) -> dict[str, str]:
        """Return what was given, by the names of the maps: "offset", "gain", "variance"."""
        maps = {
            "offset": self.offset_map, "gain": self.gain_map, "variance": self.variance_map,
        }  # fmt: skip
        return {name: value for name, value in maps.items() if value is not None}
