"""Trained classifier: predicts the probability of each label from images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear import models
from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.checkpoint import Checkpoint, Place
from unsmear.classify.preprocessing import pick, prepare_image
from unsmear.errors import ImageError, OptionError, WeightsError
from unsmear.images import Image
from unsmear.restoration.learned.inference import CACHED_NETWORKS
from unsmear.restoration.learned.loading import fill, misfit

if TYPE_CHECKING:
    from torch import Tensor, nn

TASK = "classify"
VIEWS = 8
"""Number of augmented views: four rotations by 90 degrees, each also mirrored."""
BATCH = 16
"""Batch size of the network."""
REQUIRED = ("labels", "thresholds", "channels", "size")
"""Keys that the card of a classifier has beside those of every card."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network with the settings of its card.

    labels: names of the L labels. thresholds: (L,), the least probability at which a label is
    predicted. channels: the colours of its input. size: pixels, the side to which an image's
    central square is reduced; smaller ones stay. values: input values for black and white.
    views: 1, or 8 for the mean over rotated and mirrored views (test-time augmentation), which is
    less noisy and takes eight times as long; thresholds are those of one view.
    place: location of the weights, by which a classifier is sent to other processes.
    """

    name: str
    labels: tuple[str, ...]
    thresholds: NDArray[np.float64]
    channels: tuple[str, ...]
    size: int
    network: nn.Module
    values: tuple[float, float] = (-1.0, 1.0)
    views: int = 1
    place: Place | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self.place is None:
            return super().__reduce__()
        return _load_with, (self.place, self.views, self.thresholds)

    @property
    def limits(self) -> list[str]:
        """Known limits of its predictions in one sentence, where its card has one."""
        limits = self.card.get("limits")
        return [f"{self.name}: {limits}"] if limits else []

    def probabilities(
        self, images: Sequence[Image], data_range: float | None = None
    ) -> NDArray[np.float64]:
        """Return the probability of each label in each image, (N, L).

        data_range: from black to white in the images' counts; None takes an integer dtype's own.

        Raises ImageError for an image without the classifier's channels, of several planes, or
        smaller than the network takes; OptionError for floats without a range; WeightsError where
        the network gives no numbers.
        """
        return self.ask([self.prepare(image, data_range) for image in images])

    def ask(self, units: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the probability of each label in each image that `prepare` made, (N, L).

        Raises WeightsError where the network gives no numbers.
        """
        probabilities = np.empty((len(units), len(self.labels)))
        by_side: dict[int, list[int]] = defaultdict(list)
        for index, planes in enumerate(units):
            by_side[planes.shape[-1]].append(index)
        for indices in by_side.values():
            for start in range(0, len(indices), BATCH):
                batch = indices[start : start + BATCH]
                probabilities[batch] = self._forward(np.stack([units[index] for index in batch]))
        return probabilities

    def prepare(self, image: Image, data_range: float | None = None) -> NDArray[np.float32]:
        """Return the network input for an image, (channel, side, side) in normalised intensity.

        Raises ImageError and OptionError as `probabilities` does.
        """
        units = prepare_image(image, self.channels, self.size, data_range)
        least, stride = (int(getattr(self.network, name, 1)) for name in ("smallest", "stride"))
        if units.shape[-1] < least:
            raise ImageError(
                f"{image.name}: an image for {self.name} must have sides of at least {least} "
                f"pixels, got {min(image.planes().shape[-2:])}."
            )
        more = -units.shape[-1] % stride
        return np.pad(units, [(0, 0), (0, more), (0, more)], mode="reflect") if more else units

    def decide(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return the predicted labels (N, L) for these probabilities (N, L)."""
        return np.asarray(probabilities >= self.thresholds)

    def check_channels(self, image: Image) -> None:
        """Raise ImageError for an image that this classifier cannot classify."""
        pick(image, self.channels)

    def _forward(self, units: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probabilities (batch, L) for units (batch, channel, y, x)."""
        import torch

        low, high = self.values
        inputs = torch.from_numpy(np.float32(low) + np.float32(high - low) * units)
        with torch.inference_mode():
            shares = self._mean(inputs.contiguous(memory_format=torch.channels_last))
        if shares.shape != (len(units), len(self.labels)) or not np.isfinite(shares).all():
            raise WeightsError(
                f"{self.name}: the network must give a finite number for each of its "
                f"{len(self.labels)} labels, got others; its training may have failed."
            )
        return np.asarray(shares)

    def _mean(self, inputs: Tensor) -> NDArray[np.float64]:
        """Return the probabilities (batch, L), means over the views."""
        import torch

        turned = [inputs.rot90(turn, (-2, -1)) for turn in range(4 if self.views > 1 else 1)]
        views = [*turned, *(view.flip(-1) for view in turned)] if self.views > 1 else turned
        shares = [torch.sigmoid(self.network(view).double()) for view in views]
        return np.asarray(torch.stack(shares).mean(0).numpy())


def load(weights: str | Path | Place, views: int = 1) -> Classifier:
    """Return the classifier of weights, loaded once for a process while they stay the same.

    weights: a path or a run's folder as `checkpoint.load` takes them, or the place of such.
    views: see `Classifier`.

    Raises WeightsError for weights that are missing, damaged, or not those of a classifier, and
    OptionError for another number of views.
    """
    if views not in (1, VIEWS):
        raise OptionError(f"views must be 1 or {VIEWS}, got {views}.")
    classifier = _load(checkpoint.locate(weights))
    return classifier if views == 1 else replace(classifier, views=views)


def _load_with(place: Place, views: int, thresholds: NDArray[np.float64]) -> Classifier:
    """Return the classifier as it was in the process that sent it."""
    return replace(load(place, views), thresholds=thresholds)


@lru_cache(CACHED_NETWORKS)
def _load(place: Place) -> Classifier:
    import torch

    checkpoint_ = checkpoint.load(place)
    card = _checked(checkpoint_)
    network: Any = fill(_build(checkpoint_), checkpoint_)
    _check_fit(checkpoint_, network)
    low, high = card.get("scaling", {}).get("values", network.values)
    return Classifier(
        name=str(card.get("name", checkpoint_.name)),
        labels=tuple(map(str, card["labels"])),
        thresholds=np.array(card["thresholds"], np.float64),
        channels=tuple(str(colour).lower() for colour in card["channels"]),
        size=int(card["size"]),
        network=network.float().to(memory_format=torch.channels_last),
        values=(float(low), float(high)),
        place=place,
        card=card,
    )


def _checked(loaded: Checkpoint) -> Mapping[str, Any]:
    """Return the card; raises WeightsError if it is not the card of a classifier."""
    card = loaded.card
    if card.get("task") != TASK:
        raise WeightsError(
            f"{loaded.name}: a classifier's weights must have a card with the task {TASK}, "
            f"got those of the network {loaded.network}."
        )
    missing = [name for name in REQUIRED if not card.get(name)]
    if missing:
        raise WeightsError(
            f"{loaded.name}.json: a classifier's card must hold {', '.join(REQUIRED)}, "
            f"got no {' and no '.join(missing)}."
        )
    if len(card["thresholds"]) != len(card["labels"]):
        raise WeightsError(
            f"{loaded.name}.json: a classifier's card must have a threshold for each of its "
            f"{len(card['labels'])} labels, got {len(card['thresholds'])}."
        )
    return card


def _build(loaded: Checkpoint) -> nn.Module:
    networks = models.classifiers()
    if loaded.network not in networks:
        raise WeightsError(
            f"{loaded.name}: a classifier's network must be one of {', '.join(networks)}, or of a "
            f"file in the folders of UNSMEAR_NETWORKS, got {loaded.network!r}."
        )
    try:
        return models.build(loaded.network, **loaded.options)
    except (OptionError, TypeError, ValueError, RuntimeError) as error:
        raise misfit(loaded, error) from error


def _check_fit(loaded: Checkpoint, network: Any) -> None:
    """Raise WeightsError where the card names other labels or channels than the network has."""
    for name in ("labels", "channels"):
        listed = loaded.card[name]
        if len(listed) != getattr(network, name):
            raise WeightsError(
                f"{loaded.name}.json: a card must name the network's {getattr(network, name)} "
                f"{name}, got {len(listed)}: {', '.join(map(str, listed))}."
            )
