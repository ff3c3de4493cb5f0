"""A cascade of two U-Nets: the second sees the image and the first one's result, and corrects it.

A cascaded network as Goncalves and Ferreira mean it in their Table I, in its shortest form; the
outputs of both stages are trained (`loss.outputs = "all"`), as those of MAXIM's stages.
"""

from __future__ import annotations

from torch import Tensor, cat, nn

from unsmear.models import keras, receptive_field, unet


class TwoStage(nn.Module):
    """Two U-Nets in a row: blurred image to both stages' images, black 0 and full scale 1.

    channels: of the images. features, levels: of each U-Net, as in `unet.UNet`.

    Each stage predicts a correction, which is 0 at first: the first one to the blurred image, the
    second one to the result of the first.

    Raises OptionError.
    """

    values = (0.0, 1.0)

    def __init__(self, *, channels: int = 3, features: int = 32, levels: int = 3) -> None:
        super().__init__()
        keras.check("none", channels=channels, features=features, levels=levels)
        self.channels, self.stride = channels, 2**levels
        self.first = unet.layers(channels, channels, features, levels)
        self.second = unet.layers(2 * channels, channels, features, levels)
        keras.he_normal(self)
        keras.zero(self.first[-1])
        keras.zero(self.second[-1])
        self.halo = receptive_field.halo(2 * unet.receptive_layers(levels), self.stride)

    def forward(self, blurred: Tensor) -> list[Tensor]:
        """Return the images of both stages, each (batch, channels, y, x), the result last.

        blurred: sides multiples of `stride`.
        """
        first = blurred + self.first(blurred)
        return [first, first + self.second(cat([blurred, first], 1))]


NETWORKS = {"two-stage": TwoStage}
