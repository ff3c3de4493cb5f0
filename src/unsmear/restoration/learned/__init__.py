"""Learned restoration methods, with weights; `METHODS` lists the shipped ones."""

from functools import partial

from unsmear.restoration.base import Method
from unsmear.restoration.learned import deep_wiener

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "deep-wiener",
            "Wiener filters with a kernel, refined by a small network.",
            needs_kernel=True,
            fit=partial(deep_wiener.fit, "deep-wiener"),
            guarded=True,
            precision=partial(deep_wiener.precision, "deep-wiener"),
        ),
        Method(
            "deep-wiener-lean",
            "As deep-wiener with a leaner network, which was taught by it; twice as fast.",
            needs_kernel=True,
            fit=partial(deep_wiener.fit, "deep-wiener-lean"),
            guarded=True,
            precision=partial(deep_wiener.precision, "deep-wiener-lean"),
        ),
        Method(
            "deep-wiener-fast",
            "As deep-wiener with one filter and a smaller network; several times as fast.",
            needs_kernel=True,
            fit=partial(deep_wiener.fit, "deep-wiener-fast"),
            guarded=True,
            precision=partial(deep_wiener.precision, "deep-wiener-fast"),
        ),
    )
}
