"""The environment of a run: versions, revision and command, as a run's folder keeps them."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import unsmear


def describe(packages: Sequence[str]) -> dict[str, Any]:
    """Return the versions, the revision and the command of this process.

    packages: names of the distributions whose versions are wanted; "" for one that is missing.
    """
    return {
        "unsmear": unsmear.__version__,
        "revision": revision(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


@cache
def revision() -> str:
    """Return the git revision of this package's repository, + for changes; "" outside git.

    It is that of the first call: later changes are not in this process.
    """
    home = Path(__file__).resolve().parents[2]
    if not (home / ".git").exists():
        return ""

    def git(*words: str) -> str:
        command = ["git", "-C", str(home), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
