"""Checkpoints: `NAME.safetensors` with a network's weights and `NAME.json` with their card.

The card states the network and its options, the training data, the licences and the scores.
Nothing is unpickled and nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsmear.atomic import write_aside
from unsmear.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = Path(str(files("unsmear"))) / "weights"
BEST = "best"
"""Name of the weights that are used where a run's folder is given."""
ENDINGS = (".safetensors", ".json")


@dataclass(frozen=True)
class Checkpoint:
    """Weights in memory.

    name: of the card. network: its name in `unsmear.models`. options: the network's arguments.
    tensors: by name. card: all entries of the card.
    """

    name: str
    network: str
    options: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    card: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """The location of weights, and checksums that show whether they were replaced since.

    path: of both files, without a suffix. sha256: of the tensors, as stated on the card.
    card: sha256 of the card itself.
    """

    path: Path
    sha256: str
    card: str

    def __str__(self) -> str:
        return self.path.name


def shipped() -> list[str]:
    """Return the names of the weights that are shipped with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def save(path: str | Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write `path` with the suffixes .safetensors and .json; the card gets the weights' checksum.

    card: at least `network` and `options`, as `Checkpoint` has them.

    Raises WeightsError for a card without them.
    """
    from safetensors.torch import save as to_bytes

    path = Path(path)
    missing = {"network", "options"} - set(card)
    if missing:
        raise WeightsError(f"{path.name}: a card must say its {' and '.join(sorted(missing))}.")
    data = to_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    full_card = {"name": path.name, **card, "sha256": sha256(data).hexdigest()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path.with_name(path.name + ".safetensors"), data)
    card_text = json.dumps(full_card, indent=2) + "\n"
    write_aside(path.with_name(path.name + ".json"), card_text.encode())


def find(name: str | Path) -> Path | None:
    """Return the path, without a suffix, of weights or of a card; None where neither exists.

    name: of shipped weights; a path with or without a suffix; or a run's folder, for its best.
    """
    path = Path(name)
    if path.name == str(name) and name in shipped():
        return SHIPPED / path
    if path.suffix in ENDINGS and path.is_file():
        return path.with_suffix("")
    for candidate in (path, path / BEST):
        if candidate.name and any(map(Path.exists, _files(candidate))):
            return candidate
    return None


def read_card(path: Path) -> tuple[Place, dict[str, Any]]:
    """Return the place and the card of the weights at a path of `find`; tensors are not read.

    Raises WeightsError for a card that is missing or incomplete.
    """
    weights, card_file = _files(path)
    for present, missing in ((card_file, weights), (weights, card_file)):
        if not missing.exists():
            raise WeightsError(
                f"{present.name}: weights must be two files ending in .safetensors and .json, "
                f"got no {missing.name} beside it."
            )
    try:
        text = card_file.read_bytes()
        card = json.loads(text)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{card_file.name}: a card must be a JSON file; {error}.") from error
    if not isinstance(card, dict) or not {"network", "options", "sha256"} <= set(card):
        raise WeightsError(f"{card_file.name}: a card must say its network, options and sha256.")
    return Place(path, str(card["sha256"]), sha256(text).hexdigest()), card


def locate(name: str | Path | Place) -> Place:
    """Return the place of weights, given a name or path as for `find`.

    Raises WeightsError for weights that do not exist, and for a card that is incomplete.
    """
    if isinstance(name, Place):
        return name
    path = find(str(name))
    if path is None:
        raise WeightsError(
            f"{name}: weights must be two files ending in .safetensors and .json, or one of those "
            f"shipped ({', '.join(shipped()) or 'none'}), got none of that name."
        )
    return read_card(path)[0]


def load(name: str | Path | Place) -> Checkpoint:
    """Load weights, given a name or path as for `find`, or a place.

    Raises WeightsError for weights that do not exist, are damaged, do not match their card, or
    have been replaced since the place was determined.
    """
    expected = locate(name)
    place, card = read_card(expected.path)
    if place != expected:
        raise WeightsError(f"{place}: the weights must not change while they are in use.")
    return Checkpoint(str(place), str(card["network"]), card["options"], _tensors(place), card)


def _files(path: Path) -> tuple[Path, Path]:
    """Return the paths of the tensors and of the card."""
    weights, card = (path.with_name(path.name + ending) for ending in ENDINGS)
    return weights, card


def _tensors(place: Place) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    weights, _ = _files(place.path)
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise WeightsError(f"{weights.name}: the weights cannot be read ({error}).") from error
    if sha256(data).hexdigest() != place.sha256:
        raise WeightsError(
            f"{weights.name}: the file is damaged: its checksum must be that on its card."
        )
    try:
        return from_bytes(data)
    except SafetensorError as error:
        raise WeightsError(f"{weights.name}: the weights cannot be read ({error}).") from error
