"""Synthetic fields of cells that look like those of the Human Protein Atlas.

Everything is drawn from the generator that is passed in; nothing is downloaded, learned or copied
from real images. Lengths are micrometres, so that a field looks alike at any pixel size.
"""

from unsmear.errors import MissingExtra

try:
    import cv2  # noqa: F401 -- what draws needs it
except ImportError as error:
    raise MissingExtra("Synthetic cells need OpenCV: pip install 'unsmear[synth]'.") from error

from unsmear.synthetic.export import Plan, write_field, write_table
from unsmear.synthetic.field import Field, draw_field
from unsmear.synthetic.label_frequencies import draw_labels

__all__ = ["Field", "Plan", "draw_field", "draw_labels", "write_field", "write_table"]
