"""Frames through shared memory: a ring that one process writes and another reads."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear import processes
from unsmear.errors import ImageError, OptionError
from unsmear.images import Image
from unsmear.images.timing import Timing
from unsmear.streaming.frame import Frame

MAGIC = 0x554E534D45415231
"""First number of a ring's memory."""
HEADER = np.dtype(
    [
        ("magic", "u8"), ("slots", "u8"), ("height", "u8"), ("width", "u8"), ("dtype", "S8"),
        ("pixel_size", "f8"), ("exposure", "f8"), ("producer", "i8"), ("consumer", "i8"),
        ("written", "u8"), ("read", "u8"), ("ended", "u8"),
    ]
)  # fmt: skip
SLOT = np.dtype([("number", "i8"), ("y", "f8"), ("x", "f8"), ("time", "f8"), ("sum", "u8")])
DTYPES = ("uint8", "uint16", "float32")
PAUSE = 0.0005
"""Seconds between two looks at the other side."""
LIVES = 0.25
"""Seconds between two looks whether the process of the other side lives."""
TORN = 1.0
"""Seconds after which a frame whose checksum is wrong counts as damaged."""
_MADE: set[str] = set()
"""Names of the rings of this process, whose memory it frees."""


class FrameRing:
    """A ring of frames in shared memory, from one process to another on the same machine.

    The process that has the camera creates it and puts frames in; the other one attaches to it by
    its name and iterates. Nothing is overwritten: where the ring is full, `put` waits.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> with unsmear.FrameRing.create((64, 64), np.uint16) as ring:
    ...     ring.put(np.full((64, 64), 9))
    ...     ring.end()
    ...     [frame.name for frame in ring]
    True
    ['frame-000000']
    """

    def __init__(self, memory: SharedMemory, owner: bool) -> None:
        """Wrap a ring's memory; `create` and `attach` make one."""
        self._memory, self._owner = memory, owner
        self._header: Any = np.ndarray((1,), HEADER, memory.buf)
        head = self._header[0]
        slots, shape = int(head["slots"]), (int(head["height"]), int(head["width"]))
        start = HEADER.itemsize
        self._slots: Any = np.ndarray((slots,), SLOT, memory.buf, start)
        start = -(-(start + slots * SLOT.itemsize) // 64) * 64
        dtype = np.dtype(head["dtype"].decode())
        self._pixels: Any = np.ndarray((slots, *shape), dtype, memory.buf, start)

    @classmethod
    def create(
        cls,
        shape: tuple[int, int],
        dtype: DTypeLike,
        *,
        slots: int = 8,
        name: str | None = None,
        pixel_size: float = 0.0,
        exposure: float = 0.0,
    ) -> FrameRing:
        """Return a new ring for frames (y, x) of 8 or 16 bits or float32.

        name: by which the other process attaches; None makes one. pixel_size: micrometres, and
        exposure: seconds, of all frames; 0 where they are not known.

        Raises OptionError for a size or a dtype that frames cannot have, and a name that is taken.
        """
        kind = np.dtype(dtype)
        if kind.name not in DTYPES or min(shape) < 1 or slots < 1:
            raise OptionError(
                f"a ring must be of one or more frames of {', '.join(DTYPES)}, got {slots} of "
                f"{shape[0]}x{shape[1]} {kind}."
            )
        head = -(-(HEADER.itemsize + slots * SLOT.itemsize) // 64) * 64
        size = head + slots * shape[0] * shape[1] * kind.itemsize
        try:
            memory = SharedMemory(name, create=True, size=size)
        except FileExistsError as error:
            raise OptionError(f"{name}: there is a ring of this name already.") from error
        except OSError as error:
            raise OptionError(f"a ring of {size} bytes cannot be made ({error}).") from error
        _MADE.add(memory.name)
        header: Any = np.ndarray((1,), HEADER, memory.buf)
        header[0] = (
            0, slots, *shape, kind.name.encode(), pixel_size, exposure, os.getpid(), 0, 0, 0, 0,
        )  # fmt: skip
        header[0]["magic"] = MAGIC  # last: now the rest can be read
        del header
        return cls(memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> FrameRing:
        """Return the ring of another process.

        Raises OptionError where there is none of this name.
        """
        try:
            memory = _attached(name)
        except (FileNotFoundError, ValueError, OSError) as error:
            raise OptionError(f"{name}: there is no ring of this name in shared memory.") from error
        if memory.size < HEADER.itemsize or _magic(memory) != MAGIC:
            memory.close()
            raise OptionError(f"{name}: shared memory must hold a ring of frames, got other data.")
        return cls(memory, owner=False)

    @property
    def name(self) -> str:
        """The name by which another process attaches."""
        return self._memory.name

    @property
    def waiting(self) -> int:
        """The number of frames that wait to be taken."""
        return int(self._header[0]["written"]) - int(self._header[0]["read"])

    def put(
        self,
        pixels: NDArray[Any],
        *,
        number: int | None = None,
        place: tuple[float, float] | None = None,
        timeout: float | None = None,
    ) -> bool:
        """Put in a frame; return whether there was room for it.

        number: its place in the order; None counts from 0. place: (y, x) of the stage,
        micrometres. timeout: seconds that are waited for room; None waits as long as it takes.

        Raises ImageError for another shape, OptionError where the process that reads has ended.
        """
        head, slots = self._header[0], len(self._slots)
        if pixels.shape != self._pixels.shape[1:]:
            raise ImageError(
                f"a frame must be {'x'.join(map(str, self._pixels.shape[1:]))} pixels in this "
                f"ring, got {'x'.join(map(str, pixels.shape))}."
            )
        began = time.monotonic()
        while self.waiting >= slots:
            if timeout is not None and time.monotonic() - began >= timeout:
                return False
            self._check_other("consumer", "reads", began)
            time.sleep(PAUSE)
        written = int(head["written"])
        slot = written % slots
        self._pixels[slot] = pixels
        y, x = (np.nan, np.nan) if place is None else place
        checksum = zlib.crc32(self._pixels[slot])
        number = written if number is None else number
        self._slots[slot] = (number, y, x, time.monotonic(), checksum)
        head["written"] = written + 1
        return True

    def end(self) -> None:
        """Say that no more frames come."""
        self._header[0]["ended"] = 1

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames as they come; the one that reads is this process.

        Raises OptionError where the process that writes has ended without saying so.
        """
        head = self._header[0]
        head["consumer"] = os.getpid()
        began = time.monotonic()
        while True:
            if self.waiting:
                yield self._take()
                continue
            if head["ended"] and not self.waiting:
                return
            self._check_other("producer", "writes", began)
            time.sleep(PAUSE)

    def close(self) -> None:
        """Let go of the memory; who has created the ring frees it."""
        self._header = self._slots = self._pixels = None
        with suppress(BufferError):  # a frame is being read
            self._memory.close()
        if self._owner:
            _MADE.discard(self._memory.name)
            self._memory.unlink()

    def __enter__(self) -> FrameRing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self) -> Frame:
        """Return the next frame, and let its place be written again."""
        head = self._header[0]
        slot = int(head["read"]) % len(self._slots)
        began = time.monotonic()
        while True:
            said, pixels = self._slots[slot].copy(), self._pixels[slot].copy()
            whole = zlib.crc32(pixels) == int(said["sum"])
            if whole or time.monotonic() - began > TORN:
                break
            time.sleep(PAUSE)
        head["read"] = int(head["read"]) + 1
        number = int(said["number"])
        name, arrived = f"frame-{number:06d}", float(said["time"])
        if not whole:
            problem = f"{name}: its checksum is wrong; it was damaged in shared memory."
            return Frame(name, None, number, arrived, problem=problem)
        return Frame(name, self._image(pixels, name, said), number, arrived)

    def _image(self, pixels: NDArray[Any], name: str, said: Any) -> Image:
        size, exposure = (float(self._header[0][key]) for key in ("pixel_size", "exposure"))
        y, x = float(said["y"]), float(said["x"])
        timing = Timing((exposure,) if exposure else (), place=None if np.isnan(y + x) else (y, x))
        return Image(
            pixels, "YX", pixel_size=(size, size) if size else None, name=name, timing=timing
        )

    def _check_other(self, side: str, does: str, began: float) -> None:
        """Raise OptionError where the process of the other side has ended."""
        other = int(self._header[0][side])
        looked = int((time.monotonic() - began) / LIVES)
        if other and looked != getattr(self, "_looks", -1):
            self._looks = looked
            if not processes.may_live(other):
                raise OptionError(
                    f"{self.name}: the process that {does} this ring has ended (number {other})."
                )


def _magic(memory: SharedMemory) -> int:
    return int(np.ndarray((1,), np.uint64, memory.buf)[0])


def _attached(name: str) -> SharedMemory:
    """Return shared memory that another process frees.

    Before Python 3.13 a process frees at its end what it has merely attached to.
    """
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    memory = SharedMemory(name)
    if memory.name not in _MADE and multiprocessing.parent_process() is None:
        resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]
    return memory
