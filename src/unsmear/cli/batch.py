"""Batch processing: one line or one error per image; an error does not stop the batch."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unsmear import images
from unsmear.cli.progress import map_with_progress
from unsmear.data import hpa, source
from unsmear.data.source import Item
from unsmear.errors import OptionError, UnsmearError, no_memory
from unsmear.images import Image


@dataclass(frozen=True)
class Outcome:
    """The result of one image: the line to print, or an error.

    what: the word that the summary counts: "restored", "left unchanged".
    """

    what: str = ""
    done: str = ""
    error: str = ""


def run(work: Callable[[Item], Outcome], items: Sequence[Item], workers: int, what: str) -> int:
    """Do `work` on every item, print its lines and a summary; return the exit code.

    work: importable by name where workers > 1.
    what: the outcome of success, "restored"; it labels the progress bar and leads the summary.
    """
    outcomes = []
    for outcome in map_with_progress(partial(_attempt, work), items, workers, what):
        outcomes.append(outcome)
        if outcome.error:
            print(outcome.error, file=sys.stderr)
        else:
            print(outcome.done)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    if len(outcomes) > 1 or failed:
        counts = {what: 0} | Counter(outcome.what for outcome in outcomes if not outcome.error)
        parts = [f"{count} {name}" for name, count in counts.items()]
        print(f"{', '.join([*parts, f'{failed} failed'])}.")
    return 1 if failed else 0


def _attempt(work: Callable[[Item], Outcome], item: Item) -> Outcome:
    try:
        return work(item)
    except UnsmearError as error:
        return Outcome(error=str(error))
    except MemoryError:
        return Outcome(error=no_memory(item.files[0].name))


def find_inputs(inputs: Sequence[str], output: Path, axes: str | None) -> list[Item]:
    """Return the images in `inputs`, without those that an earlier run wrote to `output`.

    Raises OptionError where the inputs lie in the output folder: results would overwrite them.
    """
    folder = check_folder(output).resolve()
    paths = [Path(argument).resolve() for argument in inputs]
    for argument, path in zip(inputs, paths, strict=True):
        if folder == path or (folder == path.parent and not path.is_dir()):
            raise OptionError(
                f"the output must be another folder than the input's, got {output} for {argument}."
            )
    items = source.find(inputs, axes=axes)
    if any(folder.is_relative_to(path) for path in paths):
        items = [i for i in items if folder not in Path(str(i.files[0])).resolve().parents]
    return items


def result_paths(item: Item, image: Image, output: Path) -> list[Path]:
    """Return the files that `write_result` writes: the input's names, JPEG becoming PNG."""
    if "hpa" in image.metadata:
        return hpa.paths(output / item.stem, image)
    return [output / f"{item.stem}{images.written_ending(item.files[0].name)}"]


def write_result(item: Item, image: Image, output: Path, done: str) -> list[Path]:
    """Write an image made from `item` under its name in the folder `output`; return its files."""
    paths = result_paths(item, image, output)
    if "hpa" in image.metadata:
        return hpa.write(output / item.stem, image, done)
    images.write(paths[0], image, done)
    return paths


def check_folder(output: Path) -> Path:
    """Return `output` if it is, or can become, a folder; raises OptionError otherwise."""
    if output.exists() and not output.is_dir():
        raise OptionError(f"the output must be a folder, got the file {output}.")
    return output
