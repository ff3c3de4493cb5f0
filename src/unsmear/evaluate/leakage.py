"""Which weights were trained on the images that they are to be scored on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from unsmear.checkpoints import checkpoint
from unsmear.data import manifest
from unsmear.evaluate.pairs import Case

ASIDE, THRESHOLDS = ("val", "test"), ("test",)
"""The splits that a training does not learn from, and those on which it chooses no thresholds."""


def seen(pairs: Path, weights: Iterable[str], split: str, cases: Sequence[Case] = ()) -> list[str]:
    """Return a sentence for each weights that have seen these pairs in their training.

    pairs: the folder. weights: names or paths; those without a card of their own are passed over.
    split: the part of the pairs that is scored; "" is all of them. Weights leave aside what they
    are not trained on, and those with thresholds have chosen these on the split val.
    cases: those scored, whose groups are looked for among those that the card names.
    """
    listed = pairs / manifest.FILE
    there = sha256(listed.read_bytes()).hexdigest() if listed.exists() else None
    groups = {case.group for case in cases}
    found = []
    for name in dict.fromkeys(weights):
        path = checkpoint.find(name)
        card = checkpoint.read_card(path)[1] if path else {}
        unseen = THRESHOLDS if card.get("thresholds") else ASIDE
        shared = groups.intersection(map(str, card.get("groups") or ()))
        if split not in unseen and there is not None and there in _hashes(card):
            found.append(
                f"{name}: {'chose thresholds' if split == 'val' else 'was trained'} on some of "
                "these pairs; "
                f"{' or '.join(f'--split {part}' for part in unseen)} scores "
                "those that it has not seen."
            )
        elif shared:
            found.append(
                f"{name}: was trained on images of {len(shared)} of the {len(groups)} groups of "
                f"these pairs, {min(shared)} among them; what it finds there is too good."
            )
    return found


def _hashes(card: Mapping[str, Any]) -> list[Any]:
    """Return what tells the pairs that weights, or those they began with, were trained on."""
    learned = [one.get("data") for one in (card, card.get("begun_with") or {})]
    return [data.get("hash") for data in learned if isinstance(data, dict)]
