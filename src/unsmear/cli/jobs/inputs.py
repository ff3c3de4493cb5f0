"""Images that a command is to process: those of its inputs, without what it wrote itself."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.paths import check_folder, resolved
from unsmear.data import source
from unsmear.data.source import Survey
from unsmear.errors import OptionError
from unsmear.images import ome_zarr


def find_inputs(options: BatchOptions, output: Path) -> Survey:
    """Return the images to be processed, without those that an earlier run wrote to `output`.

    Raises OptionError where the inputs lie in the output folder: results would overwrite them, and
    where that lies in a Zarr of the inputs.
    """
    folder = resolved(check_folder(output))
    # A link to itself is an input that cannot be read, and the others are.
    paths = [Path(source.place_of_text(argument)) for argument in options.inputs if argument]
    for argument, path in zip(filter(None, options.inputs), paths, strict=True):
        if folder == path or (folder == path.parent and not path.is_dir()):
            raise OptionError(
                f"the output must be another folder than the input's, got {output} for {argument}."
            )
    survey = source.survey(options.inputs, axes=options.axes, labels=False)
    _check_outside(folder, survey)
    if any(folder.is_relative_to(path) for path in paths):
        return survey.without(folder)
    return survey


def _check_outside(folder: Path, survey: Survey) -> None:
    """Raise OptionError for an output folder in a Zarr of the inputs, which would grow by it."""
    zarrs = [path for path in (folder, *folder.parents) if ome_zarr.is_zarr(path)]
    for item in survey.items if zarrs else ():
        for file in item.files:
            if isinstance(file, Path) and any(map(resolved(file).is_relative_to, zarrs)):
                raise OptionError(
                    f"the output must be a folder outside of the inputs' Zarrs, got {folder}."
                )
