"""What all tests share."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

# Tests run side by side, and threads would only wait for each other. What tests start reads this,
# and as a plugin of pytest has imported NumPy before, this process is told so as well.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
threadpool_limits(int(os.environ["OPENBLAS_NUM_THREADS"]), "blas")

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some import ONNX Runtime before the package

# Tests start hundreds of processes, which compile torch for seconds unless its byte code is kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# On a busy machine an example takes as long as it takes.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items):
    """Put the modules with slow tests first: at the end, quick ones keep both processes busy."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of real images, which lies beside the repository and not in it."""
    folder = (Path(__file__).parents[1] / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data) are not here")
    return folder


@pytest.fixture
def save_network(tmp_path, monkeypatch):
    """Return a function that saves a network's random weights and returns their path.

    The networks of `fake_networks.py` are listed beside ours.
    """
    import torch

    from unsmear import models
    from unsmear.checkpoints import checkpoint

    folder = tmp_path / "networks"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("fake_networks.py"), folder)
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(folder))

    def saved(network, file="best", said=(), change=None, **options):
        torch.manual_seed(3)
        model = models.build(network, **options)
        if change:
            change(model)
        card = {"name": f"my-{network}", "network": network, "options": options, **dict(said)}
        path = tmp_path / "runs" / network / file
        checkpoint.save(path, model.state_dict(), card)
        return str(path)

    return saved


@pytest.fixture
def write_keras():
    """Return a function that writes MAXIM's arrays, named as in Flax, as the copy in TensorFlow.

    first: from where Keras counts the enlargements. root: the group that everything is in.
    """
    h5py = pytest.importorskip("h5py")

    def written(path, arrays, first=1, root=""):
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                layer, _, part = name.rpartition("/")
                layer = re.sub(
                    r"^UpSampleRatio_(\d+)",
                    lambda found: f"UpSampleRatio_{int(found[1]) + first}",
                    layer.replace("/", "_"),
                )
                if "layernorm" in layer.lower():
                    part = {"scale": "gamma", "bias": "beta"}[part]
                swap = "ConvTranspose" in name and array.ndim == 4
                file[f"{root}{layer}/{layer}/{part}:0"] = array.swapaxes(2, 3) if swap else array
            file.create_group(f"{root}tf.nn.gelu")

    return written
