"""`unsmear weights`: weights that others published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table

from unsmear.checkpoints import checkpoint, published
from unsmear.cli.console import console

weights = App(
    name="weights",
    help="Get weights that others published.",
    suppress_keyboard_interrupt=False,
)


@weights.command
def get(
    name: str,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--from")] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Download weights, or take them from a file, and check them.

    A download that broke off is taken up again where it stopped. A file appears under its name
    only when its checksum is right; weights of MAXIM and Xception also when every array is there
    and fits. These are kept in our own layout: `unsmear restore --method NAME` finds MAXIM's, and
    `unsmear train xception --start xception` begins with Xception's, without their last layer.

    Parameters
    ----------
    name
        One of those that `unsmear weights list` shows.
    source
        A file that was got in another way; nothing is downloaded then. Of MAXIM it can be the
        authors' checkpoint.npz, a Keras copy (.h5) or our own .safetensors; of Xception a file of
        Keras (.h5) or of timm (.pth, .safetensors), or our own.
    output
        The folder for the file, instead of the one where Unsmear looks by itself.
    """
    with download_bar(name) as progress:
        path = published.get(name, source=source, output=output, progress=progress)
    print(f"{name} is in {path}.")
    if published.lookup(name).network:
        file = checkpoint.read_card(path.with_suffix(""))[1]["file"]
        print(f"{file['name']} has the SHA-256 {file['sha256']}; checked: {file['checked']}.")


@weights.command(name="list")
def list_() -> None:
    """Show what can be had, and where it is."""
    table = Table()
    for title in ("name", "what", "MB", "licence", "where"):
        table.add_column(title, justify="right" if title == "MB" else "left", overflow="fold")
    for name, entry in published.TABLE.items():
        where = published.find(name) or f"not here: unsmear weights get {name}"
        size = f"{entry.size / 1e6:.0f}" if entry.size else "not stated"
        table.add_row(name, entry.about, size, entry.licence, str(where))
    console().print(table)


@contextmanager
def download_bar(name: str) -> Iterator[published.Progress]:
    """Show a bar on stderr, which leaves no trace in a file; nothing where nothing is loaded."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    timing = (TransferSpeedColumn(), TimeRemainingColumn())
    stderr = Console(stderr=True)
    with Bar(*columns, *timing, console=stderr, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(name, visible=False, total=None)

        def progress(here: int, whole: int) -> None:
            bar.update(task, completed=here, total=whole or None, visible=True)

        yield progress
