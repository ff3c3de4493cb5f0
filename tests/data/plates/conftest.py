"""Small images, and the files beside them, for trees of plates."""

import numpy as np
import pytest
import tifffile


@pytest.fixture
def tif(tmp_path):
    """Write small TIFFs at paths below the temporary folder."""

    def write(*names, value=7, shape=(6, 8), dtype=np.uint16, **options):
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, np.full(shape, value, dtype), metadata=None, **options)
        return paths[0] if len(paths) == 1 else paths

    return write


@pytest.fixture
def text(tmp_path):
    """Write text at a path below the temporary folder."""

    def write(name, content="", encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(encoding))
        return path

    return write
