"""Processes of this machine, by their numbers: which of them live."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def machine() -> str:
    """Return the machine and the container on it, within which process numbers are unique."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}".replace(" ", "_")
    return socket.gethostname().replace(" ", "_")


def may_live(number: int) -> bool:
    """Return whether a process of this machine lives; True where that cannot be known."""
    if os.name != "posix":  # elsewhere `kill` with 0 is no mere check
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
