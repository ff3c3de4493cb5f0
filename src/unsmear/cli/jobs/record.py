"""Processing records: what a command did to a file, as its description says it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np

from unsmear import __version__
from unsmear.blur import Blur, to_dict


def of_blur(blur: Blur) -> dict[str, Any]:
    """Return the record of a blur: its parameters, and the SHA-256 of its kernel."""
    kernel = np.ascontiguousarray(blur.kernel())
    return {"blur": to_dict(blur), "kernel_sha256": sha256(kernel.tobytes()).hexdigest()}


def note(command: str, blur: Blur | None = None, **more: Any) -> str:
    """Return the processing record for a file's description, as one line of JSON."""
    done: dict[str, Any] = {"unsmear": __version__, "command": command}
    done |= {} if blur is None else of_blur(blur)
    return json.dumps(done | {name: value for name, value in more.items() if value})
