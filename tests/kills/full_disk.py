"""A disk that is full from the n-th use of it on, in this process, below one folder.

Uses are: a file that is opened for writing, a folder, a new name, and each write of Python's. What
libraries in C write by themselves has another limit, `size_limit`.
"""

import builtins
import errno
import io
import os
import resource
import sys
from pathlib import Path

NEW = ("os.mkdir", "os.rename", "os.link", "os.symlink")
"""Events of Python's auditing that need room in a folder."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class FullDisk:
    """Counts uses and fails from one on. at: its number, from 1; 0 only counts."""

    def __init__(self, folder, at, report):
        self.folder, self.at, self.report = os.path.realpath(folder), at, report
        self.count = 0

    def install(self):
        sys.addaudithook(self._audit)
        real = io.open

        def opened(file, mode="r", *arguments, **options):
            if isinstance(file, int) or not set(mode) & set("wax+") or not self._is_here(file):
                return real(file, mode, *arguments, **options)
            return self._writer(file, mode, *arguments, **options)

        io.open = builtins.open = opened
        for name in ("write", "pwrite", "sendfile", "posix_fallocate"):
            setattr(os, name, self._counted(getattr(os, name)))

    def used(self):
        """Count a use; raises OSError once the disk is full."""
        self.count += 1
        if self.report is not None:
            self.report(self.count)
        if self.at and self.count >= self.at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _is_here(self, path):
        try:
            return os.path.abspath(os.fsdecode(path)).startswith(self.folder)
        except (TypeError, ValueError):
            return False

    def _audit(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING and self._is_here(path):
                self.used()
        elif event in NEW and self._is_here(arguments[1] if event != "os.mkdir" else arguments[0]):
            self.used()

    def _counted(self, function):
        def counted(file, *arguments):
            if self._is_here(_name_of(file)):
                self.used()
            return function(file, *arguments)

        return counted

    def _writer(self, file, mode, buffering=-1, encoding=None, errors=None, newline=None, **_):
        """Return a file object, as `open` does, whose writes are counted."""
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), self)
        if buffering == 0:
            return raw
        buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)


class _Raw(io.FileIO):
    def __init__(self, file, mode, disk):
        super().__init__(file, mode)
        self.disk = disk

    def write(self, data):
        self.disk.used()
        return super().write(data)


def _name_of(file):
    try:
        return os.readlink(f"/proc/self/fd/{file}")
    except OSError:
        return ""


def size_limit(size):
    """Return a function that lets no file of its process grow beyond a size, bytes."""

    def install():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return install


def filling(folder, at, counted):
    """Return a function that fills the disk at a use. counted: a file that is told their number."""

    def install():
        file = os.open(counted, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        write = os.pwrite  # before it is counted
        FullDisk(folder, at, lambda count: write(file, str(count).encode(), 0)).install()

    return install


def count_of(counted):
    """Return how many uses there were."""
    path = Path(counted)
    return int(path.read_text() or 0) if path.exists() else 0
