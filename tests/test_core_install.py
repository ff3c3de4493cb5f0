"""The core alone, installed in an environment of its own, restores an image without PyTorch."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import unsmear
from unsmear import images, speed
from unsmear.images import Image

ROOT = Path(__file__).parents[1]
MOST = 495
"""Largest size of everything that is installed, without byte code, megabytes."""
ABSENT = ("torch", "cv2", "matplotlib", "pydantic", "onnx", "kornia", "optuna")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return the interpreter of a new environment with the core alone; skip where pip cannot.

    The package is installed from its wheel. What it needs is linked from the tests' environment,
    in which the same constraints hold: the copying takes a minute.
    """
    folder = tmp_path_factory.mktemp("core")
    run = {"check": True, "capture_output": True, "text": True, "timeout": 600}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], **run)
    path = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [sys.executable, "-m", "pip", "--python", path, "install", "--quiet", "--no-compile"]
    try:
        subprocess.run([*install, "--no-deps", str(ROOT)], cwd=folder, **run)
    except subprocess.CalledProcessError as error:
        if "connection" in error.stderr.lower():
            pytest.skip("the packages cannot be reached")
        raise AssertionError(error.stderr) from error
    ask = "import json, site, importlib.metadata as m; "
    ask += "print(json.dumps([site.getsitepackages()[0], m.requires('unsmear')]))"
    asked = subprocess.run([path, "-c", ask], cwd=folder, **run)
    packages, required = json.loads(asked.stdout)
    for distribution in needed([Requirement(one) for one in required]).values():
        link(distribution, Path(packages))
    return path


def needed(required):
    """Return the distributions that requirements come to, as they are installed here, by name."""
    found, seen, ahead = {}, set(), [(one, {""}) for one in required]
    while ahead:
        one, extras = ahead.pop()
        wanted = one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras)
        name, own = canonicalize_name(one.name), frozenset(one.extras)
        if not wanted or (name, own) in seen:
            continue
        seen.add((name, own))
        found[name] = metadata.distribution(name)
        assert one.specifier.contains(found[name].version, prereleases=True), one
        ahead += [(Requirement(each), own | {""}) for each in found[name].requires or []]
    return found


def link(distribution, packages):
    """Link an installed distribution, with what is compiled of it, into a folder of packages."""
    for file in distribution.files:
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        links = {packages / file: Path(file.locate())}
        if file.suffix == ".py":
            links |= {Path(cache_from_source(new)): Path(cache_from_source(old))
                      for new, old in links.items()}  # fmt: skip
        for new, old in links.items():
            new.parent.mkdir(parents=True, exist_ok=True)
            if old.exists():
                _link(new, old)


def _link(new, old):
    try:
        new.symlink_to(old)
    except OSError:  # Windows, without the right to link
        shutil.copy2(old, new)


def called(python, *words, folder):
    """Return the finished process of a command in the new environment."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [python, "-m", "unsmear", *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_the_core_is_small_and_holds_nothing_of_the_extras(python):
    size = subprocess.run(
        [
            python,
            "-c",
            "import json, pathlib, importlib.util as u, site;"
            "files = pathlib.Path(site.getsitepackages()[0]).rglob('*');"
            "files = [f for f in files if f.is_file() and '__pycache__' not in f.parts];"
            "size = sum(f.stat().st_size for f in files);"
            f"print(json.dumps([size / 1e6, [n for n in {ABSENT} if u.find_spec(n)]]))",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=python.parent,
    )
    megabytes, present = json.loads(size.stdout)
    assert megabytes < MOST
    assert present == []


@pytest.mark.slow
def test_the_wheel_holds_the_package_its_weights_and_both_licences(python):
    listed = subprocess.run(
        [
            python,
            "-c",
            "import json, importlib.metadata as m; d = m.distribution('unsmear');"
            "print(json.dumps([[str(f) for f in d.files], dict(d.metadata.json)]))",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=python.parent,
    )
    files, metadata = json.loads(listed.stdout)
    assert metadata["license_expression"] == "BSD-3-Clause AND CC-BY-SA-4.0"
    assert metadata["version"] == unsmear.__version__
    (info,) = {file.split("/")[0] for file in files if ".dist-info/" in file}
    licences = {file for file in files if file.startswith(f"{info}/licenses/")}
    weights = "src/unsmear/weights"
    assert licences == {
        f"{info}/licenses/{name}" for name in ("LICENSE", f"{weights}/LICENSE", f"{weights}/NOTICE")
    }
    own = {file for file in files if file.startswith("unsmear/") and "__pycache__" not in file}
    ours = {
        f"unsmear/{path.relative_to(ROOT / 'src/unsmear').as_posix()}"
        for path in (ROOT / "src/unsmear").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert own == ours
    assert {"unsmear/py.typed", "unsmear/weights/deep-wiener-lean.onnx"} <= own
    others = {file.split("/")[0] for file in files} - {"unsmear", info, "..", "Scripts"}
    assert not others


@pytest.mark.slow
def test_the_core_restores_and_estimates(python, tmp_path):
    recorded = speed.field(256, 1)[0]
    images.write(tmp_path / "in.tif", Image(recorded, "YX"))
    told = called(python, "estimate", "in.tif", "--json", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["kind"], round(found["length"]), round(found["angle"])) == ("straight", 10, 40)
    done = called(python, "restore", "in.tif", "-o", "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    restored = images.read(tmp_path / "out" / "in.tif").pixels
    assert restored.mean() == pytest.approx(recorded.mean(), rel=1e-3)
    assert restored.std() > 1.05 * recorded.std()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("train",), "train"),
        (("synth", "-o", "cells"), "synth"),
        (("export", "deep-wiener", "-o", "a.onnx"), "onnx"),
        (("restore", "s3://bucket/x.zarr", "-o", "out"), "cloud"),
        (("estimate", "https://host/x.tif"), "cloud"),
        (("restore", "in.npy", "-o", "out", "--runtime", "torch"), "train"),
        (("restore", "in.npy", "-o", "out", "--runtime", "openvino"), "openvino"),
    ],
)
def test_what_needs_an_extra_names_it(python, tmp_path, words, extra):
    np.save(tmp_path / "in.npy", np.eye(32, dtype=np.float32))
    done = called(python, *words, folder=tmp_path)
    assert done.returncode == 1
    assert f"unsmear[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr
