"""VGG16 up to any of its convolutions, as an extractor of features.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
2015, configuration D: 13 convolutions of 3x3 in five blocks, a maximum over 2x2 between blocks.
Weights come from elsewhere (`unsmear.losses.perceptual`), each file with its own preprocessing.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from unsmear.errors import OptionError

WIDTHS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Number of channels and of convolutions of each block."""
LAYERS: tuple[str, ...] = tuple(
    f"block{block}_conv{index}"
    for block, (_, depth) in enumerate(WIDTHS, start=1)
    for index in range(1, depth + 1)
)
"""Names of the convolutions in order, as in Keras."""


def up_to(layer: str) -> tuple[str, ...]:
    """Return the names of the convolutions up to `layer`; OptionError where it is none of them."""
    if layer not in LAYERS:
        known = f"{LAYERS[0]} to {LAYERS[-1]}"
        raise OptionError(f"layer must be one of VGG16's ({known}), got {layer!r}.")
    return LAYERS[: LAYERS.index(layer) + 1]


def shapes(layer: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one convolution's `weight` (out, in, 3, 3) and `bias`."""
    before = LAYERS[LAYERS.index(layer) - 1] if layer != LAYERS[0] else None
    width = _width(layer)
    return {"weight": (width, _width(before) if before else 3, 3, 3), "bias": (width,)}


class VGG16(nn.Module):
    """VGG16 from an image to the features of one convolution, after its ReLU.

    layer: one of `LAYERS`. Its parameters are named LAYER.weight and LAYER.bias.
    """

    def __init__(self, layer: str = "block3_conv3") -> None:
        super().__init__()
        for name in up_to(layer):
            width, before, *_ = shapes(name)["weight"]
            self.add_module(name, nn.Conv2d(before, width, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Return features (batch, channel, y, x), half as large for each block before the layer's.

        image: (batch, 3, y, x), preprocessed as the weights want it.
        """
        features = image
        for name, convolution in self.named_children():
            if name.endswith("conv1") and name != LAYERS[0]:
                features = functional.max_pool2d(features, 2)
            features = functional.relu(cast(nn.Conv2d, convolution)(features), inplace=True)
        return features


def _width(layer: str) -> int:
    return WIDTHS[int(layer[len("block")]) - 1][0]
