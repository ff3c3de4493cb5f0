"""How large the comparison is; everything else is the same at every scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIELD = 40.96
"""Side of a field of view in micrometres: that of a single cell's image in HPA mosaics."""
MOVED = 3.84
"""Length of the test images' motion in micrometres, that of six pixels in the paper's images."""


@dataclass(frozen=True)
class Scale:
    """What a scale changes.

    side: pixels of an image. unlabelled: fields to pretrain on. labelled: fields to teach and to
    validate on; tested: others to test on. among: their labels, all 19 where it is empty.
    encoder, decoder: options of the networks. pretraining, teaching: number of steps; batch: of
    both. validations: of a run. epochs: of teaching on real cells. share: of the cells of a fold,
    for validation.
    """

    side: int
    unlabelled: int
    labelled: int
    tested: int
    encoder: dict[str, Any]
    decoder: dict[str, Any]
    pretraining: int
    teaching: int
    batch: int = 32
    validations: int = 10
    epochs: float = 30.0
    share: float = 0.1
    among: tuple[int, ...] = field(default_factory=tuple)

    @property
    def pixel_size(self) -> float:
        """Micrometres."""
        return FIELD / self.side

    @property
    def length(self) -> float:
        """Length of the test images' motion, pixels."""
        return round(MOVED / self.pixel_size, 1)


@dataclass(frozen=True)
class Setting:
    """What the command line asks for.

    output: folder of everything that is made. seeds: number of repetitions of every run. folds: of
    the real cells. workers: processes that draw, restore and predict.
    """

    output: Path
    scale: Scale
    seeds: int = 1
    folds: int = 5
    workers: int = 1

    def runs(self, seed: int) -> Path:
        """Return the folder of the runs of a seed."""
        return self.output / f"seed-{seed}"


SCALES = {
    # ViT-B/16 with the decoder of He et al., for a GPU.
    "full": Scale(
        side=224,
        unlabelled=20_000,
        labelled=10_000,
        tested=2_000,
        encoder={"patch": 16, "width": 768, "depth": 12, "heads": 12},
        decoder={"decoder_width": 512, "decoder_depth": 8, "decoder_heads": 16},
        pretraining=50_000,
        teaching=10_000,
        batch=64,
    ),
    # One or two processor cores, some hours.
    "small": Scale(
        side=96,
        unlabelled=3_000,
        labelled=2_400,
        tested=400,
        encoder={"patch": 8, "width": 128, "depth": 6, "heads": 4},
        decoder={"decoder_width": 96, "decoder_depth": 2, "decoder_heads": 3},
        pretraining=4_000,
        teaching=1_200,
    ),
    # For the tests: seconds, and nothing is learned.
    "tiny": Scale(
        side=48,
        unlabelled=6,
        labelled=24,
        tested=3,
        encoder={"patch": 8, "width": 16, "depth": 1, "heads": 2},
        decoder={"decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2},
        pretraining=2,
        teaching=2,
        batch=4,
        validations=2,
        epochs=0.2,
        share=0.4,
        among=(0, 2, 16),
    ),
}
