"""Readers, asked without a command: what they raise must be an UnsmearError."""

import contextlib
from pathlib import Path

from unsmear import images
from unsmear.blur.kernel import read_kernel
from unsmear.checkpoints import arrays, checkpoint, loading, onnx_file
from unsmear.cluster import slurm
from unsmear.data import manifest, source
from unsmear.errors import KernelError, UnsmearError
from unsmear.images.image import SeveralImagesError
from unsmear.recovery.collect import journal


def image(path):
    """Read all images of a file, and write them again as a result would be."""
    path = Path(path)
    for scene, name in enumerate(images.scenes(path)[:3]):
        found = images.read(path, None, scene if name else None)
        found.planes()


def survey(path):
    for item in source.survey([path]).items[:5]:
        try:
            item.read()
        except SeveralImagesError:
            for part in item.expand()[:3]:
                part.read()
        except UnsmearError:
            pass  # a batch goes on


def weights(path):
    found = checkpoint.load(path)
    if found.network != "deep-wiener":
        loading.build_network(found)


def held(path, kind):
    with arrays.opened(Path(path), kind, "the file is damaged.") as stored:
        for array in stored:
            if array.claim().nbytes < 2**24:
                array.read()


def onnx(path):
    data = onnx_file.read(Path(path))
    onnx_file.metadata(Path(path).name, data)


def kernel(path):
    for plane in (None, 0, 1):
        with contextlib.suppress(KernelError):  # it has more, or fewer
            read_kernel(path, plane)


READERS = {
    "image": image,
    "kernel": kernel,
    "survey": survey,
    "weights": weights,
    "arrays": held,
    "onnx": onnx,
    "slurm": lambda path: slurm.read(Path(path)),
    "manifest": manifest.read,
    "answers": journal.load,
}
