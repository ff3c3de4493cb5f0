"""Images that are too large for memory: read by windows, written block by block.

docs/design/slides.md.
"""

from unsmear.images.slides.leases import (
    UNFINISHED,
    abandon,
    given_back,
    is_beside,
    note_beside,
    result_of,
)
from unsmear.images.slides.plan import stamp_of as stamp
from unsmear.images.slides.plan import stamp_of_folder
from unsmear.images.slides.sink import Sink
from unsmear.images.slides.slide import LARGE, ReadWholeError, Slide, block_of, header, is_slide
from unsmear.images.slides.slide import open_slide as open  # noqa: A004

__all__ = [
    "LARGE",
    "UNFINISHED",
    "ReadWholeError",
    "Sink",
    "Slide",
    "abandon",
    "block_of",
    "given_back",
    "header",
    "is_beside",
    "is_slide",
    "note_beside",
    "open",
    "result_of",
    "stamp",
    "stamp_of_folder",
]
