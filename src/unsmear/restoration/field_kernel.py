"""The kernel by which a field is restored."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.blur import Kernel
from unsmear.estimate.drift import Drift
from unsmear.restoration.decision import Decision


@dataclass(frozen=True, eq=False)
class FieldKernel:
    """The kernel of a field.

    kernel: the point spread function, that of the field's middle where it drifts. drift: how it
    changes across the field.
    """

    kernel: Kernel
    drift: Drift | None = None

    @classmethod
    def of(cls, decision: Decision) -> FieldKernel | None:
        """Return the kernel that a decision takes out of an image; None for blind methods."""
        if decision.blur is None:
            return None
        estimate = decision.estimate
        return cls(decision.blur.kernel(), None if estimate is None else estimate.drift)
