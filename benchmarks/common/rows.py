"""Measured rows, indexed by restorer, data set, image and condition."""

from __future__ import annotations

from dataclasses import dataclass

from common.images import PAPER, SHARP, Cell
from common.methods import BLURRED

Place = tuple[str, str, Cell]
"""Key of a measurement: data set, image, condition."""


@dataclass(frozen=True)
class Row:
    """Measurements of one restorer on one blurred image.

    inner_psnr: of the image without `EDGE` pixels at each side. replaced: share of tiles that fell
    back. touched: whether anything was done. covered: share of pixels whose error is within the
    band. found_length, found_angle: of a blind one. NaN: none.
    """

    method: str
    folder: str
    image: str
    length: int
    noise: str
    angle: float
    psnr: float
    gain_psnr: float
    inner_psnr: float
    ssim: float
    seconds: float
    megapixels: float
    touched: bool
    replaced: float
    covered: float
    found_length: float
    found_angle: float

    @property
    def cell(self) -> Cell:
        """Condition: motion and camera noise of the image."""
        return Cell(self.length, self.noise)

    @property
    def place(self) -> Place:
        """Key of this row without the restorer."""
        return self.folder, self.image, self.cell


class Rows:
    """All rows of a page."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self._by_method: dict[str, dict[Place, Row]] = {}
        for row in rows:
            self._by_method.setdefault(row.method, {})[row.place] = row

    def of(self, method: str) -> list[Row]:
        """Return a restorer's rows."""
        return list(self._by_method.get(method, {}).values())

    def at(self, method: str, place: Place) -> Row:
        """Return a restorer's row at a place."""
        return self._by_method[method][place]

    def places(self, method: str) -> list[Place]:
        """Return where a restorer was measured."""
        return list(self._by_method.get(method, {}))

    def common(self, methods: list[str]) -> list[Place]:
        """Return the places with motion where all of these were measured, the paper's apart."""
        shared = set.intersection(*(set(self.places(method)) for method in methods))
        return [place for place in self.places(BLURRED) if place in shared and moved(place[2])]

    def gain(self, method: str, place: Place) -> float:
        """Return dB over the blurred image."""
        return self.at(method, place).psnr - self.at(BLURRED, place).psnr

    def inner_gain(self, method: str, place: Place) -> float:
        """Return dB over the blurred image in the inner part of both."""
        return self.at(method, place).inner_psnr - self.at(BLURRED, place).inner_psnr

    def worse(self, method: str, folder: str | None = None) -> tuple[int, int]:
        """Return how many images with motion a restorer made worse, and among how many."""
        places = [p for p in self.places(method) if moved(p[2]) and folder in (None, p[0])]
        return sum(self.gain(method, place) < 0 for place in places), len(places)


def moved(cell: Cell) -> bool:
    """Return whether a condition has linear motion."""
    return cell.noise != SHARP and cell not in PAPER
