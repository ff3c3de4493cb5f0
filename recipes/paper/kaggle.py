"""Make a folder as the Kaggle competition's download, with drawn cells in place of its images.

    python recipes/paper/kaggle.py FOLDER --labels train.csv --images 60 --size 2048 --bits 16

`run.py --data FOLDER` can so be checked without the images. The layout is that of
`hpa-single-cell-image-classification`: `train.csv` (ID,Label), `train/<ID>_<colour>.png` in four
colours, `test/` without labels, `sample_submission.csv`, and `train_tfrecords/`. IDs and labels are
those of the list; the same command resumes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unsmear import images
from unsmear.data import hpa
from unsmear.data.labels import CHANNELS
from unsmear.errors import OptionError, UnsmearError
from unsmear.images import Image
from unsmear.synthetic import draw_field

DISH, COARSEST = 163.84, 1.0
"""Side of an HPA field, 2048 pixels of 0.08; of smaller ones the largest pixel; micrometres."""
SEED = 18


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is missing; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        make(asked.folder, asked.labels, asked.images, asked.test, asked.size, asked.bits)
        return 0
    except UnsmearError as error:
        print(f"kaggle: {error}", file=sys.stderr)
        return 1


def make(folder: Path, labels: Path, count: int, test: int, size: int, bits: int) -> None:
    """Write a folder with the first `count` images of a list of labels, and `test` without labels.

    size: of the images, pixels. bits: 8 or 16 a count. Raises OptionError for more images than the
    list has, and DataError for a damaged list.
    """
    listed = hpa.read_labels(labels)
    if not 0 < count <= len(listed):
        raise OptionError(f"--images must be 1 to {len(listed)}, got {count}.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(labels, folder / "train.csv")
    for name in list(listed)[:count]:
        _write(folder / "train", name, listed[name], size, bits)
    unknown = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"unsmear test {n}")) for n in range(test)]
    for name in unknown:
        _write(folder / "test", name, (0,), size, bits)
    rows = "".join(f"{name},{size},{size},0 1 eNo=\n" for name in unknown)
    header = "ID,ImageWidth,ImageHeight,PredictionString\n"
    (folder / "sample_submission.csv").write_text(header + rows)
    records = folder / "train_tfrecords" / "train-00-0.tfrecords"
    records.parent.mkdir(exist_ok=True)
    records.touch()


def _write(folder: Path, name: str, labels: Sequence[int], size: int, bits: int) -> None:
    """Write one field, its appearance given by its ID; nothing where it is there."""
    files = [folder / f"{name}_{colour}.png" for colour in CHANNELS]
    if all(file.exists() for file in files):
        return
    generator = np.random.default_rng([SEED, *name.encode()])
    labels = tuple(dict.fromkeys(labels))  # the list has some of them twice
    pixel_size = min(DISH / size, COARSEST)
    field = draw_field(generator, (size, size), labels, pixel_size, bits)
    for file, plane in zip(files, field.planes, strict=True):
        images.write(file, Image(plane, "YX"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", type=Path, required=True, help="the competition's train.csv")
    parser.add_argument("--images", type=int, default=60, help="of the list, from its beginning")
    parser.add_argument("--test", type=int, default=2, help="images without labels, in test/")
    parser.add_argument("--size", type=int, default=2048, help="side of an image, pixels")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=16)
    return parser


if __name__ == "__main__":
    sys.exit(main())
