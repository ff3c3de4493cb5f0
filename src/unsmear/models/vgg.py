"""VGG16 and VGG19 up to any of their convolutions, as extractors of features.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
2015, configurations D and E: convolutions of 3x3 in five blocks, a maximum over 2x2 between blocks.
Weights come from elsewhere (`unsmear.losses.perceptual`), each file with its own preprocessing.
"""

from __future__ import annotations

from typing import Literal, cast

from torch import Tensor, nn
from torch.nn import functional

from unsmear.errors import OptionError

Network = Literal["vgg16", "vgg19"]

WIDTHS = (64, 128, 256, 512, 512)
"""Number of channels of each block."""
DEPTHS: dict[Network, tuple[int, ...]] = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Number of convolutions of each block."""
LAYERS: dict[Network, tuple[str, ...]] = {
    network: tuple(
        f"block{block}_conv{index}"
        for block, depth in enumerate(depths, start=1)
        for index in range(1, depth + 1)
    )
    for network, depths in DEPTHS.items()
}
"""Names of the convolutions in order, as in Keras."""


def up_to(layer: str, network: Network = "vgg16") -> tuple[str, ...]:
    """Return the names of the convolutions up to `layer`; OptionError where it is none of them."""
    layers = LAYERS[network]
    if layer not in layers:
        known = f"{layers[0]} to {layers[-1]}"
        raise OptionError(f"layer must be one of {network.upper()}'s ({known}), got {layer!r}.")
    return layers[: layers.index(layer) + 1]


def shapes(layer: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one convolution's `weight` (out, in, 3, 3) and `bias`."""
    block, index = (int(part) for part in layer.removeprefix("block").split("_conv"))
    width = WIDTHS[block - 1]
    before = width if index > 1 else (3, *WIDTHS)[block - 1]
    return {"weight": (width, before, 3, 3), "bias": (width,)}


class VGG(nn.Module):
    """VGG16 or VGG19 from an image to the features of one convolution.

    layer: one of the network's `LAYERS`. Its parameters are named LAYER.weight and LAYER.bias.
    network: "vgg16" or "vgg19". activated: whether the features are those after the layer's ReLU.
    """

    def __init__(
        self,
        layer: str = "block3_conv3",
        network: Network = "vgg16",
        *,
        activated: bool = True,
    ) -> None:
        super().__init__()
        self.layer, self.activated = layer, activated
        for name in up_to(layer, network):
            width, before, *_ = shapes(name)["weight"]
            self.add_module(name, nn.Conv2d(before, width, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Return features (batch, channel, y, x), half as large for each block before the layer's.

        image: (batch, 3, y, x), preprocessed as the weights want it.
        """
        features = image
        for name, convolution in self.named_children():
            if name.endswith("conv1") and not name.startswith("block1"):
                features = functional.max_pool2d(features, 2)
            features = cast(nn.Conv2d, convolution)(features)
            if self.activated or name != self.layer:
                features = functional.relu(features, inplace=True)
        return features
