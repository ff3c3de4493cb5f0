"""Data leakage check: weights that were trained on the images they are scored on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from unsmear.checkpoints import checkpoint
from unsmear.data import manifest
from unsmear.evaluate.pairs import Case

ASIDE, THRESHOLDS = ("val", "test"), ("test",)
"""Splits that are not used in training, and splits that are not used to choose thresholds."""


def find_leakage(
    pairs: Path, weights: Iterable[str], split: str, cases: Sequence[Case] = ()
) -> list[str]:
    """Return a warning for each set of weights that was trained on these pairs.

    pairs: the folder. weights: names or paths; weights without a card are skipped.
    split: the split that is scored; "" is all pairs. Training uses the split train; weights with
    thresholds have chosen them on the split val.
    cases: the scored pairs, whose groups are compared with the groups in the card.
    """
    listed = pairs / manifest.FILE
    manifest_hash = sha256(listed.read_bytes()).hexdigest() if listed.exists() else None
    groups = {case.group for case in cases}
    warnings = []
    for name in dict.fromkeys(weights):
        path = checkpoint.find(name)
        card = checkpoint.read_card(path)[1] if path else {}
        unseen = THRESHOLDS if card.get("thresholds") else ASIDE
        shared = groups.intersection(map(str, card.get("groups") or ()))
        if split not in unseen and manifest_hash is not None and manifest_hash in _hashes(card):
            warnings.append(
                f"{name}: {'chose thresholds' if split == 'val' else 'was trained'} on some of "
                "these pairs; "
                f"{' or '.join(f'--split {part}' for part in unseen)} scores "
                "those that it has not seen."
            )
        elif shared:
            warnings.append(
                f"{name}: was trained on images of {len(shared)} of the {len(groups)} groups of "
                f"these pairs, {min(shared)} among them; what it finds there is too good."
            )
    return warnings


def _hashes(card: Mapping[str, Any]) -> list[Any]:
    """Return the hashes of the data that the weights, or their initial weights, were trained on."""
    learned = [data_of.get("data") for data_of in (card, card.get("begun_with") or {})]
    return [data.get("hash") for data in learned if isinstance(data, dict)]
