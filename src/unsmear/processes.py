"""Processes of this machine, by their numbers: which of them live."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path


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


@cache
def boot() -> str:
    """Return what names the time since this machine was started; "" where that cannot be known."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def began(number: int) -> str:
    """Return when a process of this machine began, clock ticks since `boot`: together with that and
    its number no other process has it. "" for one that has ended, and where it cannot be known.
    """
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""
