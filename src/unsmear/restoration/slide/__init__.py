"""Restoration of slides: images too large for memory, read and written block by block.

What belongs to a whole plane (its movement, noise, background and light) is measured once, on
windows of it; then every block is restored by what was measured, whatever the memory and however
many processes there are. docs/design/slides.md.
"""

from unsmear.restoration.slide.run import Progress, RestoredSlide, leave, restore

__all__ = ["Progress", "RestoredSlide", "leave", "restore"]
