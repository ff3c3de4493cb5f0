"""Rows of Table I: each architecture and loss that the paper names, and the network that stands in.

Every row trains by the preset of its network, with the loss of the row, the sizes of `SHARED`, and
as many steps as fit into the same processor time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networks
from unsmear.errors import OptionError
from unsmear.train.config import options
from unsmear.train.config.restorer import Run

SHARED: Mapping[str, Any] = {
    "data": {"size": 64, "batch": 4, "validation": 16, "workers": 0},
    "augment": {"flips": False, "rotations": False},  # the paper's recipe moves vertically
    "schedule": {"warm": 20},
    "log": {"tensorboard": False, "every": 10},
    "licence": networks.LICENCE,
}
"""Options of every row: the same crops of the same pairs, and the same schedule."""
L1, L2 = {"loss": {"l1": 1.0}}, {"loss": {"l2": 1.0}}
FEATURES = {"loss": {"perceptual": 1.0}}
STAGES = {"loss": {"outputs": "all"}}
CRITIC = {"loss": "wasserstein", "norm": "instance", "filters": 32}
CRITIC_WORDS = "critic of 32 filters (64)"


@dataclass(frozen=True)
class System:
    """One row.

    name: of its run's folder. architecture, loss: as Table I has them, or as near as we come.
    cited: where the paper has it from. printed: PSNR, SSIM and, of the paper's Table VI, the F1 in
    % of the sharp images'; and of what they are.
    network: in words, with what was made smaller. model, sizes: the network and its options.
    learning: tables of options that make the loss.
    """

    name: str
    architecture: str
    loss: str
    cited: str
    printed: str
    network: str
    model: str
    sizes: Mapping[str, Any] = field(default_factory=dict)
    learning: Mapping[str, Any] = field(default_factory=dict)


def _both(*tables: Mapping[str, Any]) -> Mapping[str, Any]:
    merged: Mapping[str, Any] = {}
    for table in tables:
        merged = options.merge(merged, table)
    return merged


UNET, CASCADE, GAN = "U-Net-based autoencoder", "cascaded network", "GAN"
SMALL_UNET = {"features": 16, "levels": 3}
UNET_WORDS = "unet, 16 features (64)"
SCALES = {"features": 16, "blocks": 4}
SCALES_WORDS = "multi-scale, 16 features (64), 4 blocks (19)"
NAH = "[3]; Nah et al., CVPR 2017"
GENERATOR = {"filters": 32, "blocks": 6}
BLOCKS_WORDS = "32 filters (64), 6 blocks (9)"
GENERATOR_WORDS = f"gan, {BLOCKS_WORDS}"
GOPRO = "GoPro, published size"

SYSTEMS = (
    System("unet-l1", UNET, "L1", "[14]", "-", UNET_WORDS, "unet", SMALL_UNET, L1),
    System("unet-l2", UNET, "L2", "[14]", "-", UNET_WORDS, "unet", SMALL_UNET, L2),
    System(
        "unet-perceptual", UNET, "perceptual", "[14], [9]", "-", UNET_WORDS, "unet", SMALL_UNET,
        FEATURES,
    ),
    System(
        "dcae-perceptual", "autoencoder, the paper's DCAE", "perceptual", "Table V",
        "18.7227 / 0.2650 / 14.4, HPA", "dcae, corrected", "dcae", {}, FEATURES,
    ),
    System(
        "unet-adversarial", GAN, "L1, adversarial", "[11]", "-",
        f"{UNET_WORDS}, {CRITIC_WORDS}", "unet", SMALL_UNET,
        _both(L1, {"adversarial": {**CRITIC, "weight": 0.01}}),
    ),
    System(
        "gan-l1", "GAN's generator alone", "L1", "[5]", "-", GENERATOR_WORDS, "gan", GENERATOR,
        _both(L1, {"adversarial": {"loss": "none"}}),
    ),
    System(
        "gan-adversarial", GAN, "perceptual, adversarial", "[5], Table V",
        "21.8703 / 0.4340 / 26.1, HPA", f"{GENERATOR_WORDS}, {CRITIC_WORDS}", "gan", GENERATOR,
        {"loss": {"perceptual": 100.0}, "adversarial": {**CRITIC, "weight": 1.0}},
    ),
    System(
        "deblurgan-adversarial", "DeblurGAN", "perceptual, adversarial (gradient penalty)",
        "[5]", f"28.7 / 0.958, {GOPRO}", f"deblurgan, {BLOCKS_WORDS}, {CRITIC_WORDS}", "deblurgan",
        GENERATOR,
        {
            "loss": {"perceptual": 100.0},
            "perceptual": {"network": "vgg16"},
            "adversarial": {"filters": 32},
            "schedule": {"name": "cosine"},
        },
    ),
    System(
        "deblurgan-v2-l1", "DeblurGAN-v2, light", "L1", "[5]; Kupyn et al., ICCV 2019",
        f"28.17 / 0.925, {GOPRO}", "deblurgan-v2-mobile", "deblurgan-v2-mobile", {},
        _both(L1, {"adversarial": {"loss": "none"}}),
    ),
    System(
        "multi-scale-l1", CASCADE, "L1", NAH, f"30.40 / 0.9018, {GOPRO}", SCALES_WORDS,
        "multi-scale", SCALES, _both(L1, STAGES),
    ),
    System(
        "multi-scale-adversarial", CASCADE, "L2, adversarial", NAH, "-",
        f"{SCALES_WORDS}, {CRITIC_WORDS}", "multi-scale", SCALES,
        _both(L2, STAGES, {"adversarial": {**CRITIC, "weight": 1e-4}}),
    ),
    System(
        "two-stage-l1", CASCADE, "L1", "[3]", "-", "two-stage, 16 features (64)", "two-stage",
        SMALL_UNET, _both(L1, STAGES),
    ),
    System(
        "two-stage-l2", CASCADE, "L2", "[3]", "-", "two-stage, 16 features (64)", "two-stage",
        SMALL_UNET, _both(L2, STAGES),
    ),
    System(
        "maxim", "MAXIM S-1, from the beginning", "Charbonnier, spectrum", "[12], Table V",
        "24.9807 / 0.6839 / 97.5, HPA, S-3 fine-tuned", "maxim, 16 features (32), 1 stage", "maxim",
        {"features": 16, "stages": 1},
        {"loss": {"outputs": "all", "charbonnier": 1.0, "frequency": 0.01}},
    ),
    System(
        "nafnet-l1", "NAFNet, a modern reference", "L1", "not in the paper; Chen et al., ECCV 2022",
        f"32.87 / 0.9606, {GOPRO}", "nafnet, width 16 (32), 12 blocks (36)", "nafnet", {}, L1,
    ),
)  # fmt: skip
"""The rows in their order. In brackets what the published network has."""


def configure(system: System, pairs: Path, vgg: Path | None, changed: Mapping[str, Any]) -> Run:
    """Return the whole configuration of a row's training.

    vgg: VGG16's weights, for the perceptual loss. changed: options that win over all others.

    Raises OptionError as `train.config.options.check` does.
    """
    preset = {key: table for key, table in options.preset(system.model).items() if key != "loss"}
    own = {"model": system.model, "options": dict(system.sizes), "data": {"pairs": str(pairs)}}
    weights = {"perceptual": {"weights": str(vgg)}} if vgg else {}
    return options.check(_both(preset, SHARED, own, system.learning, weights, changed))


def perceptual(system: System) -> bool:
    """Return whether a row needs VGG16's weights."""
    return bool(system.learning.get("loss", {}).get("perceptual"))


def chosen(text: str) -> tuple[System, ...]:
    """Return the rows in a list "unet-l1,maxim", or all; raises OptionError for an unknown one."""
    by_name = {system.name: system for system in SYSTEMS}
    names = tuple(part.strip() for part in text.split(",") if part.strip()) or tuple(by_name)
    for name in names:
        if name not in by_name:
            raise OptionError(f"--only must name some of {', '.join(by_name)}, got {name!r}.")
    return tuple(by_name[name] for name in names)
