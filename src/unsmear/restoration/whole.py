"""What is measured on a whole plane, so that its parts are restored alike."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.images.scaling import Scaling
from unsmear.restoration.base import Restorer
from unsmear.restoration.flux import Light
from unsmear.restoration.noise import Noise


@dataclass(frozen=True, eq=False)
class Whole:
    """A plane of which parts are restored.

    scaling: of its counts. restorer: the method, fitted to the plane; plain: the plain
    deconvolution. light, plain_light: what keeps the light of their results. noise: of the plane.
    """

    scaling: Scaling
    restorer: Restorer
    plain: Restorer
    light: Light
    plain_light: Light
    noise: Noise
