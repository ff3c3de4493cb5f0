"""Print the lower bounds of pyproject.toml as constraints for pip: `make lowest` installs them.

    python tests/lowest_versions.py > lowest.txt

Checkers are left out: their version changes no result of a user's.
"""

import re
import tomllib
from pathlib import Path

BOUND = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?>=([0-9.]+)")
CHECKERS = {"import-linter", "mypy", "pre-commit", "ruff"}
EXTRAS = (
    "cloud", "cluster", "dev", "keras", "napari", "onnx", "parquet", "report", "synth", "train",
)  # fmt: skip


def constraints() -> list[str]:
    """Return "name==version.*" for every dependency of the package and of its tested extras."""
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    project = project["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][one] for one in EXTRAS)]
    bounds = [BOUND.match(requirement) for requirements in lists for requirement in requirements]
    named = {match[1]: match[2] for match in bounds if match}
    return [f"{name}=={version}.*" for name, version in named.items() if name not in CHECKERS]


if __name__ == "__main__":
    print("\n".join(constraints()))
