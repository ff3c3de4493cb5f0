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

from unsmear.errors import WeightsError
from unsmear.images.files import write_aside

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = Path(str(files("unsmear"))) / "weights"


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


def load(name: str | Path) -> Checkpoint:
    """Return shipped weights by their name, or others by their path without an ending.

    Raises WeightsError for weights that are not there, are damaged or are not the card's.
    """
    path = Path(name)
    if path.name == str(name) and name in shipped():
        path = SHIPPED / path
    weights, said = (path.with_name(path.name + end) for end in (".safetensors", ".json"))
    known = ", ".join(shipped()) or "none"
    wanted = (
        f"{name}: weights must be two files ending in .safetensors and .json, or one of those "
        f"shipped ({known})"
    )
    if not said.exists() or not weights.exists():
        raise WeightsError(f"{wanted}, got none of that name.")
    try:
        card = json.loads(said.read_text())
        data = weights.read_bytes()
    except (OSError, ValueError) as error:
        raise WeightsError(f"{wanted}; {error}.") from error
    return Checkpoint(path.name, *_checked(path.name, card, data))


def _checked(name: str, card: Any, data: bytes) -> tuple[str, Any, dict[str, Tensor], Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    if not isinstance(card, dict) or not {"network", "options", "sha256"} <= set(card):
        raise WeightsError(f"{name}.json: a card must say its network, options and sha256.")
    if sha256(data).hexdigest() != card["sha256"]:
        raise WeightsError(f"{name}.safetensors: the checksum must be the card's; it is damaged.")
    try:
        tensors = from_bytes(data)
    except SafetensorError as error:
        raise WeightsError(f"{name}.safetensors: the weights cannot be read ({error}).") from error
    return str(card["network"]), card["options"], tensors, card
