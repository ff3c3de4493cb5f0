"""Every way to restore an image, by the name that the command line uses."""

from __future__ import annotations

from unsmear import classical, learned
from unsmear.restorer import Method

METHODS: dict[str, Method] = learned.METHODS | classical.METHODS
BEST = "deep-wiener"
"""What restores where no method is named."""
