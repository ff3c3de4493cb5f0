"""DeepWiener, a small U-Net that improves Wiener results, one channel of an image at a time.

After DWDN (Dong, Roth and Schiele, NeurIPS 2020), which gives a network deconvolved features
instead of the blurred image, in the shape of a U-Net (Ronneberger et al., MICCAI 2015). No layer
has a bias and none normalises (Mohan et al., "Robust and interpretable blind image denoising via
bias-free convolutional neural networks", ICLR 2020): twice the intensity gives exactly twice the
result, and a pixel depends on its neighbourhood alone.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


class DeepWiener(nn.Module):
    """Restored plane and the scale of its error, from Wiener results and the blurred plane.

    versions: planes given for one plane: the Wiener results, the first of which is mended, and the
        blurred plane last.
    constants: numbers given for each plane beside them, such as the noise's standard deviation.
    widths: channels of each level; each level is half as large as the one before.
    depth: residual blocks of each level, before and after the turn.
    hidden: channels within the blocks of each level; None is as many as the level has.
    fold: side of the blocks of pixels that are folded into channels before the first level, pixels.
    """

    def __init__(
        self,
        *,
        versions: int = 4,
        constants: int = 1,
        widths: tuple[int, ...] = (32, 64, 96),
        depth: int = 1,
        hidden: tuple[int, ...] | None = None,
        fold: int = 2,
    ) -> None:
        super().__init__()
        self.versions, self.constants, self.fold = versions, constants, fold
        self.stride = fold * 2 ** (len(widths) - 1)
        self.first = _conv(versions * fold**2 + constants, widths[0])
        self.down = nn.ModuleList(
            nn.Conv2d(w, deeper, 2, stride=2, bias=False) for w, deeper in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deeper, w, 2, stride=2, bias=False) for w, deeper in pairwise(widths)
        )
        sizes = list(zip(widths, hidden or widths, strict=True))
        self.before = nn.ModuleList(_blocks(*size, depth) for size in sizes)
        self.after = nn.ModuleList(_blocks(*size, depth) for size in sizes)
        self.last = _conv(widths[0], 2 * fold**2)
        # At first nothing is changed. The scale must not be 0: there its slope is none.
        nn.init.zeros_(self.last.weight[: fold**2])
        # Nothing outside this many pixels matters. Each block adds to what it gets: the first and
        # the last convolution, and for each level the blocks before and after. `stride` pixels
        # become one on the deepest level, and the one at its edge sees as much further.
        reach = fold * (2 + sum(2 * 2 * depth * 2**level for level in range(len(widths))))
        self.halo = reach + self.stride - 1

    def forward(self, versions: Tensor, constants: Tensor) -> tuple[Tensor, Tensor]:
        """Return the restored planes and the scale of their errors, both (planes, 1, y, x).

        versions: (planes, versions, y, x), sides multiples of `stride`. constants: (planes,
        constants). All may be multiplied by one number above 0, which multiplies the answer.
        """
        level = self._fold(versions, constants)
        skips = []
        for index, block in enumerate(self.before):
            level = block(level)
            if index < len(self.down):
                skips.append(level)
                level = self.down[index](level)
        for index in reversed(range(len(self.after))):
            level = self.after[index](level)
            if index:
                level = self.up[index - 1](level) + skips[index - 1]
        change, scale = functional.pixel_shuffle(self.last(level), self.fold).chunk(2, 1)
        # Somewhat above 0: where there is noise, no band is as narrow as nothing.
        return versions[:, :1] + change, scale.abs() + 0.1 * constants[:, :1, None, None]

    def _fold(self, versions: Tensor, constants: Tensor) -> Tensor:
        """Return the first convolution of the pixels folded into channels, and of the constants.

        One with a larger kernel and a stride is the same, and folds nothing.
        """
        fold, weight = self.fold, self.first.weight
        count = self.versions * fold**2
        kernel = weight[:, :count].reshape(-1, self.versions, fold, fold, 3, 3)
        kernel = kernel.permute(0, 1, 4, 2, 5, 3).reshape(-1, self.versions, 3 * fold, 3 * fold)
        level = functional.conv2d(versions, kernel, stride=fold, padding=fold)
        spread = constants[:, :, None, None].expand(-1, -1, *level.shape[2:])
        return level + functional.conv2d(spread, weight[:, count:], padding=1)


class _Block(nn.Module):
    """Two convolutions, added to what they get."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.one, self.two = _conv(width, hidden), _conv(hidden, width)

    def forward(self, level: Tensor) -> Tensor:
        # In place where nobody else needs the values: large planes are slow to copy.
        change: Tensor = self.two(functional.relu(self.one(functional.relu(level)), inplace=True))
        return change.add_(level)


def _blocks(width: int, hidden: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width, hidden) for _ in range(depth)))


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)
