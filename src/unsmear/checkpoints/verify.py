"""Verification of published weights, and their storage in our own layout."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsmear import plain_files
from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.registry import Published
from unsmear.errors import UnsmearError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    Read = tuple[Mapping[str, Tensor], dict[str, Any]]
    """The tensors of a file, and the card's entries on the network."""


def is_stored(entry: Published, path: Path, source: Path | None) -> bool:
    """Return whether the weights are already stored; a network given as a file is read again."""
    if not path.is_file():
        return False
    if not entry.network:
        return checksum(path) == entry.sha256
    try:
        return source is None and bool(checkpoint.load(path).tensors)
    except UnsmearError:
        return False


def check(entry: Published, aside: Path, source: str, md5: bytes | None = None) -> None:
    """Delete a file and raise WeightsError where a known checksum differs from the file's."""
    stated = (("SHA-256", entry.sha256), ("MD5", entry.md5), ("MD5", md5 and md5.hex()))
    for kind, expected in stated:
        actual = checksum(aside, kind.replace("-", "").lower()) if expected else None
        if actual and expected and actual != expected:
            aside.unlink()
            raise WeightsError(
                f"{source}: the {kind} of {entry.name} must be {expected[:16]}..., got "
                f"{actual[:16]}...; the file was not kept."
            )


def check_name(entry: Published, source: Path, folder: Path, others: Sequence[str]) -> None:
    """Raise WeightsError for a file that is known to hold the weights of another entry.

    others: names of the same network's other weights, since all of MAXIM's files have the same
    name. A file in our own layout has a card; any other file is compared with the checksums on the
    cards in the folder.
    """
    card = source.with_suffix(".json")
    if source.suffix == ".safetensors" and card.is_file():
        _, own_card = checkpoint.read_card(source.with_suffix(""))
        known = str(own_card.get("name"))
    else:
        digest = checksum(source)
        held = ((name, folder / name) for name in others)
        cards = ((name, checkpoint.read_card(path)[1]) for name, path in held if _both(path))
        known = next(
            (name for name, held in cards if (held.get("file") or {}).get("sha256") == digest), ""
        )
    if known in others:
        raise WeightsError(
            f"{source.name}: the weights must be those of {entry.name}, got those of {known}."
        )


def _both(path: Path) -> bool:
    return all(path.with_suffix(ending).is_file() for ending in (".safetensors", ".json"))


def read(entry: Published, file: Path) -> Read:
    """Return a file's tensors, and the card's entries on the network.

    Raises WeightsError where the tensors do not match the entry's network.
    """
    readers = {"xception": _xception, "maxim": _maxim}
    return readers.get(entry.network, _deblurgan)(entry, file)


def _deblurgan(entry: Published, file: Path) -> Read:
    """Return the tensors of either DeblurGAN."""
    from unsmear import models
    from unsmear.checkpoints import convert_deblurgan

    options, tensors = convert_deblurgan.read(file, entry.network)
    values = models.constructor(entry.network).values  # type: ignore[attr-defined]
    return tensors, {"options": options, "scaling": {"values": list(values)}}


def _xception(entry: Published, file: Path) -> Read:
    """Return the tensors without the last layer, which every classifier has for its own labels."""
    del entry
    from unsmear.checkpoints import convert_xception
    from unsmear.models.xception import Xception

    scaling = {"values": list(Xception.values)}
    return convert_xception.read(file), {"options": {}, "scaling": scaling, "lacks": ["head"]}


def _maxim(entry: Published, file: Path) -> Read:
    from unsmear.checkpoints import convert_maxim

    network = convert_maxim.from_flax(file)
    shapes = ((name, tuple(weight.shape)) for name, weight in network.named_parameters())
    options = convert_maxim.size_of(file.name, shapes)
    expected = _options(entry)
    if options != expected:
        actual = ", ".join(f"{name} {value}" for name, value in options.items())
        raise WeightsError(
            f"{file.name}: the weights must be of MAXIM {entry.variant}, got a network of {actual}."
        )
    scaling = {"values": list(network.values)}
    card = {"options": expected, "scaling": scaling, "conserves_light": True}
    return network.state_dict(), card


def store(entry: Published, contents: Read, path: Path, file: dict[str, str]) -> None:
    """Write tensors in our own layout, with their card.

    contents: as `read` returns them. file: the origin, for the card: name, SHA-256, and the checks
    that were passed.
    """
    tensors, network_card = contents
    checkpoint.save(path.with_suffix(""), tensors, _card(entry, network_card, file))


def _options(entry: Published) -> dict[str, Any]:
    from unsmear import models
    from unsmear.models import maxim

    return {**models.options_of("maxim"), **maxim.VARIANTS[entry.variant]}


def _card(entry: Published, network_card: dict[str, Any], file: dict[str, str]) -> dict[str, Any]:
    scores = {images: {"psnr": psnr, "ssim": ssim} for images, (psnr, ssim) in entry.scores.items()}
    return {
        "name": entry.name,
        "network": entry.network,
        **network_card,
        "licence": entry.licence,
        "source": entry.source,
        "trained_on": entry.trained_on,
        **({"published_scores": scores} if scores else {}),
        "url": entry.url,
        "file": file,
    }


def checksum(path: Path, kind: str = "sha256") -> str:
    """Return a file's checksum in hexadecimal digits; kind: its name in hashlib."""
    plain_files.check(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
