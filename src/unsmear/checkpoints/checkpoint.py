"""Weights and their card: `NAME.safetensors` with the tensors, `NAME.json` with all that is known.

The card says which network the tensors belong to, with which options, what they were trained on,
under which licences, and what they reach. Nothing is unpickled and nothing is downloaded.
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
"""The weights that stand for a run's folder."""
ENDINGS = (".safetensors", ".json")


@dataclass(frozen=True)
class Checkpoint:
    """Weights in memory.

    name: of the card. network: the class's name in `unsmear.models`. options: its arguments.
    tensors: by name. card: everything that the card says.
    """

    name: str
    network: str
    options: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    card: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where weights lie, and which ones were found there: another run may put others there.

    path: of both files, without an ending. sha256: of the tensors, as the card says it.
    card: the sha256 of the card itself.
    """

    path: Path
    sha256: str
    card: str

    def __str__(self) -> str:
        return self.path.name


def shipped() -> list[str]:
    """Return the names of the weights that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def save(path: str | Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write `path` with the endings .safetensors and .json; the weights' checksum joins the card.

    card: at least `network` and `options`, as `Checkpoint` has them.

    Raises WeightsError for a card without them.
    """
    from safetensors.torch import save as to_bytes

    path = Path(path)
    missing = {"network", "options"} - set(card)
    if missing:
        raise WeightsError(f"{path.name}: a card must say its {' and '.join(sorted(missing))}.")
    data = to_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    said = {"name": path.name, **card, "sha256": sha256(data).hexdigest()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path.with_name(path.name + ".safetensors"), data)
    card_text = json.dumps(said, indent=2) + "\n"
    write_aside(path.with_name(path.name + ".json"), card_text.encode())


def find(name: str | Path) -> Path | None:
    """Return the path, without an ending, of weights or of a card; None where neither is there.

    name: of shipped weights; a path with an ending or without; or a run's folder, for its best.
    """
    path = Path(name)
    if path.name == str(name) and name in shipped():
        return SHIPPED / path
    if path.suffix in ENDINGS and path.is_file():
        return path.with_suffix("")
    found = (one for one in (path, path / BEST) if one.name and any(map(Path.exists, _files(one))))
    return next(found, None)


def read_card(path: Path) -> tuple[Place, dict[str, Any]]:
    """Return which weights lie at a path of `find`, and their card; the tensors are not read.

    Raises WeightsError for a card that is missing, or says too little.
    """
    weights, said = _files(path)
    for there, missing in ((said, weights), (weights, said)):
        if not missing.exists():
            raise WeightsError(
                f"{there.name}: weights must be two files ending in .safetensors and .json, "
                f"got no {missing.name} beside it."
            )
    try:
        text = said.read_bytes()
        card = json.loads(text)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{said.name}: a card must be a file of JSON; {error}.") from error
    if not isinstance(card, dict) or not {"network", "options", "sha256"} <= set(card):
        raise WeightsError(f"{said.name}: a card must say its network, options and sha256.")
    return Place(path, str(card["sha256"]), sha256(text).hexdigest()), card


def locate(name: str | Path | Place) -> Place:
    """Return the place of weights: shipped ones by their name, others by what `find` takes.

    Raises WeightsError for weights that are not there, and for a card that says too little.
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
    """Return weights: shipped ones by their name, others by what `find` takes, or by their place.

    Raises WeightsError for weights that are not there, are damaged, are not the card's, or are not
    those that were found at the place.
    """
    wanted = locate(name)
    place, card = read_card(wanted.path)
    if place != wanted:
        raise WeightsError(f"{place}: the weights must stay as they were found, got others.")
    return Checkpoint(str(place), str(card["network"]), card["options"], _tensors(place), card)


def _files(path: Path) -> tuple[Path, Path]:
    """Return where the tensors and the card of weights lie."""
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
        raise WeightsError(f"{weights.name}: the checksum must be the card's; it is damaged.")
    try:
        return from_bytes(data)
    except SafetensorError as error:
        raise WeightsError(f"{weights.name}: the weights cannot be read ({error}).") from error
