"""An estimate in plain values, as JSON and the record of a batch have it."""

from __future__ import annotations

from typing import Any

from unsmear.blur import to_dict
from unsmear.estimate import Estimate

DIGITS = 4
"""Digits after the point of lengths, angles and confidences."""
OF_A_MOTION = ("angle", "length_error", "angle_error")
"""What is None where no motion was found, whose length is 0."""


def values(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as plain values; those that not every kind has, where it has them."""
    names = ["length", "angle", "confidence", "length_error", "angle_error"]
    names += ["radius", "radius_error"] if estimate.kind == "defocus" else []
    plain: dict[str, Any] = {"kind": estimate.kind, "unsure": bool(estimate.unsure)}
    plain |= {name: round(float(getattr(estimate, name)), DIGITS) for name in names}
    plain |= {} if estimate.found else dict.fromkeys(OF_A_MOTION)
    plain |= {"recipe": vars(estimate.recipe)} if estimate.recipe else {}
    plain |= {"processed": estimate.processed.kind} if estimate.processed else {}
    plain |= {"profile": to_dict(estimate.profile)} if estimate.profile else {}
    if estimate.drift is not None:
        first, last = to_dict(estimate.drift.first), to_dict(estimate.drift.last)
        plain["drift"] = {"down": estimate.drift.down, "first": first, "last": last}
    return plain | ({"doubt": estimate.doubt} if estimate.doubt else {})
