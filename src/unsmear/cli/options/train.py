"""Options of training that `unsmear train` and `unsmear search` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingOptions:
    """A network and the options of its training, which the configuration reads.

    config: a TOML file of options. tokens: further options as they were typed.
    """

    model: str
    config: Path | None
    tokens: tuple[str, ...]

    @classmethod
    def of(
        cls, model: str, config: Path | None, given: Sequence[str], pairs: Path | None
    ) -> TrainingOptions:
        """Return the options as they were given; pairs: the same as --data.pairs."""
        return cls(model, config, (*given, *(["--data.pairs", str(pairs)] if pairs else [])))
