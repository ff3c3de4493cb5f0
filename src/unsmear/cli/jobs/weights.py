"""Jobs of `unsmear weights`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from unsmear.checkpoints import checkpoint, published
from unsmear.cli.console import say, show_table


def download(name: str, source: Path | None, output: Path | None) -> None:
    """Download weights, or take them from a file, and check them."""
    with download_bar(name) as progress:
        path = published.get(name, source=source, output=output, progress=progress)
    say(f"{name} is in {path}.", name=name, file=path)
    if published.lookup(name).network:
        file = checkpoint.read_card(path.with_suffix(""))[1]["file"]
        say(f"{file['name']} has the SHA-256 {file['sha256']}; checked: {file['checked']}.", **file)


def show_all() -> None:
    """Print the available weights and where they are."""
    cells = [["name", "what", "MB", "licence", "where"]]
    for name, entry in published.TABLE.items():
        where = published.find(name) or f"not here: unsmear weights get {name}"
        size = f"{entry.size / 1e6:.0f}" if entry.size else "not stated"
        cells.append([name, entry.about, size, entry.licence, str(where)])
    show_table("Published weights", cells, words=(0, 1, 3, 4))


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
