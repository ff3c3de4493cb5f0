"""Lines of an image put back where they belong: what can be done about line jitter."""

from __future__ import annotations

from unsmear.estimate import line_jitter
from unsmear.images import Image
from unsmear.images.scaling import cast


def straighten_lines(image: Image) -> Image:
    """Put lines back that are displaced against each other, where that is sure.

    A line camera above a stage that vibrates, or a laser scanner, can record each line at another
    place along itself (line jitter). No kernel describes that, and `restore` leaves such an image
    alone. Here each line is registered against its neighbours, to a fraction of a pixel, and moved
    back. Lines that tell little are moved little, and a plane is changed only where both halves of
    its lines tell the same, one after another. What lies between the lines, such as an uneven
    distance from one to the next, is not corrected.

    Parameters
    ----------
    image
        An image of any axes; it is not changed.

    Returns
    -------
    Image
        The image with straight lines, of the same dtype; the image itself where none of its planes
        surely has line jitter.

    Raises
    ------
    MemoryError
        For planes that are too large for the memory: they are worked on as a whole.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> image = unsmear.Image(np.zeros((100, 100), np.uint8), "YX")
    >>> unsmear.straighten_lines(image) is image
    True
    """
    planes = image.planes()
    changed = None
    for batch in range(planes.shape[0]):
        for channel in range(planes.shape[1]):
            jitter = line_jitter.find(planes[batch, channel])
            if jitter is not None:
                changed = planes.copy() if changed is None else changed
                straight = line_jitter.straightened(planes[batch, channel], jitter)
                changed[batch, channel] = cast(straight, planes.dtype)
    return image if changed is None else image.with_planes(changed)
