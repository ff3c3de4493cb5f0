"""Which weights were trained on the images that they are to be scored on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from unsmear import checkpoint
from unsmear.data import manifest
from unsmear.evaluate.cases import Case


def seen(pairs: Path, weights: Iterable[str], split: str, cases: Sequence[Case] = ()) -> list[str]:
    """Return a sentence for each weights that have seen these pairs in their training.

    pairs: the folder. weights: names or paths; those without a card of their own are passed over.
    split: the part of the pairs that is scored; weights leave aside what they are not trained on.
    cases: those scored, whose groups are looked for among those that the card names.
    """
    listed = pairs / manifest.FILE
    there = sha256(listed.read_bytes()).hexdigest() if listed.exists() and not split else None
    groups = {case.group for case in cases}
    found = []
    for name in dict.fromkeys(weights):
        path = checkpoint.find(name)
        card = checkpoint.read_card(path)[1] if path else {}
        learned = [one.get("data") for one in (card, card.get("begun_with") or {})]
        hashes = [data.get("hash") for data in learned if isinstance(data, dict)]
        shared = groups.intersection(map(str, card.get("groups") or ()))
        if there is not None and there in hashes:
            found.append(
                f"{name}: was trained on some of these pairs; --split val or --split test scores "
                "those that it has not seen."
            )
        elif shared:
            found.append(
                f"{name}: was trained on images of {len(shared)} of the {len(groups)} groups of "
                f"these pairs, {min(shared)} among them; what it finds there is too good."
            )
    return found
