"""What a batch wrote into its output folder, without its record."""

from unsmear.batches import layout


def outputs(folder):
    """Return the files and folders in an output folder, sorted; not the record of the batch.

    There is no folder where nothing was written.
    """
    written = folder.iterdir() if folder.exists() else ()
    return sorted(path for path in written if path != layout.record(folder))
