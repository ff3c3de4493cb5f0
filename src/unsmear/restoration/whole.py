"""What is measured on a whole plane, so that its parts are restored alike."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.images.scaling import Scaling
from unsmear.restoration.base import Restorer
from unsmear.restoration.flux import FluxShift
from unsmear.restoration.noise import Noise


@dataclass(frozen=True, eq=False)
class Whole:
    """A plane of which parts are restored.

    scaling: of its counts. restorer: the method, fitted to the plane; plain: the plain
    deconvolution. flux, plain_flux: what keeps the flux of their results. noise: of the plane.
    """

    scaling: Scaling
    restorer: Restorer
    plain: Restorer
    flux: FluxShift
    plain_flux: FluxShift
    noise: Noise
