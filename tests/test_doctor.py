"""What an installation has, and what is said where it does not work."""

from types import SimpleNamespace

import numpy as np
import pytest

from unsmear import doctor, images
from unsmear.checkpoints import derived
from unsmear.errors import WeightsError
from unsmear.restoration import pipeline


def test_the_self_test_passes_here():
    checks = doctor.self_test()
    assert [(check.name, check.fault) for check in checks] == [
        ("weights", ""),
        ("files", ""),
        ("restoration", ""),
    ]


def damaged(*arguments, **options):
    raise WeightsError("deep-wiener.onnx: the file is damaged.")


def test_damaged_weights_fail_the_self_test(monkeypatch):
    monkeypatch.setattr(derived, "load", damaged)
    check = doctor._check("weights", doctor.CHECKS["weights"])
    assert check.fault == "deep-wiener.onnx: the file is damaged."


def test_files_that_are_read_as_something_else_fail_it(monkeypatch):
    read = images.read
    other = SimpleNamespace(planes=lambda: np.zeros((1, 2, 40, 50)))
    monkeypatch.setattr(images, "read", lambda path: other if path.suffix == ".tif" else read(path))
    assert doctor.CHECKS["files"]().startswith("image.tif must be read as it was written")


@pytest.mark.parametrize(
    ("length", "gain", "sentence"),
    [(10, 1.2, "the total intensity must be kept"), (7, 1, "a motion of 10 px must be found")],
)
def test_a_wrong_restoration_fails_it(monkeypatch, length, gain, sentence):
    def restore(image, **options):
        blur = SimpleNamespace(length=length)
        return SimpleNamespace(touched=True, blur=blur, image=image * gain, movement="7 px")

    monkeypatch.setattr(pipeline, "restore", restore)
    assert doctor.CHECKS["restoration"]().startswith(sentence)


def test_extras_say_what_they_lack(monkeypatch):
    installed = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: name != "distributed")
    lacking = doctor.extras()
    assert lacking["cluster"] == ["distributed"]
    assert lacking["report"] == []
    assert not {"dev", "docs"} & set(lacking)
    assert installed("numpy")
    assert not installed("a-package-that-is-not-there")


def test_instruction_sets_are_those_of_the_processor(monkeypatch):
    text = "processor : 0\nflags : fpu avx2 avx512f amx_bf16\n"
    monkeypatch.setattr(doctor.Path, "read_text", lambda path: text)
    assert doctor.instructions() == ["AVX2", "AVX-512", "AMX BF16"]
