"""What a file must be to be kept, and in which form it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.registry import Published
from unsmear.errors import UnsmearError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    Read = tuple[Mapping[str, Tensor], dict[str, Any]]
    """The tensors of a file, and what its card says of the network."""


def right(entry: Published, path: Path, source: Path | None) -> bool:
    """Return whether what is to be got is there: a network from another file is made anew."""
    if not path.is_file():
        return False
    if not entry.network:
        return checksum(path) == entry.sha256
    try:
        return source is None and bool(checkpoint.load(path).tensors)
    except UnsmearError:
        return False


def check(entry: Published, aside: Path, source: str, md5: bytes | None = None) -> None:
    """Delete a file and raise WeightsError where it has not the checksum that is known."""
    stated = (("SHA-256", entry.sha256), ("MD5", entry.md5), ("MD5", md5 and md5.hex()))
    for kind, right in stated:
        found = checksum(aside, kind.replace("-", "").lower()) if right else None
        if found and right and found != right:
            aside.unlink()
            raise WeightsError(
                f"{source}: the {kind} of {entry.name} must be {right[:16]}..., got "
                f"{found[:16]}...; it was not kept."
            )


def check_name(entry: Published, source: Path, folder: Path, others: Sequence[str]) -> None:
    """Raise WeightsError for a file that is known by another entry's name.

    others: names of the same network's weights: all of MAXIM's files are called the same. A file
    in our own layout has its card; of others the cards of those in the folder say the checksum.
    """
    card = source.with_suffix(".json")
    if source.suffix == ".safetensors" and card.is_file():
        _, said = checkpoint.read_card(source.with_suffix(""))
        known = str(said.get("name"))
    else:
        digest = checksum(source)
        held = ((name, folder / name) for name in others)
        cards = ((name, checkpoint.read_card(path)[1]) for name, path in held if _both(path))
        known = next(
            (name for name, said in cards if (said.get("file") or {}).get("sha256") == digest), ""
        )
    if known in others:
        raise WeightsError(
            f"{source.name}: the weights must be those of {entry.name}, got those of {known}."
        )


def _both(path: Path) -> bool:
    return all(path.with_suffix(ending).is_file() for ending in (".safetensors", ".json"))


def read(entry: Published, file: Path) -> Read:
    """Return a file's tensors, and what its card says of the network.

    Raises WeightsError where they are not those of the entry's network.
    """
    return _xception(file) if entry.network == "xception" else _maxim(entry, file)


def _xception(file: Path) -> Read:
    """Return the tensors without the last layer, which each classifier has of its own."""
    from unsmear.checkpoints import convert_xception
    from unsmear.models.xception import Xception

    scaling = {"values": list(Xception.values)}
    return convert_xception.read(file), {"options": {}, "scaling": scaling, "lacks": ["head"]}


def _maxim(entry: Published, file: Path) -> Read:
    from unsmear.checkpoints import convert_maxim

    found = convert_maxim.from_flax(file)
    shapes = ((name, tuple(one.shape)) for name, one in found.named_parameters())
    options = convert_maxim.size_of(file.name, shapes)
    wanted = _options(entry)
    if options != wanted:
        other = ", ".join(f"{name} {value}" for name, value in options.items())
        raise WeightsError(
            f"{file.name}: the weights must be of MAXIM {entry.variant}, got one of {other}."
        )
    scaling = {"values": list(found.values)}
    said = {"options": wanted, "scaling": scaling, "conserves_light": True}
    return found.state_dict(), said


def keep(entry: Published, found: Read, path: Path, file: dict[str, str]) -> None:
    """Write tensors in our own layout, with their card.

    found: as `read` gives it. file: where it is from, for the card: the name, the SHA-256, and
    what is known to be right.
    """
    tensors, said = found
    checkpoint.save(path.with_suffix(""), tensors, _card(entry, said, file))


def _options(entry: Published) -> dict[str, Any]:
    from unsmear import models
    from unsmear.models import maxim

    return {**models.options_of("maxim"), **maxim.VARIANTS[entry.variant]}


def _card(entry: Published, said: dict[str, Any], file: dict[str, str]) -> dict[str, Any]:
    scores = {images: {"psnr": psnr, "ssim": ssim} for images, (psnr, ssim) in entry.scores.items()}
    return {
        "name": entry.name,
        "network": entry.network,
        **said,
        "licence": entry.licence,
        "source": entry.source,
        "trained_on": entry.trained_on,
        **({"published_scores": scores} if scores else {}),
        "url": entry.url,
        "file": file,
    }


def checksum(path: Path, kind: str = "sha256") -> str:
    """Return a file's checksum in hexadecimal digits; kind: as hashlib calls it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
