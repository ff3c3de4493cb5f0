"""MAXIM as an ONNX file."""

import numpy as np
import pytest
import torch

from unsmear.checkpoints import onnx_export, onnx_interface
from unsmear.models import final
from unsmear.models.maxim import MAXIM

SMALL = {"features": 8, "stages": 2, "groups": 1, "bottlenecks": 1}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return MAXIM(**SMALL).eval()


@pytest.fixture(scope="module")
def running(network):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    data = onnx_export.to_bytes(onnx_interface.from_image_to_image(network), {})
    return runtime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 128, 64), (1, 3, 192, 320)])
@pytest.mark.slow
def test_the_file_makes_the_last_image_at_every_size(network, running, shape):
    blurred = torch.rand(shape, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        expected = final(network(blurred)).numpy()
    (restored,) = running.run(None, {"blurred": blurred.numpy()})
    assert np.abs(expected - blurred.numpy()).max() > 0.1
    np.testing.assert_allclose(
        restored, expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max())
    )


def test_the_file_has_one_output(running):
    assert [output.name for output in running.get_outputs()] == ["restored"]
