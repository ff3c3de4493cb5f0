"""Checkpoints: `NAME.safetensors` with a network's weights and `NAME.json` with their card.

The card states the network and its options, the training data, the licences and the scores. A
network that `unsmear export` wrote into one file, NAME.onnx or a package, has its card inside.
Nothing is unpickled, and nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from unsmear import plain_files
from unsmear.atomic import write_aside
from unsmear.checkpoints import onnx_file
from unsmear.errors import WeightsError, error_text

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = Path(str(files("unsmear"))) / "weights"
BEST = "best"
"""Name of the weights that are used where a run's folder is given."""
ENDINGS = (".safetensors", ".json")
LARGEST_WEIGHTS = 16 * 2**30
"""Largest file of weights that is read, bytes."""
DERIVED = "onnx"
"""Entry of a card with the sha256 of the ONNX file that was derived from the weights."""
CARD = "card"
"""Entry of an exported ONNX file's metadata with the card, as JSON."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights in memory.

    name: of the card. network: its name in `unsmear.models`. options: the network's arguments.
    card: all entries of the card. data: the bytes of the tensors' file, whose checksum is right.
    """

    name: str
    network: str
    options: Mapping[str, Any]
    card: Mapping[str, Any]
    data: bytes = field(repr=False)

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """The tensors by name, for PyTorch."""
        from safetensors.torch import load as from_bytes

        return from_bytes(self.data)

    @cached_property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The tensors by name as arrays; PyTorch is not needed."""
        from safetensors.numpy import load as from_bytes

        return from_bytes(self.data)


@dataclass(frozen=True)
class Place:
    """The location of weights, and checksums that show whether they were replaced since.

    path: of both files, without a suffix; of a network in one file that file's. sha256: of the
    tensors, as stated on the card, or of the ONNX file. card: sha256 of the card itself.
    """

    path: Path
    sha256: str
    card: str

    @property
    def is_one_file(self) -> bool:
        """Whether these are no tensors but a network that was exported into one file."""
        return self.path.suffix.lower() in onnx_file.ENDINGS

    def __str__(self) -> str:
        return self.path.name


def shipped() -> list[str]:
    """Return the names of the weights that are shipped with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def save(
    path: str | Path,
    tensors: Mapping[str, Tensor] | Mapping[str, NDArray[Any]],
    card: Mapping[str, Any],
) -> None:
    """Write `path` with the suffixes .safetensors and .json; the card gets the weights' checksum.

    card: at least `network` and `options`, as `Checkpoint` has them. An ONNX file beside them was
    derived from other tensors: it is deleted, and what the card says of it left out.

    Raises WeightsError for a card without them.
    """
    path = Path(path)
    missing = {"network", "options"} - set(card)
    if missing:
        raise WeightsError(f"{path.name}: a card must say its {' and '.join(sorted(missing))}.")
    data = _to_bytes(tensors)
    full_card = {"name": path.name, **card, "sha256": sha256(data).hexdigest()}
    full_card.pop(DERIVED, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path.with_name(path.name + ".safetensors"), data)
    write_card(path, full_card)
    path.with_name(path.name + ".onnx").unlink(missing_ok=True)


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write the card of the weights at `path`, which has no suffix."""
    text = json.dumps(card, indent=2) + "\n"
    write_aside(path.with_name(path.name + ".json"), text.encode())


def _to_bytes(tensors: Mapping[str, Tensor] | Mapping[str, NDArray[Any]]) -> bytes:
    if all(isinstance(values, np.ndarray) for values in tensors.values()):
        from safetensors.numpy import save as arrays_to_bytes

        return arrays_to_bytes({n: np.ascontiguousarray(values) for n, values in tensors.items()})
    from safetensors.torch import save as tensors_to_bytes

    kept = cast("Mapping[str, Tensor]", tensors)
    return tensors_to_bytes({n: values.detach().cpu().contiguous() for n, values in kept.items()})


def find(name: str | Path) -> Path | None:
    """Return the path, without a suffix, of weights or of a card; None where neither exists.

    name: of shipped weights; a path with or without a suffix; a run's folder, for its best; or an
    exported ONNX file or package, whose path keeps its suffix.
    """
    path = Path(name)
    if path.name == str(name) and name in shipped():
        return SHIPPED / path
    if onnx_file.is_one(path):
        return path
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
    if onnx_file.is_one(path):
        return _read_exported(path)
    weights, card_file = _files(path)
    for present, missing in ((card_file, weights), (weights, card_file)):
        if not missing.exists():
            raise WeightsError(
                f"{present.name}: weights must be two files ending in .safetensors and .json, "
                f"got no {missing.name} beside it."
            )
    try:
        text = plain_files.read_bytes(card_file)
        card = plain_files.parse_json(text)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{card_file.name}: a card must be a JSON file; {error_text(error)}."
        ) from error
    if not isinstance(card, dict) or not {"network", "options", "sha256"} <= set(card):
        raise WeightsError(f"{card_file.name}: a card must say its network, options and sha256.")
    return Place(path, str(card["sha256"]), sha256(text).hexdigest()), card


def _read_exported(path: Path) -> tuple[Place, dict[str, Any]]:
    """Return the place and the card of a network in one file, as `derived` expects that card."""
    data = onnx_file.read(path)
    text = onnx_file.metadata(path.name, data).get(CARD, "")
    try:
        card = plain_files.parse_json(text)
    except ValueError:
        card = {}
    facts = card.get(DERIVED) if isinstance(card, dict) else None
    if not isinstance(facts, dict) or not {"network", "options", "sha256"} <= set(card):
        raise WeightsError(
            f"{path.name}: an ONNX file must be one that `unsmear export NAME -o FILE.onnx` wrote, "
            "with the card of its weights; got one without it."
        )
    checksum = sha256(data).hexdigest()
    card[DERIVED] = {**facts, "sha256": checksum}
    return Place(path, checksum, sha256(text.encode()).hexdigest()), card


def card_name(name: str | Place) -> str:
    """Return the name of the file that holds the card of weights, for messages."""
    return str(name) if Path(str(name)).suffix.lower() in onnx_file.ENDINGS else f"{name}.json"


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


def card_of(name: str | Path | Place) -> tuple[Place, dict[str, Any]]:
    """Return the place and the card of weights, given as for `load`; tensors are not read.

    Raises WeightsError as `load` does, save for damaged tensors.
    """
    expected = locate(name)
    place, card = read_card(expected.path)
    if place != expected:
        raise WeightsError(f"{place}: the weights must not change while they are in use.")
    return place, card


def load(name: str | Path | Place) -> Checkpoint:
    """Load weights, given a name or path as for `find`, or a place.

    Raises WeightsError for weights that do not exist, are damaged, do not match their card, or
    have been replaced since the place was determined, or are an exported network without tensors.
    """
    place, card = card_of(name)
    if place.is_one_file:
        raise WeightsError(
            f"{place}: for this, weights must be two files ending in .safetensors and .json, got "
            "an exported network, which restores but cannot be changed."
        )
    return Checkpoint(str(place), str(card["network"]), card["options"], card, _data(place))


def _files(path: Path) -> tuple[Path, Path]:
    """Return the paths of the tensors and of the card."""
    weights, card = (path.with_name(path.name + ending) for ending in ENDINGS)
    return weights, card


def _data(place: Place) -> bytes:
    from safetensors import SafetensorError, deserialize

    weights, _ = _files(place.path)
    try:
        data = plain_files.read_bytes(weights, LARGEST_WEIGHTS)
    except OSError as error:
        raise WeightsError(
            f"{weights.name}: the weights cannot be read ({error_text(error)})."
        ) from error
    if sha256(data).hexdigest() != place.sha256:
        raise WeightsError(
            f"{weights.name}: the file is damaged: its checksum must be that on its card."
        )
    try:
        deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise WeightsError(
            f"{weights.name}: the weights cannot be read ({error_text(error)})."
        ) from error
    return data
