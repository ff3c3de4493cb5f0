"""The page of `ranges.py`: its table, means over the angles, and how far each restorer reaches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ranges_cells import Cell
from ranges_maps import GAIN, LABELLED, NUCLEI, Panel, values_of
from unsmear.evaluate import BLURRED, SHARP
from unsmear.tables import Record, Table, markdown

USEFUL = 1.0
"""Gain in PSNR, dB, from which restoring counts as useful."""
REACH = f"""
The longest movement in pixels up to which the mean gain over the angles is {USEFUL:g} dB or more,
at every length from the first such one on; that first one in brackets where it is not the shortest;
*none* where there is no such length.
""".strip()


def write(cells_: Sequence[Cell], command: str, facts: str, pictures: Mapping[str, Path]) -> str:
    """Return the page. pictures: the heat maps by restorer, in a folder beside the page."""
    sharp = [cell for cell in cells_ if cell.restorer == SHARP]
    fields = max(cell.fields for cell in cells_)
    parts = [
        "# Range of lengths, angles and photons",
        f"    {command}",
        WORDS.format(
            fields="1 drawn field" if fields == 1 else f"{fields} drawn fields",
            conditions=len(sharp),
            facts=facts,
            nuclei=100 * sharp[0].nuclei,
            drawn=sharp[0].drawn_nuclei,
            labels=100 * sharp[0].labels,
            known=sharp[0].drawn_labels,
        ),
        "## How far each restorer reaches",
        REACH,
        markdown(reach(cells_)).strip(),
    ]
    for panel in (GAIN, NUCLEI, LABELLED):
        parts += [
            f"## {panel.title}: means over the angles",
            markdown(table(cells_, panel)).strip(),
        ]
    parts += ["## Images left alone, %, by the estimate", markdown(left_alone(cells_)).strip()]
    parts.append("## Heat maps")
    for name, file in pictures.items():
        link = f"{file.parent.name}/{file.name}"
        parts.append(f"![{name}: figures by length, angle and photons]({link})")
    return "\n\n".join(parts) + "\n"


def records(cells_: Iterable[Cell]) -> list[Record]:
    """Return the table of all figures, F1 and shares in %."""
    return [
        {
            "restorer": cell.restorer,
            "length, px": f"{cell.length:g}",
            "angle, degrees": f"{cell.angle:g}",
            "photons": f"{cell.photons:g}",
            "fields": cell.fields,
            "PSNR, dB": _plain(cell.psnr, 2),
            "gain, dB": _plain(cell.gain, 2),
            "nuclei F1, %": _plain(100 * cell.nuclei),
            "nuclei recovery, %": _plain(_percent(cell.nuclei_recovery)),
            "label F1, %": _plain(100 * cell.labels),
            "label recovery, %": _plain(_percent(cell.labels_recovery)),
            "left alone, %": _plain(100 * cell.untouched, 0),
        }
        for cell in cells_
    ]


def _percent(share: float | None) -> float:
    return math.nan if share is None else 100 * share


def _plain(value: float, digits: int = 1) -> str:
    return "" if math.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"


WORDS = """
{fields} of 256 x 256 pixels of 0.32 micrometres, three channels, 8 bits, the same under each of
{conditions} conditions: linear motion of so many pixels at these angles, and so many photoelectrons
at full scale. Fields are drawn larger and cut after the movement, so that light comes in from
outside. The cells are drawn; `restorers.md` has real images, of fewer lengths.

- {facts}
- *Estimated kernel*: the movement is found in the image, and an image is left alone where none is
  found. *True kernel*: the movement is given.
- *PSNR*: of all channels against the sharp image without noise. *Gain*: over the recorded image.
- *Nuclei F1*: the nuclei that are segmented in the image and those that were drawn, matched from an
  intersection over union of 0.75; the sharp images reach {nuclei:.0f} % ({drawn} nuclei).
- *Label F1*: the labels that `light-cells` predicts and those that were drawn, micro; the sharp
  images reach {labels:.0f} % ({known} labels). A single square of a map rests on these few labels:
  read rows and columns, not squares.

`range.csv` has every figure, and the recovery: F1 minus that of the recorded images, as a share of
the gap to the sharp ones. The paper's DCAE is not among the restorers: its weights are not in the
package, and it was trained for one movement only (`paper-table-5.md`).
""".strip()


def reach(cells_: Sequence[Cell]) -> Table:
    """Return from and up to which length each restorer is useful, a column a number of photons."""
    photons = values_of(cells_, "photons")
    return [
        ["restorer", *(f"{number:,.0f} photons" for number in photons)],
        *([name, *(_reach(cells_, name, number) for number in photons)] for name in _names(cells_)),
    ]


def _reach(cells_: Sequence[Cell], name: str, photons: float) -> str:
    lengths = values_of(cells_, "length")
    gains = [_mean(cells_, name, photons, length, "gain") for length in lengths]
    useful = [gain >= USEFUL for gain in gains]
    if not any(useful):
        return "none"
    first = useful.index(True)
    last = first + [*useful[first:], False].index(False) - 1
    return f"{lengths[last]:g}" + (f" (from {lengths[first]:g})" if first else "")


def table(cells_: Sequence[Cell], panel: Panel) -> Table:
    """Return means over the angles, a row a restorer and number of photons, a column a length."""
    names = [name for name in (BLURRED, *_names(cells_)) if (name, panel) != (BLURRED, GAIN)]
    return _by_length(cells_, names, panel.value, panel.scale, 2 if panel.scale == 1 else 0)


def left_alone(cells_: Sequence[Cell]) -> Table:
    """Return the share of images left alone, by photons and length; the estimate decides it."""
    blind = [name for name in _names(cells_) if name.endswith("estimated kernel")]
    return _by_length(cells_, blind[:1], "untouched", 100, 0)


def _by_length(
    cells_: Sequence[Cell], names: Sequence[str], value: str, scale: float, digits: int
) -> Table:
    lengths = values_of(cells_, "length")
    return [
        ["photons", "restorer", *(f"{length:g} px" for length in lengths)],
        *(
            [
                f"{number:,.0f}",
                name,
                *(
                    _plain(scale * _mean(cells_, name, number, length, value), digits)
                    for length in lengths
                ),
            ]
            for number in values_of(cells_, "photons")
            for name in names
        ),
    ]


def _mean(cells_: Sequence[Cell], name: str, photons: float, length: float, value: str) -> float:
    return float(
        np.mean(
            [
                getattr(cell, value)
                for cell in cells_
                if (cell.restorer, cell.photons, cell.length) == (name, photons, length)
            ]
        )
    )


def _names(cells_: Iterable[Cell]) -> list[str]:
    """Return the restorers."""
    return list(
        dict.fromkeys(cell.restorer for cell in cells_ if cell.restorer not in (SHARP, BLURRED))
    )
