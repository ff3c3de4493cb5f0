"""Formats of images that are not read: their names, and what to do."""

from __future__ import annotations

from pathlib import PurePath

EXPORT = "export it as OME-TIFF"
CONVERT = "save it as TIFF or PNG"
FRAMES = "export its frames as TIFF"
BY_ENDING = {
    ".vsi": ("an Olympus VSI slide", EXPORT), ".oir": ("an Olympus OIR file", EXPORT),
    ".poir": ("an Olympus POIR file", EXPORT), ".mrxs": ("a 3DHISTECH slide", EXPORT),
    ".zvi": ("a Zeiss ZVI file", EXPORT), ".lei": ("a Leica LEI file", EXPORT),
    ".lof": ("a Leica LOF file", EXPORT), ".xlef": ("a Leica project", EXPORT),
    ".xlif": ("a Leica XLIF file", EXPORT), ".mvd2": ("a Volocity library", EXPORT),
    ".sld": ("a SlideBook file", EXPORT), ".sldy": ("a SlideBook file", EXPORT),
    ".ims": ("an Imaris file", EXPORT), ".h5": ("an HDF5 file", EXPORT),
    ".hdf5": ("an HDF5 file", EXPORT), ".dm3": ("a Gatan file", EXPORT),
    ".dm4": ("a Gatan file", EXPORT), ".mrc": ("an MRC file", EXPORT),
    ".nrrd": ("an NRRD file", EXPORT), ".nhdr": ("an NRRD file", EXPORT),
    ".nii": ("a NIfTI file", EXPORT), ".dcm": ("a DICOM file", EXPORT),
    ".fits": ("a FITS file", EXPORT), ".klb": ("a KLB file", EXPORT),
    ".flex": ("an Opera FLEX file", EXPORT), ".ics": ("an ICS file", EXPORT),
    ".ids": ("an ICS file", EXPORT), ".c01": ("a Cellomics file", EXPORT),
    ".dib": ("a Cellomics file", EXPORT), ".dv": ("a DeltaVision file", EXPORT),
    ".r3d": ("a DeltaVision file", EXPORT), ".pic": ("a Bio-Rad file", EXPORT),
    ".ozx": ("a zipped OME-Zarr", "unpack it"),
    ".mat": ("a MATLAB file", CONVERT), ".npz": ("an archive of NumPy arrays", "save each as .npy"),
    ".gif": ("a GIF", CONVERT), ".bmp": ("a BMP", CONVERT), ".webp": ("a WebP", CONVERT),
    ".jp2": ("a JPEG 2000", CONVERT), ".j2k": ("a JPEG 2000", CONVERT),
    ".jxl": ("a JPEG XL", CONVERT), ".jxr": ("a JPEG XR", CONVERT), ".heic": ("a HEIC", CONVERT),
    ".avif": ("an AVIF", CONVERT), ".pgm": ("a PGM", CONVERT), ".ppm": ("a PPM", CONVERT),
    ".exr": ("an OpenEXR file", CONVERT), ".dng": ("a raw photograph", CONVERT),
    ".cr2": ("a raw photograph", CONVERT), ".nef": ("a raw photograph", CONVERT),
    ".avi": ("a film", FRAMES), ".mp4": ("a film", FRAMES),
    ".mov": ("a film", FRAMES), ".mkv": ("a film", FRAMES),
}  # fmt: skip
"""Name of a format and what to do, by the ending of its files."""
BY_MAGIC = {
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", EXPORT), b"GIF8": ("a GIF", CONVERT),
    b"BM": ("a BMP", CONVERT), b"\0\0\0\x0cjP  ": ("a JPEG 2000", CONVERT),
    b"\x93NUMPY": ("a NumPy file", ""), b"MATLAB 5.0": ("a MATLAB file", CONVERT),
    b"PK\x03\x04": ("a zip file", "unpack it"),
    b"SIMPLE  =": ("a FITS file", EXPORT), b"NRRD": ("an NRRD file", EXPORT),
}  # fmt: skip
"""The same by the first bytes."""
WITHOUT_IMAGE = (
    "txt csv tsv xml json jsonl html htm pdf md rst log xls xlsx ods doc docx odt ppt pptx "
    "py ipynb r m ijm toml yaml yml ini cfg conf ome htd mes mlf mrf wpi wpp xdce jdce roi "
    "sh bat zip gz tar tgz 7z rar md5 sha256 sum db sqlite safetensors onnx pt pth parquet "
    "geojson lut css js svg eps ps tex bib lnk url index idx prj settings bak tmp part"
)
OTHER = frozenset(f".{ending}" for ending in WITHOUT_IMAGE.split())
"""Endings of files that hold no image."""


def described(name: str, head: bytes = b"") -> tuple[str, str] | None:
    """Return (the format's name, what to do) of a file that cannot be read; None if unknown.

    head: its first bytes.
    """
    ending = PurePath(name).suffix.lower()
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    return next((known for magic, known in BY_MAGIC.items() if head.startswith(magic)), None)


def sentence(name: str, head: bytes = b"") -> str:
    """Return what a format is and what to do, as the end of a sentence, or "" if unknown."""
    known = described(name, head)
    if known is None:
        return ""
    title, advice = known
    return f"{title}, which cannot be read" + (f"; {advice}" if advice else "")
