"""What napari is told of the plugin, and that PyTorch is no part of it."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

npe2 = pytest.importorskip("npe2", reason="needs unsmear[napari]")

MANIFEST = Path(__file__).parents[2] / "src/unsmear/napari/napari.yaml"


@pytest.mark.slow
def test_npe2_finds_nothing_wrong(qt):
    """As `npe2 validate` does: the manifest, and every name in it can be imported."""
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "unsmear"


def test_the_package_says_where_its_manifest_is():
    (found,) = entry_points(group="napari.manifest", name="unsmear")
    assert found.value == "unsmear.napari:napari.yaml"


def test_every_command_is_used():
    contributions = yaml.safe_load(MANIFEST.read_text())["contributions"]
    commands = {command["id"] for command in contributions.pop("commands")}
    used = {entry["command"] for entries in contributions.values() for entry in entries}
    assert commands == used


@pytest.mark.slow
def test_importing_the_plugin_imports_no_torch(qt):
    modules = sorted(f"unsmear.napari.{path.stem}" for path in MANIFEST.parent.glob("[a-z]*.py"))
    assert len(modules) > 8
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
