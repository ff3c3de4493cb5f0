"""Tasks of workflow managers: run where the manager is installed, else checked by schema."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.images.ome_zarr.zarrs import make_plate
from unsmear import Image, OptionError, images

FOLDER = Path(__file__).parents[2] / "recipes/workflows"
PACKAGE = FOLDER / "fractal/unsmear_fractal"
pytestmark = pytest.mark.slow


def run(*command, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | {"PATH": path, "HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def cells(tmp_path):
    """Return a folder with a TIFF and a PNG in it, in the folder "images"."""
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 4000, (96, 128)).astype("u2")
    for name in ("a.tif", "b.png"):
        images.write(tmp_path / "images" / name, Image(pixels, "YX"))
    return tmp_path


@pytest.fixture
def snakemake(cells):
    """Return a function that runs the Snakefile on the cells."""
    if find_spec("snakemake") is None:
        pytest.skip("Snakemake is not installed: pip install snakemake")
    (cells / "config.yaml").write_text(
        (FOLDER / "snakemake/config.yaml")
        .read_text()
        .replace('""', '"--method wiener --length 6 --angle 30"')
    )
    command = (sys.executable, "-m", "snakemake", "--snakefile", FOLDER / "snakemake/Snakefile",
               "--cores", 1, "--keep-going", "--nocolor")  # fmt: skip
    return lambda *more: run(*command, *more, folder=cells)


def test_snakemake_restores_a_folder(snakemake, cells):
    finished = snakemake()
    assert finished.returncode == 0, finished.stderr
    for name in ("a.tif", "b.png"):
        before, after = (images.read(cells / f / name) for f in ("images", "restored"))
        assert before.pixels.shape == after.pixels.shape
        assert (before.pixels != after.pixels).any()
        assert "restored by wiener" in (cells / f"restored/logs/{name}.txt").read_text()
    assert "Nothing to be done" in snakemake().stderr


def test_snakemake_goes_on_after_a_damaged_image(snakemake, cells):
    whole = (cells / "images/a.tif").read_bytes()
    (cells / "images/a.tif").write_bytes(whole[:200])
    assert snakemake().returncode == 1
    assert {p.name for p in (cells / "restored").iterdir()} == {"b.png", "logs"}
    assert "a.tif: " in (cells / "restored/logs/a.tif.txt").read_text()
    (cells / "images/a.tif").write_bytes(whole)
    assert snakemake().returncode == 0


def test_nextflow_has_the_parameters_of_its_schema():
    schema = json.loads((FOLDER / "nextflow/nextflow_schema.json").read_text())
    configured = (FOLDER / "nextflow/nextflow.config").read_text()
    block = re.search(r"params \{(.*?)\}", configured, re.DOTALL)[1]
    defaults = dict(re.findall(r"(\w+)\s*=\s*'(.*)'", block))
    assert defaults == {name: entry["default"] for name, entry in schema["properties"].items()}
    used = set(re.findall(r"params\.(\w+)", (FOLDER / "nextflow/main.nf").read_text()))
    assert used == set(defaults)
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(defaults, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(defaults | {"memory": "much"}, schema)


def test_nextflow_restores_a_folder(cells):
    if shutil.which("nextflow") is None:
        pytest.skip("Nextflow is not installed: https://www.nextflow.io")
    finished = run("nextflow", "-q", "run", FOLDER / "nextflow/main.nf", "--input", "images/*",
                   "--options", "--method wiener --length 6 --angle 30", folder=cells)  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    assert {p.name for p in (cells / "restored").iterdir()} == {"a.tif", "b.png"}


@pytest.fixture
def restore_image(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER / "fractal"))
    from unsmear_fractal.restore_image import restore_image

    return restore_image


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_task_of_fractal_adds_an_image_to_its_well(version, restore_image, tmp_path):
    make_plate(tmp_path / "p.zarr", version)
    well = tmp_path / "p.zarr/A/1"

    def task(field):
        return restore_image(zarr_url=str(well / field), method="wiener", length=6.0, angle=30.0)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(task, "01")
    assert first == {
        "image_list_updates": [
            {
                "zarr_url": f"{well}/0_restored",
                "origin": f"{well}/0",
                "types": {"restored": True},
            }
        ]
    }
    listed = images.ome_zarr.images_in(tmp_path / "p.zarr", "p.zarr")
    here = {str(place) for place in listed if place.parts[1] == "1"}
    assert here == {f"A/1/{name}" for name in ("0", "1", "0_restored", "1_restored")}
    for update in (*first["image_list_updates"], *second["image_list_updates"]):
        before, after = (images.read(update[key]) for key in ("origin", "zarr_url"))
        assert (before.pixels != after.pixels).any()
        assert (before.axes, before.channels) == (after.axes, after.channels)
    assert task("0") == first
    assert not list(well.glob(".*lock"))
    with pytest.raises(OptionError, match="length must come with angle"):
        restore_image(zarr_url=str(well / "0"), length=3.0)


def test_the_manifest_of_fractal_is_that_of_the_task(restore_image, monkeypatch):
    manifest = json.loads((PACKAGE / "__FRACTAL_MANIFEST__.json").read_text())
    (task,) = manifest["task_list"]
    assert (PACKAGE / task["executable_parallel"]).is_file()
    arguments = inspect.signature(restore_image).parameters
    assert list(task["args_schema_parallel"]["properties"]) == list(arguments)
    if find_spec("fractal_task_tools") is None:
        pytest.skip("the tools of Fractal are not installed: pip install fractal-task-tools")
    from fractal_task_tools._create_manifest import create_manifest

    monkeypatch.chdir(PACKAGE.parent)
    made = create_manifest(raw_package_name="unsmear-fractal", task_list_path="dev.task_list")
    assert made == manifest


def test_a_task_of_fractal_runs_as_fractal_runs_it(tmp_path):
    if find_spec("fractal_task_tools") is None:
        pytest.skip("the tools of Fractal are not installed: pip install fractal-task-tools")
    make_plate(tmp_path / "p.zarr")
    given = {
        "zarr_url": str(tmp_path / "p.zarr/A/1/0"),
        "method": "wiener",
        "length": 6,
        "angle": 9,
    }
    (tmp_path / "args.json").write_text(json.dumps(given))
    finished = run(sys.executable, PACKAGE / "restore_image.py", "--args-json", "args.json",
                   "--out-json", "out.json", folder=tmp_path)  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    (update,) = json.loads((tmp_path / "out.json").read_text())["image_list_updates"]
    assert Path(update["zarr_url"]).is_dir()
