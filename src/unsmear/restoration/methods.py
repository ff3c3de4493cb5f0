"""Restoration methods by their names on the command line, or by the path of weights."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from unsmear import models
from unsmear.checkpoints import checkpoint, published
from unsmear.errors import OptionError, WeightsError, shown
from unsmear.restoration import classical, learned
from unsmear.restoration.base import Method, Restorer
from unsmear.restoration.learned import deep_wiener, network_restorer

METHODS: dict[str, Method] = learned.METHODS | classical.METHODS
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
"""Empty options."""
DIGITS = 12
"""Number of digits of the sha256 with which a restored file names its weights."""


def find(method: str | os.PathLike[str] | Method) -> Method:
    """Return the method with a name in METHODS, or of weights by their path: "runs/cells/best".

    Published weights can also be given by name, after `unsmear weights get`.

    The method of a path is named as on its card, unless a method in METHODS has that name. It is
    bound to the weights as they are now: if the file changes, it raises WeightsError.

    Raises OptionError for what is neither, and for weights of a classifier; WeightsError for
    weights without a complete card.
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, os.PathLike):
        method = os.fspath(method)
    if not isinstance(method, str):
        raise OptionError(f"a method must be a name or a path as text, got {shown(method)}.")
    if method in METHODS:
        return METHODS[method]
    path = None if method in published.classifiers() else weights(method)
    if path is None:
        raise OptionError(
            f"a method must be one of {', '.join(METHODS)}, a name of `unsmear weights list`, or "
            f"the path of weights (runs/NAME/best), got {shown(method)}{_suggestion(method) or '.'}"
        )
    return _of_weights(method, path)


def weights(name: str) -> Path | None:
    """Return the path of weights without its ending: published ones by their name, others as
    `checkpoint.find` does; None if there are none.

    Raises WeightsError for published weights that have not been downloaded.
    """
    if name not in (*published.networks(), *published.classifiers()):
        return checkpoint.find(name)
    path = published.find(name)
    if path is None:
        raise WeightsError(
            f"{name}: the weights are not here; get them with: unsmear weights get {name}"
        )
    return path.with_suffix("")


def try_out(method: Method, options: Mapping[str, Any] = NO_OPTIONS) -> Restorer:
    """Return the method fitted to a small black image, to find errors before any image is read.

    Raises what every image would raise: OptionError for options, WeightsError for weights.
    """
    check_options(method, options)
    return method.fit(np.zeros((1, 1, 8, 8), np.float32), np.ones((1, 1)), **options)


def options_of(method: Method) -> list[str]:
    """Return the names of a method's own options."""
    parameters = inspect.signature(method.fit).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def check_options(method: Method, options: Mapping[str, Any]) -> None:
    """Raise OptionError for an option that the method does not have."""
    if not isinstance(options, Mapping):
        raise OptionError(f"options must be given by name, as a dictionary, got {shown(options)}.")
    known = options_of(method)
    for name in options:
        if name not in known:
            if name == "channels":
                raise OptionError(
                    f"channels must be left out for {method.name}, which takes each channel by "
                    "itself: they are for networks with channels of their own."
                )
            allowed = f"one of {', '.join(known)}" if known else "none, for it has no options"
            others = [other for other, one in METHODS.items() if name in options_of(one)]
            hint = f"; {' and '.join(others)} has it" if others else ""
            raise OptionError(
                f"an option of {method.name} must be {allowed}, got {shown(name)}{hint}."
            )


def _of_weights(given: str, path: Path) -> Method:
    place, card = checkpoint.read_card(path)
    for kind, networks in (
        ("a classifier", models.classifiers()),
        ("an autoencoder", models.autoencoders()),
    ):
        if card["network"] in networks:
            raise OptionError(
                f"a method must restore images, got {shown(given)}, the weights of {kind}."
            )
    called = str(card.get("name", place))
    name = given if called in METHODS else called
    wiener = card["network"] == "DeepWiener"
    return Method(
        name,
        f"The network {card['network']}, with weights of a path.",
        needs_kernel=wiener,
        fit=partial(deep_wiener.fit, place) if wiener else partial(network_restorer.fit, place),
        guarded=wiener,
        conserves_flux=bool(card.get("conserves_light", True)),
        cited=f"{called} {place.sha256[:DIGITS]}",
        precision=partial(deep_wiener.precision, place) if wiener else None,
    )


def _suggestion(method: str) -> str:
    """Return a phrase with a similar method, or with similar weights beside a path; "" for none."""
    if Path(method).suffix in (".npz", ".h5"):
        return f"; for MAXIM's files: unsmear weights get NAME --from {method}"
    folder = Path(method).parent
    weights = [file.with_suffix("") for file in folder.glob("*.safetensors")]
    runs = [file.parent for file in folder.glob(f"*/{checkpoint.BEST}.safetensors")]
    close = get_close_matches(
        method, [*METHODS, *published.networks(), *sorted(map(str, weights + runs))], 1
    )
    return f"; did you mean {close[0]}?" if close else ""
