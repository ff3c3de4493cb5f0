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
from unsmear.cli.jobs.announcement import announce_all


def announce(name: str, source: Path | None, output: Path | None) -> int:
    """Say what would be downloaded or taken from a file; return the exit code."""
    path, is_stored = published.check(name, source, output)
    if is_stored:
        return 0 if say(f"{name} is in {path} already: nothing would be done.", file=path) else 1
    entry = published.lookup(name)
    size = "" if source is not None or not entry.size else f", {entry.size / 1e6:.0f} MB"
    say(f"{name}: {entry.about}{size}; licence {entry.licence}.", name=name, licence=entry.licence)
    return announce_all("files", [entry.url if source is None else str(source)], [path])


def download(name: str, source: Path | None, output: Path | None) -> int:
    """Download weights, or take them from a file, and check them; return the exit code."""
    with download_bar(name) as progress:
        path = published.get(name, source=source, output=output, progress=progress)
    say(f"{name} is in {path}.", name=name, file=path)
    if published.lookup(name).network:
        file = checkpoint.read_card(path.with_suffix(""))[1]["file"]
        say(f"{file['name']} has the SHA-256 {file['sha256']}; checked: {file['checked']}.", **file)
    return 0


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
