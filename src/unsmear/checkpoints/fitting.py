"""Check of a file's arrays against those of a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from unsmear.errors import WeightsError


def fitting(
    file: str, owner: str, arrays: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """Return the arrays of a network, float32, in the order of `shapes`.

    file: its name, and owner: the network's, for the error message. shapes: of the arrays that the
    network has, by name.

    Raises WeightsError that names every array that is missing, unknown, of another shape or not
    finite.
    """
    known = {name: array for name, array in arrays.items() if name in shapes}
    misshapen = [
        f"{name} must be {_size(shapes[name])}, is {_size(array.shape)}"
        for name, array in known.items()
        if array.shape != shapes[name]
    ]
    not_finite = [name for name, array in known.items() if not misshapen and not _finite(array)]
    faults = {
        "missing": [name for name in shapes if name not in arrays],
        "unknown": [name for name in arrays if name not in shapes],
        "of another shape": misshapen,
        "not of finite floating-point numbers": not_finite,
    }
    clauses = [f"{what}: {_listed(names)}" for what, names in faults.items() if names]
    if clauses:
        raise WeightsError(f"{file}: the arrays must be {owner}'s; {'; '.join(clauses)}.")
    return {name: arrays[name].float().contiguous() for name in shapes}


def _finite(array: Tensor) -> bool:
    return array.is_floating_point() and bool(array.float().isfinite().all())


def _listed(names: list[str]) -> str:
    """Return the names as text; of more than 8, the first 8 and the number of the others."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
