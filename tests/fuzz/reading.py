"""Readers, asked without a command: what they raise must be an UnsmearError."""

import contextlib
from pathlib import Path

import torch

from unsmear import images, models
from unsmear.blur.kernel import read_kernel
from unsmear.checkpoints import arrays, checkpoint, loading, onnx_file
from unsmear.cluster import slurm
from unsmear.data import manifest, source
from unsmear.errors import KernelError, UnsmearError
from unsmear.images.image import SeveralImagesError
from unsmear.images.slides import slide
from unsmear.recovery.collect import journal
from unsmear.train.engine import state


def image(path):
    """Read all images of a file, and write them again as a result would be."""
    path = Path(path)
    for scene, name in enumerate(images.scenes(path)[:3]):
        found = images.read(path, None, scene if name else None)
        found.planes()


def windows(path):
    """Read the first window of each plane as slides are read, of images of any size."""
    opened = slide.open_slide(Path(path))
    batches, channels, *sides = opened.header.planes().shape
    window = [slice(0, min(side, 16)) for side in sides]
    for number in range(min(batches * channels, 6)):
        opened.read(*divmod(number, channels), *window)


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
    is_ours = found.network == "DeepWiener"
    (loading.build_deep_wiener if is_ours else loading.build_network)(found)


def held(path, kind):
    with arrays.opened(Path(path), kind, "the file is damaged.") as stored:
        for array in stored:
            if array.claim().nbytes < 2**24:
                array.read()


def training_state(path):
    networks = {"network": models.build("dcae", channels=1, filters=[4])}
    optimisers = {"network": torch.optim.Adam(networks["network"].parameters())}
    state.load(Path(path).parent, networks, optimisers)


def onnx(path):
    data = onnx_file.read(Path(path))
    onnx_file.metadata(Path(path).name, data)


def kernel(path):
    for plane in (None, 0, 1):
        with contextlib.suppress(KernelError):  # it has more, or fewer
            read_kernel(path, plane)


READERS = {
    "image": image,
    "windows": windows,
    "kernel": kernel,
    "survey": survey,
    "weights": weights,
    "arrays": held,
    "onnx": onnx,
    "state": training_state,
    "slurm": lambda path: slurm.read(Path(path)),
    "manifest": manifest.read,
    "answers": journal.load,
}
