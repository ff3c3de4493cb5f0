"""The processing record as a value of JSON."""

from __future__ import annotations

import json
from typing import Any


def value(done: str) -> Any:
    """Return the record as JSON's value, or as the text that it is."""
    try:
        return json.loads(done)
    except ValueError:
        return done
