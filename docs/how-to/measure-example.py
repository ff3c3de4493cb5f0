"""A measure of one's own: `unsmear recovery PAIRS -o OUT --measure measure-example.py`."""

import numpy as np


def measure(image):
    """Return how much brighter the protein's brightest pixels are than its middle, in each cell."""
    protein = image.planes[image.channels.index("green")]  # (y, x), 0 black to 1 white
    found = []
    for number in range(1, image.cells.max() + 1):  # the cells of the sharp image
        low, high = np.percentile(protein[image.cells == number], [50, 99])
        found.append(high / low if low > 0 else np.nan)  # NaN: nothing to measure
    return {"peak over median, green": found, "brightest, green": protein.max()}
