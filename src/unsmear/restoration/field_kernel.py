"""The kernel by which a field is restored, and how far it is trusted."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.blur import Kernel
from unsmear.estimate.drift import Drift
from unsmear.restoration import saturation
from unsmear.restoration.decision import Decision


@dataclass(frozen=True, eq=False)
class FieldKernel:
    """The kernel of a field.

    kernel: the point spread function, that of the field's middle where it drifts. drift: how it
    changes across the field. most_saturated: fraction of a plane above which its saturated pixels
    are taken as they are.
    """

    kernel: Kernel
    drift: Drift | None = None
    most_saturated: float = 1.0

    @classmethod
    def of(cls, decision: Decision) -> FieldKernel | None:
        """Return the kernel that a decision takes out of an image; None for blind methods."""
        if decision.blur is None:
            return None
        if decision.estimate is None:
            return cls(decision.blur.kernel())
        return cls(decision.blur.kernel(), decision.estimate.drift, saturation.MOST_IF_ESTIMATED)
