"""DCAE, the paper's deep convolutional autoencoder.

Goncalves and Ferreira, "Generative Image Deblurring for Human Protein Cell Classification",
section IV A. 1,406,979 parameters by default, as in the paper: the way down ends in 256 channels
without a further convolution, three transposed convolutions of 256, 128 and 96 filters mirror it,
and a convolution of 3 filters is last. The paper names no activation after it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from unsmear.errors import OptionError
from unsmear.models import keras, receptive_field


class DCAE(nn.Module):
    """DCAE: blurred image to restored image, black 0 and full scale 1.

    channels: of the images. filters: of each level; each level halves the side.
    latent: filters of a further convolution at the bottleneck; 0: none.
    dropout: dropout rate of each level in training.
    upsample: "transposed" as in the paper, or "nearest": pixels are repeated and then convolved,
        so that no checkerboard can appear (Odena et al., Distill, 2016).
    output: "linear" or "sigmoid", the last activation.
    residual: the network predicts a correction to the blurred image, which is 0 at first.

    Raises OptionError.
    """

    values = (0.0, 1.0)

    def __init__(
        self,
        *,
        channels: int = 3,
        filters: tuple[int, ...] = (96, 128, 256),
        latent: int = 0,
        dropout: float = 0.0,
        upsample: Literal["transposed", "nearest"] = "transposed",
        output: Literal["linear", "sigmoid"] = "linear",
        residual: bool = False,
    ) -> None:
        super().__init__()
        _check(upsample, output, residual)
        keras.check("none", dropout, levels=len(filters), filters=min(filters, default=1))
        self.channels, self.residual = channels, residual
        self.stride = 2 ** len(filters)
        turn = latent or filters[-1]
        down = [_down(*pair, dropout) for pair in pairwise((channels, *filters))]
        middle = [keras.conv(filters[-1], latent, 3), nn.ReLU()] if latent else []
        up = [_up(*pair, dropout, upsample) for pair in pairwise((turn, *filters[::-1]))]
        last = keras.conv(filters[0], channels, 3)
        squash = [nn.Sigmoid()] if output == "sigmoid" else []
        self.layers = nn.Sequential(*down, *middle, *up, last, *squash)
        keras.he_normal(self)
        if residual:
            keras.zero(last)
        self.halo: int | None = _halo(len(filters), latent, upsample)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        output: Tensor = self.layers(blurred)
        return blurred + output if self.residual else output


def _down(before: int, after: int, dropout: float) -> nn.Module:
    layers = [keras.conv(before, after, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, *_dropout(dropout))


def _up(before: int, after: int, dropout: float, upsample: str) -> nn.Module:
    larger = (
        [keras.transposed(before, after)]
        if upsample == "transposed"
        else [nn.Upsample(scale_factor=2), keras.conv(before, after, 3)]
    )
    return nn.Sequential(*larger, nn.ReLU(), *_dropout(dropout))


def _dropout(share: float) -> list[nn.Module]:
    return [nn.Dropout(share)] if share else []


def _halo(levels: int, latent: int, upsample: str) -> int:
    conv = receptive_field.conv(3)
    up = (
        [receptive_field.transposed]
        if upsample == "transposed"
        else [receptive_field.nearest, conv]
    )
    layers = (
        [conv, receptive_field.conv(2, 2)] * levels + [conv] * bool(latent) + up * levels + [conv]
    )
    return receptive_field.halo(layers, 2**levels)


def _check(upsample: str, output: str, residual: bool) -> None:
    if upsample not in ("transposed", "nearest"):
        raise OptionError(f"upsample must be transposed or nearest, got {upsample}.")
    if output not in ("linear", "sigmoid"):
        raise OptionError(f"output must be linear or sigmoid, got {output}.")
    if residual and output == "sigmoid":
        raise OptionError("output must be linear where residual is set, got sigmoid.")


NETWORKS = {"dcae": DCAE}
