"""Maximum-likelihood fit of linear motion to a spectrum, compared with no motion and a Gaussian.

Candidates come from the pattern of the log spectrum in polar coordinates, where a rotation is a
shift, so that one Fourier transform compares all angles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from scipy import fft, ndimage

from unsmear.estimate import families, fitting, likelihood
from unsmear.estimate.families import LINEAR_MOTION, LONGEST_SHARE
from unsmear.estimate.spectrum import Array, Spectrum

LOSS, SCORE = attrgetter("loss"), attrgetter("score")
"""Sort keys of fits: the loss, and with it what the freedom of the texture costs."""
COARSE = 12
"""Subsampling of the frequencies, one in so many, when candidates are compared."""
FINE = 3
"""Subsampling of the frequencies, one in so many, when the best candidate is refined.

A taper leaves about a quarter of the frequencies independent."""
QUICK = 6
"""Steps of a fit that is only compared."""
NEARLY = 60.0
"""Excess of the coarse loss over the lowest above which a candidate is not refined."""
UNCLEAR = 150.0
"""Drop in loss below which the texture of the best motion is fitted until it settles, as that of no
motion and of the Gaussian is."""
PLENTY = 1000.0
"""Drop in loss beyond which the fits without motion need not be exact."""
STEPS = 30
"""Most steps of a fit that begins with a texture of little light."""
LENGTH_ERROR, ANGLE_ERROR = (0.4, 0.045), 3.5
"""Standard errors of the network's length, a constant and a fraction of it, and of its angle,
pixels and degrees."""
STATED = 0.4
"""Largest standard error that is stated where the network decides, as a fraction of its own: the
likelihood's are too small, and their intervals are made wider for that (`result.WIDTH`)."""
LEAST_DOUBT = 0.02
"""Least probability that the network is wrong."""
SHARED = 1200.0
"""Drop in loss by a free spectrum of the noise for one averaged spectrum, at COARSE, above which
neighbours share the noise. Motions at uneven speed reached 630, noise shared by one pixel 2,200."""
ANGLES = 180
"""Number of angles to try, one degree apart; the spectrum of a real image repeats after 180."""
SHORTEST = 2.5
"""Shortest length to try, pixels."""
LONGEST = 62.0
"""Longest length to try, pixels."""
STEP = 1.06
"""Ratio of consecutive lengths to try."""

ALIASES = (2.0, 1.5, 2 / 3, 0.5)
"""Ratios of other lengths to the likeliest that share some of its dark bands."""
LONG = 20.0
"""Length above which the steps between the lengths to try are wider than the trough of the loss,
pixels: each dark band that is one too many or too few has a trough of its own."""
SIMILAR, TROUGH = 0.15, 0.02
"""Differences of two lengths below which one fit leads from one to the other, as fractions of the
length; the second is that of long motions."""
NEIGHBOURS = (0.96, 0.98, 1.02, 1.04)
"""Ratios of such other lengths to the likeliest."""


@dataclass(frozen=True)
class Search:
    """Result of a search: three fits, each with its texture.

    best: the best linear motion. still: no motion. smooth: a Gaussian as wide as the best motion.
    problem: the frequencies that all were fitted to. averages: of the spectrum.
    """

    best: fitting.Fit
    still: fitting.Fit
    smooth: fitting.Fit
    problem: likelihood.Problem
    averages: float

    @property
    def unmoved(self) -> float:
        """Loss without motion, the lower of none and of a Gaussian as wide."""
        return min(self.still.loss, self.smooth.loss)

    @property
    def share(self) -> float:
        """Mean share of the power that is not noise, under the best motion."""
        shares = []
        for row in self.best.texture:
            amplitude, model = self.problem.parts(row, self.best.transfer)
            shares.append(float(np.mean(amplitude * self.best.transfer / model)))
        return max(shares)

    def noise(self, fit: fitting.Fit | None = None) -> float:
        """Return the noise's share in all the power, under a fit, the best motion; the least of
        the channels.
        """
        fit = fit or self.best
        shares = []
        for row in fit.texture:
            amplitude, model = self.problem.parts(row, fit.transfer)
            shares.append(1 - float((amplitude * fit.transfer).sum() / model.sum()))
        return min(shares)

    @property
    def improvement(self) -> float:
        """Drop in loss by linear motion; below 0 where it explains less."""
        return self.unmoved - self.best.loss


@dataclass(frozen=True)
class Prior:
    """What is known of a linear motion beforehand, by the network.

    length, angle: pixels and degrees. chance: probability of linear motion.
    """

    length: float
    angle: float
    chance: float = 0.5

    @property
    def errors(self) -> tuple[float, float]:
        """Standard errors of length and angle, pixels and degrees."""
        return LENGTH_ERROR[0] + LENGTH_ERROR[1] * self.length, ANGLE_ERROR

    def allows(self, other: fitting.Fit, near: fitting.Fit) -> bool:
        """Return whether another motion is likelier than that near the prior's, which may be wrong:
        then every motion is about as likely.
        """
        costs = [fit.score + self.penalty(fit.values) for fit in (other, near)]
        return costs[0] < costs[1]

    def penalty(self, values: families.Values) -> float:
        """Return twice the negative log prior of (length, angle), less that of the prior's own."""
        length_error, angle_error = self.errors
        turn = (values[1] - self.angle + 90) % 180 - 90
        away = ((values[0] - self.length) / length_error) ** 2 + (turn / angle_error) ** 2
        share = 2 * np.pi * length_error * angle_error / (LONGEST * ANGLES)
        odds = self.chance / max(1 - self.chance, LEAST_DOUBT)
        return float(min(away, max(2 * np.log(odds / share), 0.0)))


def search(
    spectrum: Spectrum,
    guesses: list[tuple[float, float]],
    widely: bool,
    prior: Prior | None = None,
    first: fitting.Fit | None = None,
) -> Search:
    """Return the likeliest linear motion: all candidates are compared, and the best refined.

    guesses: (length, angle), pixels and degrees. widely: whether to add candidates from
    `find_candidates`. prior: what decides between motions that are about as likely. first: the
    first guess's quick fit, where it is known (`fit_noise`).
    """
    coarse, fine = likelihood.Problem(spectrum, COARSE), likelihood.Problem(spectrum, FINE)
    longest = min(spectrum.window) / LONGEST_SHARE
    family = LINEAR_MOTION.up_to(longest)
    if widely:
        guesses = guesses + find_candidates(spectrum)
    known = [] if first is None else [first]
    candidates = known + [
        fitting.fit(coarse, family, guess, steps=QUICK) for guess in guesses[len(known) :]
    ]
    for ratios in (NEIGHBOURS, ALIASES, NEIGHBOURS) if widely else ():
        length, angle = min(candidates, key=LOSS).values
        if length >= LONG or ratios is ALIASES:
            values = [(by * length, angle) for by in ratios if SHORTEST < by * length < longest]
            candidates += [fitting.fit(coarse, family, guess, steps=QUICK) for guess in values]
    starts = _likeliest(candidates)
    fits = [fitting.fit(fine, family, start.values, start.texture) for start in starts]
    best = min(fits, key=LOSS)
    stop_above = best.loss + PLENTY * (1 + spectrum.averages)
    texture = fitting.fit_still(coarse, steps=QUICK).texture
    still = fitting.fit_still(fine, texture, stop_above=stop_above)
    smooth = fitting.fit_smooth(fine, best, stop_above)
    found = Search(best, still, smooth, fine, spectrum.averages)
    if found.improvement < UNCLEAR * (1 + spectrum.averages):
        found = _settled(found, family, prior or Prior(*guesses[0]))
    return found


def _settled(found: Search, family: families.Family, prior: Prior) -> Search:
    """Return a search whose fits have settled, from textures that begin with noise too.

    The motion is the likeliest one near the prior's, unless the likelihood alone supports another:
    where there is little light, noise decides which motion of all is the likeliest.
    """
    problem, best = found.problem, found.best
    free = fitting.fit(problem, family, best.values, best.texture, settle_texture=True)
    pull = fitting.Pull(family.bounded((prior.length, prior.angle)), prior.errors)
    first = fitting.noisy_texture(problem, problem.transfer(family.kernel(pull.values)))
    near = fitting.fit(problem, family, pull.values, first, STEPS, settle_texture=True, pull=pull)
    known = tuple(STATED * error for error in prior.errors)
    near = replace(near, errors=tuple(map(min, near.errors, known)))
    texture = fitting.noisy_texture(problem, still := np.ones_like(near.transfer))
    noisy = fitting.fit_held(problem, still, texture, STEPS)
    found = replace(found, still=min(found.still, noisy, key=SCORE))
    searches = [
        replace(found, best=fit, smooth=min(found.smooth, own, key=SCORE))
        for fit in (free, near)
        for own in [fitting.fit_smooth(problem, fit)]
    ]
    if searches[0].improvement > required_improvement(found.averages):
        return searches[0] if prior.allows(free, near) else searches[1]
    return searches[1]


def required_improvement(averages: float) -> float:
    """Return the drop in loss that a motion must reach.

    Set on real sharp and blurred images; it grows with the number of averaged spectra because no
    texture is exactly as smooth as the model's.
    """
    return 32 + 12 * averages


def fit_noise(spectrum: Spectrum, values: families.Values) -> tuple[Spectrum, fitting.Fit]:
    """Return the spectrum with the kind of its noise, and a quick fit to few of its frequencies.

    values: a linear motion, which need not be right: length and angle, pixels and degrees.
    """
    fit = fitting.fit(likelihood.Problem(spectrum, COARSE), LINEAR_MOTION, values, steps=QUICK)
    if spectrum.noise != "camera":
        return spectrum, fit
    shared = replace(spectrum, noise="correlated")
    # From its own start: from the camera's fit it ends in another trough (docs/design/speed.md).
    free = fitting.fit(likelihood.Problem(shared, COARSE), LINEAR_MOTION, values, steps=QUICK)
    if fit.loss - free.loss > SHARED * spectrum.averages:
        return shared, free
    return spectrum, fit


def _likeliest(candidates: list[fitting.Fit]) -> list[fitting.Fit]:
    """Return the best candidate, and the best different ones if they are nearly as good: one, or
    two where the best is long.
    """
    first, *rest = sorted(candidates, key=LOSS)
    chosen = [first]
    for fit in rest:
        known = any(_is_similar(fit, other) for other in chosen)
        if fit.loss < first.loss + NEARLY and not known:
            chosen.append(fit)
    return chosen[: 3 if first.values[0] >= LONG else 2]


def _is_similar(fit: fitting.Fit, reference: fitting.Fit) -> bool:
    (length, angle), (reference_length, reference_angle) = fit.values, reference.values
    turn = abs((angle - reference_angle + 90) % 180 - 90)
    share = TROUGH if reference_length >= LONG else SIMILAR
    return abs(length - reference_length) < share * reference_length and turn < 10


def lengths(window: tuple[int, int]) -> Array:
    """Return the lengths to try, pixels: up to a fifth of the window."""
    longest = min(LONGEST, min(window) / 4)
    count = int(np.log(longest / SHORTEST) / np.log(STEP)) + 1
    return np.asarray(SHORTEST * STEP ** np.arange(count))


def find_candidates(spectrum: Spectrum, count: int = 4) -> list[tuple[float, float]]:
    """Return up to `count` (length, angle) in pixels and degrees, for each of two scores."""
    radii = np.arange(max(3, 0.012 * spectrum.side), spectrum.side / 2) / spectrum.side
    tried = lengths(spectrum.window)
    candidates: list[tuple[float, float]] = []
    polar = [_polar(power, radii) for power in spectrum.whole()]
    for lowest in (1, 2):
        score = _score(polar, radii, tried, lowest)
        candidates += _peaks(score, tried, count)
    return candidates


def _polar(full: Array, radii: Array) -> Array:
    """Return (radius, angle): the power on rings, angles clockwise in rows that grow downwards."""
    side = len(full)
    smooth = ndimage.gaussian_filter(full, 1.0 if side == 256 else 0.7, mode="wrap")
    angles = np.deg2rad(np.arange(ANGLES))
    rows = -radii[:, None] * np.sin(angles) * side
    columns = radii[:, None] * np.cos(angles) * side
    return np.asarray(ndimage.map_coordinates(smooth, [rows, columns], order=1, mode="grid-wrap"))


def _score(polar: list[Array], radii: Array, tried: Array, lowest: int) -> Array:
    """Return (length, angle): how well the pattern of each motion fits.

    lowest: lowest harmonic of the angle that is used; 1 leaves out the mean, 2 also the harmonic
    that a texture with a direction has.
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
