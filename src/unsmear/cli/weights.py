"""Command `unsmear weights`: download of published weights."""

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
    help="Download published weights of other authors.",
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

    An interrupted download is resumed. A file gets its final name only if its checksum is right;
    for MAXIM and Xception also every array must be present and have the right shape. These are
    converted to the format of Unsmear: use MAXIM with `unsmear restore --method NAME`, and Xception
    as pretrained weights, without its last layer, with `unsmear train xception --start xception`.

    Parameters
    ----------
    name
        Name of the weights; `unsmear weights list` shows all names.
    source
        Local file to use instead of a download. For MAXIM: the authors' checkpoint.npz, a Keras
        copy (.h5) or Unsmear's .safetensors. For Xception: a file of Keras (.h5) or of timm (.pth,
        .safetensors), or Unsmear's .safetensors.
    output
        Output folder [default: the folder in which Unsmear looks for weights].
    """
    with download_bar(name) as progress:
        path = published.get(name, source=source, output=output, progress=progress)
    print(f"{name} is in {path}.")
    if published.lookup(name).network:
        file = checkpoint.read_card(path.with_suffix(""))[1]["file"]
        print(f"{file['name']} has the SHA-256 {file['sha256']}; checked: {file['checked']}.")


@weights.command(name="list")
def list_() -> None:
    """List the available weights and where they are."""
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
    """Show a progress bar on stderr if it is a terminal and something is downloaded."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    timing = (TransferSpeedColumn(), TimeRemainingColumn())
    stderr = Console(stderr=True)
    with Bar(*columns, *timing, console=stderr, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(name, visible=False, total=None)

        def progress(here: int, whole: int) -> None:
            bar.update(task, completed=here, total=whole or None, visible=True)

        yield progress
