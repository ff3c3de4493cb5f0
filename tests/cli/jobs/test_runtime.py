"""The runtime of `unsmear restore` is chosen once, by the process that was called."""

from pathlib import Path

import pytest

from unsmear.checkpoints import derived
from unsmear.cli.jobs.restore.settings import on_this_machine
from unsmear.cli.options.camera_maps import MapOptions
from unsmear.cli.options.place import PlaceOptions
from unsmear.cli.options.restore import RestoringOptions
from unsmear.cluster import Where

OPENVINO = {"runtime": "openvino"}


@pytest.mark.parametrize(
    ("method", "own", "where", "chosen"),
    [
        ("deep-wiener-lean", {}, Where(), OPENVINO),
        ("deep-wiener", {}, Where(workers=2), OPENVINO),
        ("deep-wiener", {"exact": True}, Where(), {"exact": True}),
        ("deep-wiener", {"runtime": "onnx"}, Where(), {"runtime": "onnx"}),
        ("deep-wiener", {}, Where(scheduler="tcp://host:8786"), {}),
        ("deep-wiener", {}, Where(slurm=Path("jobs.toml")), {}),
        ("wiener", {}, Where(), {}),
    ],
)
def test_it_is_openvino_where_that_is_faster_and_all_machines_are_this_one(
    monkeypatch, method, own, where, chosen
):
    others = (PlaceOptions(), False, "auto", None, None, MapOptions(), None, 2 * 10**9)
    options = RestoringOptions(method, own, *others)
    monkeypatch.setattr(derived, "has_bfloat16", lambda: True)
    assert on_this_machine(options, where).own == chosen
    monkeypatch.setattr(derived, "has_bfloat16", lambda: False)
    assert on_this_machine(options, where).own == own
