"""Plates: folders as the programs of high-content microscopes leave them, one file a module."""

from unsmear.data.plates.assembly import assemble, left_out, plate_images
from unsmear.data.plates.discovery import find, recognise
from unsmear.data.plates.places import apply_place
from unsmear.data.plates.plate import Place, Plate

__all__ = [
    "Place",
    "Plate",
    "apply_place",
    "assemble",
    "find",
    "left_out",
    "plate_images",
    "recognise",
]
