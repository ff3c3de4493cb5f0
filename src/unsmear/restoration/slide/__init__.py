"""Restoration of slides: images too large for memory, read and written block by block.

What belongs to a whole plane (its movement, noise, background and flux) is measured once, on
windows of it; then every block is restored by what was measured, whatever the memory and however
many processes there are. docs/design/slides.md.
"""

from unsmear.restoration.slide import band
from unsmear.restoration.slide.files import key_of, open_sink, restore_slide
from unsmear.restoration.slide.run import Progress, RestoredSlide, estimate, leave, restore

__all__ = [
    "Progress",
    "RestoredSlide",
    "band",
    "estimate",
    "key_of",
    "leave",
    "open_sink",
    "restore",
    "restore_slide",
]
