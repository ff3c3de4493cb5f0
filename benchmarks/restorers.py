"""Comparison of all restorers on all real data sets: PSNR gain, SSIM, harm, time, memory.

    .venv/bin/python benchmarks/restorers.py [--data ../shared/data] [--count 4] [--workers 2]

Writes restorers.md beside this file. Rows are stored in runs/restorers, one file per restorer,
named by a hash of code and weights. Finished measurements are reused, so a stopped run is resumed.
With `--only` some data sets are run, and the page is printed, not written; with `--restorers` some
restorers, and their tables are printed. With `--fdn` there are two more, of weights by others.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np

from common import cost, fdn, picture, report
from common.images import (
    EDGE,
    FEWER,
    PAPER,
    SETS,
    SHARP,
    WHITE,
    Cell,
    Counts,
    Scene,
    angle_of,
    cells_of,
    noise_of,
    scenes,
    spoil,
)
from common.methods import BLURRED, FDN, FDN_TWICE, ORACLE, Task, Way, run, ways
from common.rows import Row, Rows
from unsmear import metrics
from unsmear.errors import UnsmearError
from unsmear.tables import append_csv

HERE = Path(__file__).parent
PACKAGE = Path(str(files("unsmear")))
CLIPPED = 99.0
"""PSNR in dB that is recorded for an image identical to the sharp one."""
Job = tuple[Scene, list[tuple[Way, Cell]]]
"""An image, and the restorers and conditions that are missing for it."""


def score(way: Way, scene: Scene, cell: Cell, task: Task) -> Row:
    """Run one restorer on one blurred image."""
    answer, seconds = run(way, task, scene.sharp)
    sharp, restored, estimate = scene.sharp, answer.restored, answer.estimate
    inner = (slice(None), slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    return Row(
        way.name,
        scene.folder,
        scene.name,
        cell.length,
        cell.noise,
        task.angle,
        min(metrics.psnr(sharp, restored, data_range=WHITE), CLIPPED),
        min(metrics.scale_invariant_psnr(sharp, restored, data_range=WHITE), CLIPPED),
        min(metrics.psnr(sharp[inner], restored[inner], data_range=WHITE), CLIPPED),
        metrics.ssim(sharp, restored, data_range=WHITE),
        seconds,
        sharp.size / 1e6,
        answer.touched,
        answer.replaced,
        covered(sharp, restored, answer.error),
        estimate.length if estimate else float("nan"),
        estimate.angle if estimate else float("nan"),
    )


def covered(sharp: Counts, restored: Counts, error: np.ndarray | None) -> float:
    """Return the share of pixels that lie within the band around the restored one."""
    if error is None:
        return float("nan")
    return float((np.abs(restored.astype(np.float32) - sharp) <= error).mean())


def wanted(way: Way, scene: Scene, first: bool) -> list[Cell]:
    """Return the conditions for a restorer; slow ones only run on the first image of a set."""
    if not way.slow:
        return list(cells_of(scene.folder))
    extra = (*FEWER, *PAPER) if first else ()
    return [cell for cell in cells_of(scene.folder) if cell in extra and cell.noise != SHARP]


def key_of(way: Way) -> str:
    """Return a hash of the code and weights of a restorer."""
    sources = [HERE / "common" / name for name in ("images.py", "methods.py", "outside.py")]
    if way.ours:
        unused = {"train", "cli", "report", "data", "evaluate"}
        code = sorted(PACKAGE.rglob("*.py"))
        sources += [file for file in code if file.relative_to(PACKAGE).parts[0] not in unused]
    if way.file is not None and way.ours:
        sources += [way.file.with_suffix(ending) for ending in (".safetensors", ".json")]
    elif way.file is not None:
        sources += [way.file, HERE / "common" / "fdn.py"]
    if way.weights:
        sources += sorted((PACKAGE / "weights").glob("*.safetensors"))
        sources += sorted((PACKAGE / "weights").glob("*.json"))
    return sha256(b"".join(sha256(file.read_bytes()).digest() for file in sources)).hexdigest()[:12]


class ResultStore:
    """Rows on disk, one file for each restorer, code and weights."""

    def __init__(self, folder: Path, ways: list[Way]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.paths = {
            way.name: folder / f"{way.name.replace(' ', '_').replace(',', '')}-{key_of(way)}.csv"
            for way in ways
        }

    def rows(self) -> list[Row]:
        """Return the stored rows."""
        rows = []
        for path in self.paths.values():
            if path.exists():
                with path.open(newline="") as lines:
                    rows += [_parse(row) for row in csv.DictReader(lines)]
        return rows

    def add(self, row: Row) -> None:
        """Append one row, whole."""
        path = self.paths[row.method]
        append_csv(path, {name: str(value) for name, value in asdict(row).items()})


def _parse(row: dict[str, str]) -> Row:
    kinds = {"int": int, "float": float, "str": str, "bool": "True".__eq__}
    return Row(**{field.name: kinds[str(field.type)](row[field.name]) for field in fields(Row)})


def measure(job: Job) -> Iterator[Row]:
    """Yield the rows of one image."""
    scene, missing = job
    for cell in dict.fromkeys(cell for _, cell in missing):
        blurred, kernel = spoil(scene, cell)
        noise = noise_of(scene, cell, blurred)
        task = Task(blurred, kernel, cell.length, angle_of(scene, cell), noise)
        for way, other in missing:
            if other == cell:
                yield score(way, scene, cell, task)


def _work(job: Job, rows: multiprocessing.Queue) -> None:
    """Send the rows of one image as they come."""
    for row in measure(job):
        rows.put(row)


def jobs(
    data: Path, folders: list[str], count: int, there: set[tuple[str, ...]], chosen: list[Way]
) -> list[Job]:
    """Return the jobs of all missing rows, the slowest first."""
    tasks = []
    for folder in folders:
        for number, scene in enumerate(scenes(data, folder, count)):
            missing = [
                (way, cell)
                for way in chosen
                for cell in wanted(way, scene, number == 0)
                if (way.name, folder, scene.name, str(cell.length), cell.noise) not in there
            ]
            if missing:
                tasks.append((scene, missing))
    return sorted(tasks, key=lambda job: -job[0].sharp.size * len(job[1]))


def single_thread() -> None:
    """Keep every library of a worker to one thread, so that seconds mean seconds of one core."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _start(queue: multiprocessing.Queue) -> None:
    single_thread()
    _start.queue = queue  # type: ignore[attr-defined]


def _run_job(job: Job) -> None:
    _work(job, _start.queue)  # type: ignore[attr-defined]


def collect(todo: list[Job], workers: int, store: ResultStore) -> None:
    """Measure all missing rows; each is written as soon as it is finished."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    context = multiprocessing.get_context("spawn")
    queue, total = context.Queue(), sum(len(missing) for _, missing in todo)
    begun = time.perf_counter()
    with context.Pool(workers, _start, (queue,)) as pool:
        working = pool.map_async(_run_job, todo, chunksize=1)
        for done in range(1, total + 1):
            while queue.empty() and not working.ready():
                working.wait(0.2)
            if queue.empty():
                working.get()  # says what went wrong
            store.add(queue.get(timeout=60))
            if done % 50 == 0 or done == total:
                passed = time.perf_counter() - begun
                print(f"{done} of {total} rows, {passed:.0f} s", file=sys.stderr, flush=True)


def parsed() -> argparse.Namespace:
    """Return the options of the command line; what is wrong ends the process with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent / "../shared/data")
    parser.add_argument("--runs", type=Path, default=HERE.parent / "runs" / "restorers")
    parser.add_argument("--count", type=int, default=4, help="number of images of each data set")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--only", nargs="*", choices=SETS, help="data sets to run; the page is then only printed"
    )
    parser.add_argument(
        "--restorers",
        nargs="*",
        choices=[*(way.name for way in ways()), FDN, FDN_TWICE],
        help="restorers to run beside the blurred image and the oracle; their tables are printed",
    )
    parser.add_argument(
        "--fdn",
        type=Path,
        help="weights of FDN: models/sigma_0.1-12.75/stages_01-10_finetuned.hdf5 of its authors",
    )
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"{options.data} must be the folder of real images; name it with --data.")
    if options.fdn is None and {FDN, FDN_TWICE} & set(options.restorers or ()):
        sys.exit(f"{FDN} needs its published weights; name the file with --fdn.")
    if options.fdn is not None:
        _check_fdn(options.fdn)
    return options


def _check_fdn(file: Path) -> None:
    try:
        fdn.load(file)
    except UnsmearError as error:
        sys.exit(str(error))


def main() -> None:
    """Measure the missing rows and write the page."""
    options = parsed()
    every = ways(options.fdn)
    folders, store = options.only or list(SETS), ResultStore(options.runs, every)
    there = {(r.method, r.folder, r.image, str(r.length), r.noise) for r in store.rows()}
    asked = {BLURRED, ORACLE, *(options.restorers or [way.name for way in every])}
    chosen = [way for way in every if way.name in asked]
    todo = jobs(options.data, folders, options.count, there, chosen)
    if todo:
        collect(todo, options.workers, store)
    shown = {
        (folder, scene.name)
        for folder in folders
        for scene in scenes(options.data, folder, options.count)
    }
    rows = [row for row in store.rows() if (row.folder, row.image) in shown]
    if options.restorers:
        print(report.overview(Rows(rows), {}, chosen))
        print(f"\n{report.by_condition(Rows(rows), chosen)}")
        return
    costs = cost.measure(options.runs / f"cost-{key_of(every[1])}.csv", every)
    page = report.page(rows, costs, options.count, every)
    if not options.only:
        Path(__file__).with_suffix(".md").write_text(page)
        field = scenes(options.data, *picture.FIELD)[-1]
        picture.draw(HERE / "pictures" / "restorers.jpg", field, every)
    print(page)


if __name__ == "__main__":
    main()
