"""What all tests share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of real images, which lies beside the repository and not in it."""
    folder = (Path(__file__).parents[1] / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data) are not here")
    return folder
