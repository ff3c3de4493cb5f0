"""Perceptual loss: the squared distance between VGG's features of two images.

Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution",
ECCV 2016, equation 2; the default, VGG16's block3_conv3, is that of the paper's GAN. DeblurGAN's is
VGG19's block3_conv3, in its authors' code before the ReLU.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from unsmear.checkpoints import convert_vgg, published
from unsmear.errors import OptionError, WeightsError
from unsmear.losses.pixel import precise
from unsmear.metrics.image import check
from unsmear.models.vgg import VGG, Network

WAYS: dict[Network, str] = {
    "vgg16": "get them with `unsmear weights get vgg16`, name a file of yours with "
    "--perceptual.weights",
    "vgg19": "name a file of yours with --perceptual.weights (torchvision's vgg19-dcbb9e9d.pth or "
    "a file of Keras), use VGG16 (--perceptual.network vgg16, after `unsmear weights get vgg16`)",
}
"""What to do where a network's weights are missing."""


class Perceptual(nn.Module):
    """mean((features(sharp) - features(restored))^2), as a module without trainable parameters.

    weights_path: a file that `checkpoints.convert_vgg` reads, at construction; None takes the
        file of `unsmear weights get vgg16`.
    layer: one of the network's `models.vgg.LAYERS`. network: "vgg16" or "vgg19", whose weights must
        be given. activated: whether to compare the features after the layer's ReLU.

    The value is divided by the square of half the network's input range from black to white:
    127.5^2 for the authors' weights. This is the unit of DeblurGAN, which the paper follows: its
    images span [-1, 1] at VGG16's input, so that its weight of 100 keeps its meaning here.

    Raises WeightsError as `convert_vgg.read` does, and where no weights were given or downloaded.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        weights_path: str | Path | None = None,
        layer: str = "block3_conv3",
        network: Network = "vgg16",
        *,
        activated: bool = True,
    ) -> None:
        super().__init__()
        path = weights_path or _published(network)
        parameters, preprocessing = convert_vgg.read(path, layer, network)
        with torch.device("meta"):  # no memory or time for random weights that are replaced
            extractor = VGG(layer, network, activated=activated)
        extractor.load_state_dict(parameters, assign=True)
        self.network = extractor.requires_grad_(False).eval()
        self.reverse, self.unit = preprocessing.reverse, preprocessing.unit
        for name in ("mean", "deviation"):
            values = torch.tensor(getattr(preprocessing, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values)

    def forward(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Return the loss, a scalar; no gradient flows into `sharp`.

        restored, sharp: (batch, channel, y, x), normalised intensity. 3 channels are RGB, 1 is
            repeated.

        Raises OptionError for other numbers of channels, ImageError for batches of different size.
        """
        check(tuple(sharp.shape), tuple(restored.shape), 1.0)
        with torch.no_grad():
            target = self.features(sharp)
        difference = precise(self.features(restored)) - precise(target)
        return (difference / self.unit).square().mean()

    def features(self, image: Tensor) -> Tensor:
        """Return the network's features of images (batch, 1 or 3, y, x) in normalised intensity."""
        if image.ndim != 4 or image.shape[1] not in (1, 3):
            raise OptionError(
                f"images must have 1 or 3 channels for the perceptual loss, got the shape "
                f"{tuple(image.shape)}."
            )
        standardised = (image.expand(-1, 3, -1, -1) - self.mean) / self.deviation
        features: Tensor = self.network(standardised.flip(1) if self.reverse else standardised)
        return features


def _published(network: Network) -> Path:
    """Return the file of downloaded weights; raises WeightsError where there is none."""
    path = published.find("vgg16") if network == "vgg16" else None
    if path is None:
        raise WeightsError(
            f"{network.upper()}'s weights are missing for the perceptual loss: {WAYS[network]}, or "
            "use other losses (--loss.charbonnier 1 --loss.perceptual 0)."
        )
    return path
