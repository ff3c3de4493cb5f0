"""Loader of batches, prefetched by worker processes whose number does not change the samples.

There is one endless stream of samples: sample k of micro-batch n on rank r has the running number
(n * world + r) * batch + k. A running number is a place in an epoch, whose order is drawn from
(seed, epoch).
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import data as torch_data

from unsmear.errors import DataError, OptionError, UnsmearError
from unsmear.train.data.dataset import Dataset
from unsmear.train.data.rng import Stream, generator

AHEAD = 4
"""Number of batches that each worker prefetches."""


def batches(
    dataset: Dataset[Any],
    *,
    start: int = 0,
    batch: int,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    device: torch.device | str = "cpu",
) -> Generator[Any]:
    """Yield this rank's micro-batches `start`, `start` + 1, ... without end.

    workers: processes that make samples, one thread each; 0 makes them in this process. Closing the
    generator ends the workers.

    Raises the UnsmearError that a sample raised, when its micro-batch is due.
    """
    if min(start, rank, workers) < 0 or batch < 1 or rank >= world:
        raise OptionError(
            "start, rank and workers must be 0 or more, batch 1 or more and rank below world, got "
            f"start {start}, rank {rank}, workers {workers}, batch {batch} and world {world}."
        )
    return _batches(_Batches(dataset, batch), _Numbers(start, rank, world), workers, device)


def _batches(
    source: _Batches, numbers: _Numbers, workers: int, device: torch.device | str
) -> Generator[Any]:
    device = torch.device(device)
    stream = iter(_loader(source, numbers, workers, pinned=device.type == "cuda"))
    try:
        for number in numbers:
            parts = _next(stream)
            if isinstance(parts, UnsmearError):
                raise parts
            on_device = (part.to(device, non_blocking=True) for part in parts)
            yield source.make_batch(*on_device, number)
    finally:
        if workers:  # at once: a traceback may keep the iterator, and with it the processes
            with contextlib.suppress(RuntimeError):  # a worker was ended from outside
                stream._shutdown_workers()


def _next(stream: Iterator[Any]) -> Any:
    """Return the next item; raises DataError where a worker was ended from outside."""
    try:
        return next(stream)
    except (RuntimeError, OSError, EOFError) as error:
        if isinstance(error, RuntimeError) and not str(error).startswith("DataLoader worker"):
            raise
        raise DataError(
            "the worker processes that make samples must stay alive, but one was ended from "
            "outside; where memory is short, lower data.workers."
        ) from error


def _loader(source: _Batches, numbers: _Numbers, workers: int, pinned: bool) -> Any:
    """Return torch's loader, whose items are whole micro-batches, in order."""
    options: dict[str, Any] = {}
    if workers:
        options = {
            "num_workers": workers,
            "prefetch_factor": AHEAD,
            "worker_init_fn": _start_worker,
            # Never a copy of this process, whose threads may hold locks. Nor one of a server's,
            # whose processes outlive a killed training: torch's watch over their parent fails.
            "multiprocessing_context": "spawn",
        }
    return torch_data.DataLoader(
        source, batch_size=None, sampler=numbers, pin_memory=pinned, **options
    )


def _start_worker(worker: int) -> None:
    """Prepare a worker: one core only; Ctrl-C is left to the training process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"  # OpenCV reads it when it is first used
    # The thread that sends batches may be within torch: Python's own way to end would abort it.
    atexit.register(os._exit, 0)


class _Numbers(torch_data.Sampler[int]):
    """The numbers of a rank's micro-batches, without end."""

    def __init__(self, start: int, rank: int, world: int) -> None:
        self._first, self._world = start * world + rank, world

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self._first, self._world)


class _Batches(torch_data.Dataset[Any]):
    """Micro-batches by number, or the error that one of them cannot be made for."""

    def __init__(self, dataset: Dataset[Any], batch: int) -> None:
        self._dataset, self._batch = dataset, batch
        self.make_batch = dataset.make_batch

    def __getitem__(self, number: int) -> tuple[Tensor, ...] | UnsmearError:
        first = number * self._batch
        try:
            drawn = [draw(self._dataset, first + offset) for offset in range(self._batch)]
        except UnsmearError as error:
            return type(error)(str(error))  # without its traceback, which no process can send
        return stack(drawn)


def stack(drawn: Sequence[Any]) -> tuple[Tensor, ...]:
    """Return the arrays of samples of one kind, each stacked into one tensor."""
    arrays = ([getattr(sample, part.name) for sample in drawn] for part in fields(drawn[0]))
    return tuple(torch.from_numpy(np.stack(samples)) for samples in arrays)


def draw(dataset: Dataset[Any], number: int) -> Any:
    """Return the sample with a running number."""
    epoch, place = divmod(number, len(dataset))
    return dataset.draw(epoch, int(_order(dataset.seed, epoch, len(dataset))[place]))


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    return generator(seed, Stream.ORDER, epoch).permutation(length)
