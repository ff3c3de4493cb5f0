"""Resuming: a run goes on only as it was begun, whatever kind of run it is.

Training, preparing pairs and collecting answers keep in their folder what they were asked. When
they are started again, what is asked now is compared with that; each says in its own words what
differs, and refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def differing(
    begun: Mapping[str, Any], asked: Mapping[str, Any], free: Collection[str] = ()
) -> list[str]:
    """Return the names of what differs between what a run was begun with and what is asked now.

    begun, asked: values by name, as the file gives them back; a name without a value has None.
    free: names that may change when a run is resumed.
    """
    names = dict.fromkeys([*asked, *begun])
    return [name for name in names if begun.get(name) != asked.get(name) and name not in free]


def flat(given: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the options by their full names."""
    flattened: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            flattened |= flat(value, f"{before}{name}.")
        else:
            flattened[before + name] = value
    return flattened
