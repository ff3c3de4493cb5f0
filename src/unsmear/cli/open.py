"""Command `unsmear open`: the local page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.cli.options.parameters import DryRun, MaybeOutputPath
from unsmear.errors import OptionError


def open(  # noqa: A001 -- the command's name
    folder: Annotated[Path | None, Parameter(name="FOLDER")] = None,
    /,
    *,
    output: MaybeOutputPath = None,
    axes: str | None = None,
    port: int = 0,
    browser: bool = True,
    dry_run: DryRun = False,
) -> int:
    """Look at images and restore them in a browser, on this computer.

    The page shows the images of a folder, and those that are dropped on it, with what moved in
    them; restores one, all or a plate; and compares the results with what was recorded. Nothing
    leaves this computer. Ctrl-C closes it.

    Parameters
    ----------
    folder
        A folder of images, an image or a zip file.
    output
        Folder of the results [default: FOLDER-restored, beside the folder]. Results of images that
        were dropped on the page are downloaded.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    port
        Port of the page on this computer; 0 for a free one.
    browser
        Open the browser; without it the address is only printed.
    """
    if not 0 <= port <= 65535:
        raise OptionError(f"--port must be 0 to 65535, got {port}.")
    if output is not None and folder is None:
        raise OptionError("--output must come with a FOLDER.")
    from unsmear.cli.jobs.open import run

    return run(folder, output, axes, port, browser, dry_run)
