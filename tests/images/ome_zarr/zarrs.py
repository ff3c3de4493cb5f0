"""OME-Zarrs as other programs write them, small."""

import numpy as np
import zarr


def counts(*shape, dtype="u2"):
    return np.random.default_rng(0).integers(0, 4000, shape).astype(dtype)


def axes_of(letters, unit="micrometer"):
    kinds = {"T": "time", "C": "channel"}
    return [
        {"name": letter.lower(), "type": kinds.get(letter, "space")}
        | ({"unit": unit} if letter in "ZYX" and unit else {})
        for letter in letters
    ]


def make(path, version="0.4", axes="CYX", shape=(2, 96, 128), unit="micrometer", **options):
    """Write an OME-Zarr as other programs do, with two levels, a table and metadata of its own."""
    pixels = counts(*shape)
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    names = ["s0", "scale1/image"]
    for name, step in zip(names, (1, 2), strict=True):
        level = pixels[..., ::step, ::step]
        made = group.create_array(
            name, shape=level.shape, dtype=level.dtype,
            chunks=tuple(min(n, 32) for n in level.shape), **options,
        )  # fmt: skip
        made[...] = level
    datasets = [
        {"path": name, "coordinateTransformations": [
            {"type": "scale", "scale": [1.0] * (len(axes) - 2) + [0.25 * step] * 2}]}
        for name, step in zip(names, (1, 2), strict=True)
    ]  # fmt: skip
    multiscale = {"name": "cells", "axes": axes_of(axes, unit), "datasets": datasets}
    window = {"min": 0, "max": 65535, "start": 0, "end": 4000}
    channels = [
        {"label": name, "color": "00FF00", "window": window, "active": True}
        for name in ("DAPI", "GFP")
    ]
    said = {"multiscales": [multiscale], "omero": {"channels": channels}}
    if version == "0.4":
        multiscale["version"] = "0.4"
        group.attrs.update({**said, "microscope": {"lens": 40}})
    else:
        group.attrs.update({"ome": {"version": "0.5", **said}, "microscope": {"lens": 40}})
    tables = group.create_group("tables")
    tables.create_array("nuclei", shape=(4, 4), dtype="u1")[...] = 3
    return pixels


def make_plate(path, version="0.4"):
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    plate = {"name": "p", "rows": [{"name": "A"}], "columns": [{"name": "1"}, {"name": "2"}],
             "wells": [{"path": f"A/{c}", "rowIndex": 0, "columnIndex": c - 1} for c in (1, 2)],
             "field_count": 2}  # fmt: skip
    well = {"images": [{"path": "0"}, {"path": "1"}]}
    if version == "0.4":
        plate["version"], well["version"] = "0.4", "0.4"
    wrap = (
        (lambda said: said) if version == "0.4" else lambda said: {"ome": {"version": "0.5"} | said}
    )
    group.attrs.update(wrap({"plate": plate}))
    row = group.create_group("A")
    for column in "12":
        row.create_group(column).attrs.update(wrap({"well": well}))
        for field in "01":
            make(path / "A" / column / field, version)
