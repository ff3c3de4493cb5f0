"""Trained classifier: predicts the probability of each label from images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.checkpoints import checkpoint, derived, loading
from unsmear.checkpoints.checkpoint import Place, card_name
from unsmear.classify.preprocessing import pick, prepare_image
from unsmear.errors import ImageError, OptionError, WeightsError, shown
from unsmear.images import Image
from unsmear.restoration.learned.inference import CACHED_NETWORKS

Array = NDArray[np.float32]
TASK = "classify"
VIEWS = 8
"""Number of augmented views: four rotations by 90 degrees, each also mirrored."""
BATCH = 16
"""Batch size of the network."""
LARGEST = 2048
"""Largest side of the images that a network is shown, pixels."""
REQUIRED = ("labels", "thresholds", "channels", "size")
"""Keys that the card of a classifier has beside those of every card."""
RULES: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("labels", "channels", "stride", "smallest"), derived.is_count),
    "values": derived.are_finite,
}
"""What an ONNX file must say: numbers, pixels, and the values of black and white."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network with the settings of its card.

    labels: names of the L labels. thresholds: (L,), the least probability at which a label is
    predicted. channels: the colours of its input. size: pixels, the side to which an image's
    central square is reduced; smaller ones stay. values: input values for black and white.
    views: 1, or 8 for the mean over rotated and mirrored views (test-time augmentation), which is
    less noisy and takes eight times as long; thresholds are those of one view.
    answer: the network: logits (images, L) of its input (images, channel, y, x), of sides of
    `smallest` and more that are multiples of `stride`, pixels.
    place: location of the weights, by which a classifier is sent to other processes.
    """

    name: str
    labels: tuple[str, ...]
    thresholds: NDArray[np.float64]
    channels: tuple[str, ...]
    size: int
    answer: Callable[[Array], Array]
    values: tuple[float, float] = (-1.0, 1.0)
    views: int = 1
    stride: int = 1
    smallest: int = 1
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
        if units.shape[-1] < self.smallest:
            raise ImageError(
                f"{image.name}: an image for {self.name} must have sides of at least "
                f"{self.smallest} pixels, got {min(image.planes().shape[-2:])}."
            )
        more = -units.shape[-1] % self.stride
        return np.pad(units, [(0, 0), (0, more), (0, more)], mode="reflect") if more else units

    def decide(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return the predicted labels (N, L) for these probabilities (N, L)."""
        return np.asarray(probabilities >= self.thresholds)

    def check_channels(self, image: Image) -> None:
        """Raise ImageError for an image that this classifier cannot classify."""
        pick(image, self.channels)

    def _forward(self, units: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probabilities (batch, L) for units (batch, channel, y, x)."""
        low, high = self.values
        shares = self._mean(np.float32(low) + np.float32(high - low) * units)
        if shares.shape != (len(units), len(self.labels)) or not np.isfinite(shares).all():
            raise WeightsError(
                f"{self.name}: the network must give a finite number for each of its "
                f"{len(self.labels)} labels, got others; its training may have failed."
            )
        return np.asarray(shares)

    def _mean(self, inputs: Array) -> NDArray[np.float64]:
        """Return the probabilities (batch, L), means over the views."""
        turned = [np.rot90(inputs, turn, (-2, -1)) for turn in range(4 if self.views > 1 else 1)]
        views = [*turned, *(view[..., ::-1] for view in turned)] if self.views > 1 else turned
        with np.errstate(over="ignore"):  # of the exponential of a network that is very sure
            shares = [1 / (1 + np.exp(-self.answer(view).astype(np.float64))) for view in views]
        return np.asarray(np.mean(shares, axis=0))


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
    place, card = checkpoint.card_of(place)
    _check_card(str(place), card)
    facts = derived.facts(place, card)
    if derived.engine(place, card, "auto") == "torch" or facts is None:
        model: Any = loading.build_classifier(checkpoint.load(place))
        facts = {name: getattr(model, name) for name in ("labels", "channels", "values")}
        facts |= {name: getattr(model, name, 1) for name in ("stride", "smallest")}
        answer = _torch(model)
    else:
        derived.check_facts(place, "a classifier", facts, RULES)
        run = derived.load(place, card, "onnx").run
        answer = _derived(run)
    _check_fit(str(place), card, facts)
    low, high, thresholds = _numbers(str(place), card, facts)
    return Classifier(
        name=str(card.get("name", place)),
        labels=tuple(map(str, card["labels"])),
        thresholds=thresholds,
        channels=tuple(str(colour).lower() for colour in card["channels"]),
        size=int(card["size"]),
        answer=answer,
        values=(low, high),
        stride=int(facts["stride"]),
        smallest=int(facts["smallest"]),
        place=place,
        card=card,
    )


def _numbers(
    name: str, card: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[float, float, NDArray[np.float64]]:
    """Return the values of black and white, and the thresholds; raises WeightsError for others."""
    try:
        low, high = map(float, card.get("scaling", {}).get("values", facts["values"]))
        thresholds = np.array(card["thresholds"], np.float64)
        known = np.isfinite([low, high, *thresholds]).all() and 0 < int(card["size"]) <= LARGEST
    except (AttributeError, TypeError, ValueError, OverflowError):
        known = False
    if not known:
        raise WeightsError(
            f"{card_name(name)}: a classifier's card must have finite thresholds and scaling, and "
            f"a size from 1 to {LARGEST} pixels."
        )
    return low, high, thresholds


def _torch(model: Any) -> Callable[[Array], Array]:
    import torch

    model = model.float().to(memory_format=torch.channels_last)

    def answer(inputs: Array) -> Array:
        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(inputs))
            return np.asarray(model(given.contiguous(memory_format=torch.channels_last)).numpy())

    return answer


def _derived(run: derived.Run) -> Callable[[Array], Array]:
    return lambda inputs: run({"images": inputs})[0]


def _check_card(name: str, card: Mapping[str, Any]) -> None:
    """Raise WeightsError for a card that is not that of a classifier."""
    if card.get("task") != TASK:
        raise WeightsError(
            f"{name}: a classifier's weights must have a card with the task {TASK}, "
            f"got those of the network {card['network']}."
        )
    missing = [key for key in REQUIRED if not card.get(key)]
    if missing:
        raise WeightsError(
            f"{card_name(name)}: a classifier's card must hold {', '.join(REQUIRED)}, "
            f"got no {' and no '.join(missing)}."
        )
    wrong = [key for key in REQUIRED[:3] if not isinstance(card[key], list)]
    if wrong:
        raise WeightsError(
            f"{card_name(name)}: {wrong[0]} must be a list, got {shown(card[wrong[0]])}."
        )
    if len(card["thresholds"]) != len(card["labels"]):
        raise WeightsError(
            f"{card_name(name)}: a classifier's card must have a threshold for each of its "
            f"{len(card['labels'])} labels, got {len(card['thresholds'])}."
        )


def _check_fit(name: str, card: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Raise WeightsError where the card names other labels or channels than the network has."""
    for what in ("labels", "channels"):
        listed = card[what]
        if len(listed) != facts[what]:
            raise WeightsError(
                f"{card_name(name)}: a card must name the network's {facts[what]} "
                f"{what}, got {len(listed)}: {', '.join(map(str, listed))}."
            )
