"""The straight movement that explains a spectrum best, and how well none at all does.

Likely movements, from the pattern of the log spectrum in polar coordinates.

In polar coordinates another angle is a shift, so that all angles are tried by one transform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from unsmear.estimate import likelihood
from unsmear.estimate.likelihood import SHARE, STRAIGHT
from unsmear.estimate.spectrum import Array, Spectrum

COARSE = 12
"""One frequency of so many takes part when candidates are compared."""
FINE = 3
"""And when the best is refined: a taper leaves about a quarter of them independent."""
QUICK = 6
"""Steps of a fit that is only compared."""
NEARLY = 60.0
"""Of the coarse loss; a fit that is so much worse is not refined."""
UNCLEAR = 150.0
"""Evidence below which a movement's texture is fitted to the end too, as the others' are."""
PLENTY = 1000.0
"""Evidence beyond which more makes no one surer."""


@dataclass(frozen=True)
class Search:
    """What a search found, each with its texture.

    best: the best movement. still: no movement at all. smooth: a Gaussian instead of the best.
    problem: the frequencies that all were fitted to. looks: of the spectrum that was searched.
    """

    best: likelihood.Fit
    still: likelihood.Fit
    smooth: likelihood.Fit
    problem: likelihood.Problem
    looks: float


def search(spectrum: Spectrum, guesses: list[tuple[float, float]], widely: bool) -> Search:
    """Return the best movement: guesses compared, and the best refined, by likelihood.

    guesses: (length, angle), pixels and degrees. widely: whether all movements are looked through
    for more of them.
    """
    coarse, fine = likelihood.Problem(spectrum, COARSE), likelihood.Problem(spectrum, FINE)
    longest = min(spectrum.window) / SHARE
    family = STRAIGHT.up_to(longest)
    if widely:
        guesses = guesses + find(spectrum)
    tried = [likelihood.fit(coarse, family, guess, steps=QUICK) for guess in guesses]
    length, angle = min(tried, key=lambda one: one.loss).values
    if widely and 2 * length < longest:
        # The bands of a movement are every other band of one twice as long.
        tried.append(likelihood.fit(coarse, family, (2 * length, angle), steps=QUICK))
    starts = _likeliest(tried)
    fits = [likelihood.fit(fine, family, start.values, start.texture) for start in starts]
    best = min(fits, key=lambda one: one.loss)
    enough = best.loss + PLENTY * (1 + spectrum.looks)
    first = likelihood.fit_still(coarse, steps=QUICK).texture
    still = likelihood.fit_still(fine, first, enough=enough)
    smooth = likelihood.fit_smooth(fine, best, enough)
    if min(still.loss, smooth.loss) < best.loss + UNCLEAR * (1 + spectrum.looks):
        best = likelihood.fit(fine, family, best.values, best.texture, restless=True)
    return Search(best, still, smooth, fine, spectrum.looks)


def _likeliest(tried: list[likelihood.Fit]) -> list[likelihood.Fit]:
    """Return the best and the best of those that are other movements and nearly as good."""
    first, *others = sorted(tried, key=lambda one: one.loss)
    others = [one for one in others if one.loss < first.loss + NEARLY and not _alike(one, first)]
    return [first, *others[:1]]


def _alike(one: likelihood.Fit, other: likelihood.Fit) -> bool:
    turn = abs((one.values[1] - other.values[1] + 90) % 180 - 90)
    return abs(one.values[0] - other.values[0]) < 0.15 * other.values[0] and turn < 10


ANGLES = 180
"""Steps of one degree over half a turn; the spectrum of a real image has no more."""
SHORTEST = 2.5
LONGEST = 48.0
STEP = 1.06


def lengths(window: tuple[int, int]) -> Array:
    """Return the lengths to try, pixels: up to a fifth of the window."""
    longest = min(LONGEST, min(window) / 4)
    count = int(np.log(longest / SHORTEST) / np.log(STEP)) + 1
    return np.asarray(SHORTEST * STEP ** np.arange(count))


def find(spectrum: Spectrum, count: int = 4) -> list[tuple[float, float]]:
    """Return up to `count` (length, angle) in pixels and degrees, for each of two scores."""
    radii = np.arange(max(3, 0.012 * spectrum.side), spectrum.side / 2) / spectrum.side
    tried = lengths(spectrum.window)
    found: list[tuple[float, float]] = []
    polar = [_polar(power, radii) for power in spectrum.whole()]
    for lowest in (1, 2):
        score = _score(polar, radii, tried, lowest)
        found += _peaks(score, tried, count)
    return found


def _polar(full: Array, radii: Array) -> Array:
    """Return (radius, angle): the power on rings, angles clockwise in rows that grow downwards."""
    side = len(full)
    smooth = ndimage.gaussian_filter(full, 1.0 if side == 256 else 0.7, mode="wrap")
    angles = np.deg2rad(np.arange(ANGLES))
    rows = -radii[:, None] * np.sin(angles) * side
    columns = radii[:, None] * np.cos(angles) * side
    return np.asarray(ndimage.map_coordinates(smooth, [rows, columns], order=1, mode="grid-wrap"))


def _score(polar: list[Array], radii: Array, tried: Array, lowest: int) -> Array:
    """Return (length, angle): how well the pattern of each movement fits.

    lowest: harmonics of the angle below it are left out, 1 for the mean alone, 2 for the one of
    a texture's direction too.
    """
    phase = radii[:, None] * np.cos(np.deg2rad(np.arange(ANGLES)))
    bands = np.sinc(tried[:, None, None] * phase) ** 2
    along = np.zeros((len(tried), ANGLES // 2 + 1), complex)
    norm = np.zeros(len(tried))
    for power in polar:
        ring = power.mean(1)
        noise = 0.9 * np.percentile(ring, 2)
        floor = noise / np.maximum(ring - noise, noise * 1e-3)
        level = bands.mean(2, keepdims=True) * floor[:, None]
        pattern = fft.rfft(np.log(bands + np.clip(level, 3e-3, 1e3)), axis=2)
        image = fft.rfft(np.log(power + 1e-9 * ring.max()), axis=1)
        pattern[:, :, :lowest] = 0
        weighted = pattern.conj() * radii[:, None]
        along += (weighted * image).sum(1)
        norm += (np.abs(pattern) ** 2 * radii[:, None]).sum((1, 2))
    return np.asarray(fft.irfft(along, ANGLES, axis=1) / np.sqrt(norm + 1e-12)[:, None])


def _peaks(score: Array, tried: Array, count: int) -> list[tuple[float, float]]:
    top = ndimage.maximum_filter(score, (5, 9), mode=("nearest", "wrap"))
    rows, columns = np.nonzero((score == top) & (score > 0))
    order = np.argsort(-score[rows, columns])[:count]
    return [(float(tried[rows[i]]), float(columns[i])) for i in order]
