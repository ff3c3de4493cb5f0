"""Preparation of sharp and blurred image pairs; output does not depend on the number of workers.

A stopped run can be repeated: finished images are in the journal of `manifest`, and files are
written whole or not at all. Every pair has its own random generator, seeded by the run's seed, the
id of its image and its position in the image.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unsmear import plain_files, resume
from unsmear.atomic import write_aside
from unsmear.data import manifest
from unsmear.data.item import Item
from unsmear.data.manifest import Pair
from unsmear.data.pair_writer import Outcome, Preparation, Task, make, stem
from unsmear.data.splits import Selection
from unsmear.errors import DataError, OptionError, error_text

__all__ = ["Each", "Outcome", "Preparation", "Report", "Selection", "Task", "make", "prepare"]

OPTIONS = "preparation.json"
"""File with the options of a prepared folder; a run with other options is refused."""


@dataclass(frozen=True)
class Report:
    """Result of a run.

    pairs: all pairs in the manifest. present: number of pairs that were already there.
    failures: an error message for each image without pairs. sizes: of the images of which pairs
    were made, (height, width).
    """

    pairs: tuple[Pair, ...]
    present: int
    failures: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...] = ()


Each = Callable[[Callable[[Task], Outcome], Sequence[Task]], Iterable[Outcome]]


def prepare(
    items: Iterable[Item],
    folder: str | Path,
    preparation: Preparation | None = None,
    selection: Selection | None = None,
    each: Each = map,
    reading: Mapping[str, Any] | None = None,
) -> Report:
    """Write pairs of every selected image and their manifest to `folder`, or resume a run.

    items: of `source.find`. Files inside `folder` are not used as sources.
    each: maps `make` over the tasks, in order; a map over processes makes it parallel.
    reading: arguments of `find` (axes, channels), to recognise a repeated run.

    Raises OptionError for a folder that was prepared with other options or from other images, and
    DataError for ids that give the same file name. A broken image is a failure of the report.
    """
    folder, preparation = Path(folder), preparation or Preparation()
    selection = selection or Selection()
    items = [item for item in items if not _lies_in(item, folder)]
    planned = plan(items, folder, preparation, selection, reading)
    _open(folder, _described(items, preparation, selection, reading or {}))
    done = _present(folder)
    tasks = [task for task in planned if task.item.id not in done]
    present = sum(map(len, done.values()))
    failures, sizes = [], []
    for task, outcome in zip(tasks, each(make, tasks), strict=True):
        if outcome.failure:
            failures.append(outcome.failure)
        else:
            manifest.record(folder, outcome.pairs)
            done[task.item.id] = list(outcome.pairs)
            sizes += [] if outcome.size is None else [outcome.size]
    pairs = tuple(pair for item in items for pair in done.get(item.id, ()))
    manifest.write(folder, pairs)
    return Report(pairs, present, tuple(failures), tuple(sizes))


def plan(
    items: Iterable[Item],
    folder: Path,
    preparation: Preparation,
    selection: Selection,
    reading: Mapping[str, Any] | None = None,
) -> list[Task]:
    """Return the tasks of a run, those that are done too; nothing is written.

    Raises what `prepare` raises.
    """
    items = [item for item in items if not _lies_in(item, folder)]
    _check_names(items)
    _check(folder, _described(items, preparation, selection, reading or {}))
    return _tasks(items, folder, preparation, selection)


def _tasks(
    items: Sequence[Item], folder: Path, preparation: Preparation, selection: Selection
) -> list[Task]:
    parts = selection.assign(
        [item.id for item in items],
        [item.group for item in items],
        [item.labels for item in items],
        preparation.seed,
    )
    return [
        Task(item, part, preparation, folder)
        for item, part in zip(items, parts, strict=True)
        if part
    ]


def _check_names(items: Sequence[Item]) -> None:
    counts = Counter(stem(item.id) for item in items)
    for item in items:
        if counts[stem(item.id)] > 1:
            raise DataError(
                f"{item.id}: ids must give different file names, got {stem(item.id)} again."
            )


def _lies_in(item: Item, folder: Path) -> bool:
    inside = folder.resolve()
    return any(
        isinstance(file, Path) and file.resolve().is_relative_to(inside) for file in item.files
    )


def _described(
    items: Sequence[Item],
    preparation: Preparation,
    selection: Selection,
    reading: Mapping[str, Any],
) -> dict[str, Any]:
    """Return all options that determine the output, as JSON values."""
    options = asdict(preparation)
    sampler = options.pop("sampler")
    # JSON has no tuples: a range and a list of two would look alike.
    sampler["parameters"] = {name: repr(draw) for name, draw in sampler["parameters"].items()}
    listed = sorted([item.id, item.group, list(item.labels)] for item in items)
    digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
    described = {
        **{f"blur {name}": value for name, value in sampler.items()},
        **options,
        **{f"split {name}": value for name, value in asdict(selection).items()},
        **reading,
        "images": len(items),
        "images sha256": digest,
    }
    normalised: dict[str, Any] = json.loads(json.dumps(described))
    return normalised


def _check(folder: Path, described: Mapping[str, Any]) -> None:
    """Check that a folder is new or that of an equal run.

    Raises OptionError for a folder with pairs of another run, or with foreign files.
    """
    options = folder / OPTIONS
    if options.exists():
        stored = _options(options)
        # An older folder may say more than this version asks: that is no difference.
        begun = {name: stored.get(name) for name in described}
        differing = [
            f"{name} {begun[name]} and not {described[name]}"
            for name in resume.differing(begun, described)
        ]
        if differing and _holds_images(folder):
            raise OptionError(
                f"{folder}: a folder must be new or prepared with the same options and images, "
                f"got one with {'; '.join(differing)}."
            )
    elif any((folder / name).exists() for name in ("sharp", "blur", manifest.FILE)):
        raise OptionError(
            f"{folder}: a folder must be new or made by unsmear prepare, "
            f"got one with pairs and no {OPTIONS}."
        )


def _open(folder: Path, described: Mapping[str, Any]) -> None:
    """Create the folder, or reuse that of an equal run; remove temporary files of a killed run."""
    for place in (folder, folder / "sharp", folder / "blur"):
        for part in place.glob(".*.part"):
            part.unlink(missing_ok=True)
    text = json.dumps(described, indent=1) + "\n"
    write_aside(folder / OPTIONS, text.encode())


def _options(path: Path) -> dict[str, Any]:
    """Return the options of a prepared folder; raises OptionError for a damaged file."""
    try:
        options = plain_files.read_json(path)
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: the options are damaged ({error_text(error)}).") from error
    if not isinstance(options, dict):
        raise OptionError(f"{path}: the options are damaged (they are no JSON object).")
    return options


def _holds_images(folder: Path) -> bool:
    """Return whether a run has finished any file; a killed run leaves hidden files."""
    files = (file for side in ("sharp", "blur") for file in (folder / side).glob("*"))
    return any(not file.name.startswith(".") for file in files)


def _present(folder: Path) -> dict[str, list[Pair]]:
    """Return the finished pairs by source, for sources whose files all exist."""
    by_source: dict[str, dict[str, Pair]] = defaultdict(dict)
    for pair in manifest.recorded(folder):
        by_source[pair.source][pair.name] = pair
    return {
        source: list(pairs.values())
        for source, pairs in by_source.items()
        if all(file.exists() for pair in pairs.values() for file in pair.files(folder))
    }
