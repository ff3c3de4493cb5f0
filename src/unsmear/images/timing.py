"""What a file says of the exposures of its channels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The exposures of an image's channels.

    times: exposure times, seconds, in the order of the channels; empty where the file does not say.
    together: whether one opening of the shutter recorded all channels, as in a colour camera.
    place: (y, x) of the stage at the exposure, micrometres, in the directions of the stage; None
    where the file does not say, or the planes have several.
    """

    times: tuple[float, ...] = ()
    together: bool = False
    place: tuple[float, float] | None = None

    def of(self, channel: int) -> float | None:
        """Return the exposure time of a channel, seconds; None where it is unknown."""
        return self.times[channel] if channel < len(self.times) else None


UNKNOWN = Timing()
"""Timing of a file that says nothing of it."""
