"""Simulated slide scanner: a camera above a moving stage, with the sharp truth beside each frame.

The stage moves along the rows of the frames, strip after strip, every other strip backwards. The
camera is triggered by the stage's encoder, so frames are recorded at even distances; where the
stage truly was, and how it moved during the exposure, is in the tables that are written.
"""

from unsmear.synthetic.scan.plan import Exposure, Grid, Scan, Stage, Tdi
from unsmear.synthetic.scan.specimen import Drawn, Given, Specimen, given
from unsmear.synthetic.scan.writing import check_folder, write_frame, write_tables

__all__ = [
    "Drawn",
    "Exposure",
    "Given",
    "Grid",
    "Scan",
    "Specimen",
    "Stage",
    "Tdi",
    "check_folder",
    "given",
    "write_frame",
    "write_tables",
]
