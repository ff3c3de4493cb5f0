"""Job of `unsmear status`."""

from __future__ import annotations

from pathlib import Path

from unsmear.batches import layout, sentences, status
from unsmear.cli.console import as_json, say


def run(folder: Path) -> int:
    """Print how far the batch in an output folder, or of a record, is; return the exit code."""
    found = status.read(layout.output_of(folder))
    if as_json():
        return 0 if say("", **found.to_dict()) else 1
    return 0 if all(map(say, sentences.of(found))) else 1
