"""A kernel that somebody measured: beads, a simulation, another program."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.blur.kernel import Kernel, read_kernel


@dataclass(frozen=True)
class Given:
    """The kernel in a file: rows of numbers (.txt, .csv), a NumPy array or a grey image.

    path: the file; read when the kernel is asked for.
    """

    path: str

    def kernel(self) -> Kernel:
        """Return the file's kernel, summing to 1; raises KernelError for a file without one."""
        return read_kernel(self.path)
