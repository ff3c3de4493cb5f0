"""Job of `unsmear status`."""

from __future__ import annotations

import json
from pathlib import Path

from unsmear.batches import sentences, status
from unsmear.cli.console import say


def run(folder: Path, as_json: bool) -> int:
    """Print how far the batch in an output folder is; return the exit code."""
    found = status.read(folder)
    if as_json:
        return 0 if say(json.dumps(found.to_dict(), indent=1)) else 1
    return 0 if all(map(say, sentences.of(found))) else 1
