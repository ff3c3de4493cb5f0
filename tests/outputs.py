"""What a batch wrote into its output folder, without its record."""

from unsmear.batches import layout


def outputs(folder):
    """Return the files and folders in an output folder, sorted; not the record of the batch."""
    return sorted(path for path in folder.iterdir() if path != layout.record(folder))
