"""The distance between the features that VGG16 finds in two images.

Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution",
ECCV 2016, equation 2, at the layer that the paper takes, block3_conv3.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from unsmear.checkpoints import convert_vgg16, published
from unsmear.errors import OptionError, WeightsError
from unsmear.losses.pixel import precise
from unsmear.metrics.image import check
from unsmear.models.vgg16 import VGG16


class Perceptual(nn.Module):
    """mean((features(sharp) - features(restored))^2), as a module that never learns.

    weights_path: a file that `checkpoints.convert_vgg16` reads; None takes what
        `unsmear weights get vgg16` got. The file is read here.
    layer: one of `models.vgg16.LAYERS`, after its ReLU.

    The value is divided by (half the distance from black to white that the network sees)^2,
    127.5^2 for the authors' weights. That is the unit of the paper's ancestors (DeblurGAN), whose
    images span [-1, 1] when VGG16 sees them, so that their weight of 100 keeps its meaning.

    Raises WeightsError as `features.read` does, and where there are no weights.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, weights_path: str | Path | None = None, layer: str = "block3_conv3") -> None:
        super().__init__()
        parameters, preprocessing = convert_vgg16.read(weights_path or _published(), layer)
        with torch.device("meta"):  # its random start is thrown away
            network = VGG16(layer)
        network.load_state_dict(parameters, assign=True)
        self.network = network.requires_grad_(False).eval()
        self.reverse, self.unit = preprocessing.reverse, preprocessing.unit
        for name in ("mean", "deviation"):
            values = torch.tensor(getattr(preprocessing, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values)

    def forward(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Return the loss, a scalar; no gradient flows into `sharp`.

        restored, sharp: (batch, channel, y, x), units. 3 channels are RGB, 1 is repeated.

        Raises OptionError for other channels, ImageError for batches of different size.
        """
        check(tuple(sharp.shape), tuple(restored.shape), 1.0)
        with torch.no_grad():
            wanted = self.features(sharp)
        difference = precise(self.features(restored)) - precise(wanted)
        return (difference / self.unit).square().mean()

    def features(self, image: Tensor) -> Tensor:
        """Return VGG16's features of images (batch, 1 or 3, y, x) in units."""
        if image.ndim != 4 or image.shape[1] not in (1, 3):
            raise OptionError(
                f"the perceptual loss must have images of 1 or 3 channels, got the shape "
                f"{tuple(image.shape)}."
            )
        seen = (image.expand(-1, 3, -1, -1) - self.mean) / self.deviation
        found: Tensor = self.network(seen.flip(1) if self.reverse else seen)
        return found


def _published() -> Path:
    path = published.find("vgg16")
    if path is None:
        raise WeightsError(
            "the perceptual loss must have VGG16's weights: get them with `unsmear weights get "
            "vgg16`, name a file of yours with --perceptual.weights, or do without them "
            "(--loss.charbonnier 1 --loss.perceptual 0)."
        )
    return path
