"""The processing record as a value of JSON."""

from __future__ import annotations

from typing import Any

from unsmear import plain_files


def value(done: str) -> Any:
    """Return the record as JSON's value, or as the text that it is."""
    try:
        return plain_files.parse_json(done)
    except ValueError:
        return done
