"""Families of blurs by name, as in manifests and on the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unsmear.blur.coded import Coded
from unsmear.blur.defocus import Defocus
from unsmear.blur.gaussian import Gaussian
from unsmear.blur.kernel import Blur, Given, Sampled
from unsmear.blur.motion import Motion
from unsmear.blur.paper import Paper
from unsmear.blur.profile import Profile
from unsmear.blur.trajectory import Trajectory
from unsmear.errors import KernelError, error_text, shortened, shown

FAMILIES: dict[str, type[Any]] = {  # in the order in which messages list them
    "motion": Motion,
    "trajectory": Trajectory,
    "defocus": Defocus,
    "gaussian": Gaussian,
    "paper": Paper,
    "profile": Profile,
    "coded": Coded,
    "given": Given,
    "sampled": Sampled,
}


def to_dict(blur: Blur) -> dict[str, Any]:
    """Return {"family": "motion", "length": 6.0, "angle": 15.0}: plain values, for JSON."""
    for name, family in FAMILIES.items():
        if type(blur) is family:
            parameters = {key: value for key, value in vars(blur).items() if value is not None}
            return {"family": name, **parameters}
    raise KernelError(f"a blur must be of a family of {', '.join(FAMILIES)}, got {shown(blur)}.")


def from_dict(values: Mapping[str, Any]) -> Blur:
    """Undo `to_dict`; raises KernelError for an unknown family or unknown parameters."""
    options = dict(values)
    name = options.pop("family", None)
    family = FAMILIES.get(str(name))
    if family is None:
        raise KernelError(
            f"a blur's family must be one of {', '.join(FAMILIES)}, got {shown(name)}."
        )
    known = {field.name for field in dataclasses.fields(family)}
    if set(options) - known:
        unknown = ", ".join(sorted(set(options) - known))
        raise KernelError(
            f"a {name} blur must have {', '.join(sorted(known))}, got {shortened(unknown)}."
        )
    try:
        if "times" in options:  # JSON has lists
            options["times"] = tuple(options["times"])
        if "rows" in options:
            options["rows"] = tuple(map(tuple, options["rows"]))
        blur: Blur = family(**options)
    except KernelError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise KernelError(
            f"a {name} blur must have {', '.join(sorted(known))}: {error_text(error)}."
        ) from error
    return blur


def describe(blur: Blur) -> str:
    """Return the blur as a phrase, for a line of text or a file's description."""
    if isinstance(blur, Motion):
        return f"linear motion of {blur.length:.2f} px at {blur.angle % 180:.1f} degrees"
    if isinstance(blur, Profile):
        return (
            f"linear motion of {blur.length:.2f} px at {blur.angle % 180:.1f} degrees at uneven "
            "speed"
        )
    if isinstance(blur, Coded):
        return (
            f"linear motion of {blur.length:.2f} px at {blur.angle % 360:.1f} degrees under a "
            "fluttering shutter"
        )
    if isinstance(blur, Given):
        name = Path(blur.path).name
        return f"the kernel in {name}" if blur.plane is None else f"kernel {blur.plane} of {name}"
    if isinstance(blur, Sampled) or type(blur) not in FAMILIES.values():
        return "a kernel of {0}x{0} values".format(len(blur.kernel()))
    values = {name: value for name, value in to_dict(blur).items() if name != "family"}
    parameters = ", ".join(f"{name} {value}" for name, value in values.items())
    return f"{to_dict(blur)['family']} blur ({parameters})"
