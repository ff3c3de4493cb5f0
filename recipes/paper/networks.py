"""Networks of the paper: each is configured by its TOML file and trained in its own folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from scales import Scale
from unsmear.checkpoints import checkpoint, published
from unsmear.errors import OptionError, WeightsError
from unsmear.train.config import options
from unsmear.train.config.restorer import Run
from unsmear.train.engine import folder as folders

HERE = Path(__file__).parent
PAPERS = ("dcae", "gan", "gan-printed", "maxim")
CORRECTED = ("dcae-corrected", "gan-corrected", "maxim-scratch")
NAMES = (*PAPERS, *CORRECTED)
BESIDE = ("ganscan",)
"""Networks that only `--only` trains."""
EVERY = (*NAMES, *BESIDE)
LICENCE = "MIT; trained on drawn cells, or on the images named under data, whose licence to see"


def configure(
    name: str,
    scale: Scale,
    pairs: Path,
    vgg: Path | None,
    minutes: float | None,
    start: str | None = None,
    accumulate: int = 1,
) -> Run:
    """Return a network's whole configuration.

    Raises OptionError as `train.config.options.check` does.

    minutes: of training; None leaves it to the scale. start: weights in place of those that the
    network's file begins with, whose options go with them. accumulate: parts of each batch, whose
    gradients are summed before a step; memory is needed for one part.
    """
    file = HERE / f"{name}.toml"
    given = options.read(file)
    if start is not None and "start" in given:
        card = checkpoint.load(options.weights_path(start)).card
        given = options.merge(given, {"start": start, "options": card["options"]})
    for key in ("", given["model"], name):
        given = options.merge(given, scale.overrides.get(key, {}))
    weights = vgg or published.find("vgg16")
    shared: dict[str, Any] = {"licence": LICENCE, "data": {"pairs": pairs}}
    if weights is not None:
        shared["perceptual"] = {"weights": weights}
    parts = math.gcd(accumulate, given["data"]["batch"])
    shared["data"]["batch"] = given["data"]["batch"] // parts
    shared["optimiser"] = {"accumulate": parts}
    limit = minutes or scale.minutes
    if limit is not None:
        shared["stop"] = {"minutes": limit}
        if name in scale.steps_a_minute:
            shared["stop"]["steps"] = round(limit * scale.steps_a_minute[name])
    return options.check(options.merge(given, shared), str(file))


def train(run: Run, folder: Path) -> str:
    """Train or resume training; return why it stopped. A finished network is left unchanged."""
    if finished(folder):
        return "finished before"
    from unsmear.train.run import train as go  # imports torch

    return go(run, folder).reason


def missing(name: str, start: str | None) -> str:
    """Return the missing initial (pretrained) weights of a network, or nothing."""
    wanted = options.read(HERE / f"{name}.toml").get("start")
    if wanted is None or start is not None:
        return ""
    try:
        options.weights_path(wanted)
    except WeightsError:
        return str(wanted)
    return ""


def finished(folder: Path) -> bool:
    """Return whether the training of a network is finished, not stopped early."""
    summary = folder / folders.SUMMARY
    return summary.exists() and folders.read_json(summary)["reason"] != "stopped"


def chosen(text: str) -> tuple[str, ...]:
    """Return the networks in a list "dcae,gan", or all of the page.

    Raises OptionError for an unknown one.
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip()) or NAMES
    for name in names:
        if name not in EVERY:
            raise OptionError(f"--only must name some of {', '.join(EVERY)}, got {name!r}.")
    return names
