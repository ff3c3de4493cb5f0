"""Whether the evidence supports a kind of blur: what each must explain more than the others do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unsmear.estimate import fitting, goodness, path_fit, shake_fit, stage_fit
from unsmear.estimate.evidence import (
    LIKELY,
    NONE,
    SHORT,
    STRAIGHT,
    Evidence,
)
from unsmear.estimate.motion_fit import LEAST_DOUBT, required_improvement

SHORTEST = 2.2
"""Shortest motion that is reported, pixels; the dark bands of a shorter one lie beyond the highest
frequency of an image."""
CAUTION = 3.0
"""Factor on the required drop in loss for a motion shorter than SHORT."""
SLIGHT, SLACK = 0.1, 3.0
"""Limits below which the extra drop in loss of an irregular motion still means a linear one: a
fraction of the drop by linear motion, and, where the network sees linear motion too, a multiple of
the required drop."""
PATTERNED = 0.08
"""Pattern that a fit leaves unexplained above which the motion is of another kind, or several."""
PLENTY = 1e4
"""Drop in loss that excuses a pattern of 1, and less for less."""
NETWORK_SEES = 0.5
"""Network probability above which the network sees linear motion."""
PATH_DROP = 5.0
"""Required drop in loss of a path below linear motion and below no motion, as a multiple of that
of a motion: a path has more values, and little is gained by one that explains little more."""
MUCH_LONGER = 1.75
"""Extent of a motion of few values above which it is not the one that the network sees, as a
multiple of that one's: swings that were found right reached 1.65, one in a field of which a part
moved 1.9."""
NEARLY_AS_FREE = 0.2
"""Rise in loss by which a motion of few values is still believed where uneven speed with many is
not, and the paper's recipe in any case, as a fraction of the drop from constant speed: with next to
no noise many values also take what the texture's model lacks."""
HARDLY = 0.35
"""Network probability of no motion above which no motion of few values is believed."""
BLOCKS_DROP = 5.0
"""Required drop in loss of a motion along visible JPEG blocks, as a multiple of that of a motion.
Blocks of sharp images reached 3.5."""
AS_LONG = 0.2
"""Difference of the network's length within which it sees the same motion, as a fraction."""
CLEARLY = 10.0
"""Drop in loss that is clear evidence of a motion, as a multiple of the required one."""
PLAIN = 20.0
"""Drop in loss by which a linear motion is plain to see, as a multiple of the required one. JPEG's
blocks in sharp images reached 3.5."""
AS_TURNED = 10.0
"""Difference of the network's angle within which it sees the same motion, degrees."""
SEES_IN_NOISE, HEARD = 6.4, 0.125
"""Evidence above which a motion in an image that is mostly noise is surely seen: the network's log
odds of it, those against no motion, and this fraction of the drop in loss. Of 325 sharp images that
are mostly noise those of which the likelihood agreed with the network reached 4.5."""
SEEN = 0.8
"""Least confidence of a linear motion that the network sees in an image that is mostly noise, or
together with the likelihood, and of the paper's recipe."""
ODDS_OF_OTHERS = 20.0
"""Odds that the network gives a motion against none above which it is that of others, if it is as
long and in their direction; of 325 sharp images that are mostly noise two exceeded it."""
LEAST_STILL = 1e-3
"""Least probability of no motion that is believed of the network."""
NOISY, LEAST_NOISE = 0.5, 0.05
"""Mean share of the frequencies' power below which an image is mostly noise, and least share of the
noise in all of its power: 0.07 and more up to 5000 photons, 0.003 in smooth textures of 8 bit."""
NOISE_OF_STILL = 0.1
"""Least share of the noise in all the power, without motion, by which a motion may be hidden: 0.12
and more in fields of 6 to 15 photons, 0.05 in a smooth texture of 8 bit."""
LONGER = 1.4
"""Length of a line at uneven speed in an image that is mostly noise, at most, as a multiple of the
network's."""
UNEVEN_DROP = 5.0
"""Drop in loss by uneven speed below constant speed, as a multiple of that required of a motion, by
which constant speed is in doubt in an image that is mostly noise; 13 even motions had none."""
THIN = 0.15
"""Ratio of a path's width to its length below which it is a line: what then looks like an uneven
speed may as well be a spectrum that sharpening has changed."""


def is_straight(evidence: Evidence) -> bool:
    """Return whether what looks like irregular motion is linear motion.

    Irregular motion includes linear motion, so its loss is always lower, in noise much lower. The
    motion is linear if the likelihood supports linear motion and irregular motion lowers the loss
    little further, or not much further where the network sees linear motion.
    """
    if evidence.shake is None or not for_motion(evidence):
        return False
    return irregular_adds_little(evidence, evidence.search.best.loss)


def irregular_adds_little(evidence: Evidence, line: float) -> bool:
    """Return whether irregular motion lowers the loss of a motion along a line little further."""
    if evidence.shake is None:
        return True
    search, required = evidence.search, required_improvement(evidence.averages)
    more = line - evidence.shake.fit.loss
    explained = search.unmoved - line
    network_agrees = evidence.guess.kinds[STRAIGHT] > NETWORK_SEES
    return bool(more < max(required, SLIGHT * explained, SLACK * required * network_agrees))


def for_irregular(evidence: Evidence) -> bool:
    """Return whether an irregular motion, with a kernel of many values, fits far better than none:
    it fits a little better to any noise.
    """
    if evidence.shake is None:
        return True
    drop = evidence.search.still.loss - evidence.shake.fit.loss
    return drop > CAUTION * required_improvement(evidence.averages)


def for_motion(evidence: Evidence) -> bool:
    """Return whether linear motion fits sufficiently better than no motion and than a Gaussian as
    wide.
    """
    if evidence.search.best.values[0] < SHORTEST:
        return False
    return likelihood_tells(evidence) or is_seen_in_noise(evidence)


def likelihood_tells(evidence: Evidence) -> bool:
    """Return whether linear motion lowers the loss by what is required of it."""
    short = evidence.search.best.values[0] < SHORT
    required = required_improvement(evidence.averages) * (CAUTION if short else 1)
    return evidence.search.improvement > required


def is_plain(evidence: Evidence) -> bool:
    """Return whether linear motion fits so much better than none that something of it is there."""
    return evidence.search.improvement > PLAIN * required_improvement(evidence.averages)


def is_seen_in_noise(evidence: Evidence) -> bool:
    """Return whether the network surely sees a motion in an image that is mostly noise.

    There the likelihood tells little: a texture may explain the noise as well as a motion does.
    """
    search, guess = evidence.search, evidence.guess
    chance = min(float(guess.kinds[STRAIGHT]), 1 - LEAST_DOUBT)
    seen = np.log(chance / (1 - chance)) + np.log(chance / max(guess.kinds[NONE], LEAST_STILL))
    sees = seen + HEARD * max(search.improvement, 0.0) > SEES_IN_NOISE and guess.length > SHORT
    return bool(sees and agrees_with_network(evidence) and is_mostly_noise(evidence))


def is_seen_by_both(evidence: Evidence) -> bool:
    """Return whether the network sees the motion for which the likelihood has clear evidence."""
    required = CLEARLY * required_improvement(evidence.averages)
    return agrees_with_network(evidence) and evidence.search.improvement > required


def agrees_with_network(evidence: Evidence) -> bool:
    """Return whether the likeliest motion is the one that the network sees, if it is one."""
    guess, best = evidence.guess, evidence.search.best.values
    near = _is_near(best, guess.length, guess.angle)
    return bool(near and guess.kinds[STRAIGHT] > NETWORK_SEES)


def _is_near(motion: Sequence[float], length: float, angle: float) -> bool:
    """Return whether a motion (length, angle) is about as long as another, in its direction."""
    turn = abs((motion[1] - angle + 90) % 180 - 90)
    return abs(motion[0] - length) < AS_LONG * length and turn < AS_TURNED


def is_seen_alike(evidence: Evidence, length: float, angle: float) -> bool:
    """Return whether the network sees a motion of others in an image that is mostly noise.

    length: pixels. angle: degrees.
    """
    guess = evidence.guess
    odds = float(guess.kinds[STRAIGHT] / max(guess.kinds[NONE], LEAST_STILL))
    near = _is_near((guess.length, guess.angle), length, angle)
    return odds > ODDS_OF_OTHERS and near and is_mostly_noise(evidence)


def is_mostly_noise(evidence: Evidence) -> bool:
    """Return whether most frequencies hold noise, and the noise is no rounding."""
    return evidence.search.share < NOISY and evidence.search.noise() > LEAST_NOISE


def noise_may_hide_a_motion(evidence: Evidence) -> bool:
    """Return whether an image is mostly noise if it moved, and has much of it if it did not."""
    still = evidence.search.noise(evidence.search.still)
    return is_mostly_noise(evidence) and still > NOISE_OF_STILL


def explains(pattern: float, improvement: float) -> bool:
    """Return whether a fit that lowers the loss so much leaves so little pattern that the blur is
    of its kind.

    Where there is little noise, a texture that is not as smooth as the model's leaves some too.
    """
    return pattern < max(PATTERNED, improvement / PLENTY)


def explains_everything(evidence: Evidence) -> bool:
    """Return whether linear motion leaves no pattern that another kind of blur would explain."""
    return explains(evidence.pattern, evidence.search.improvement)


def uneven_explains_far_more(evidence: Evidence) -> bool:
    """Return whether uneven speed along a line lowers the loss far below that of constant speed."""
    if evidence.profile is None:
        return False
    drop = evidence.search.best.loss - evidence.profile.fit.loss
    return drop > UNEVEN_DROP * required_improvement(evidence.averages)


def exceeds_blocks(evidence: Evidence) -> bool:
    """Return whether a motion along JPEG blocks explains more than blocks alone would, or the
    network, which was trained with blocks, is sure of a motion as long.
    """
    guess, length = evidence.guess, evidence.search.best.values[0]
    if guess.kinds[STRAIGHT] > LIKELY and abs(length - guess.length) < AS_LONG * length:
        return True
    return evidence.improvement > BLOCKS_DROP * required_improvement(evidence.averages)


def explains_more_than_blocks(evidence: Evidence, fit: fitting.Fit) -> bool:
    """Return whether a fit explains more than JPEG blocks alone would."""
    drop = evidence.search.unmoved - fit.loss
    return drop > BLOCKS_DROP * required_improvement(evidence.averages)


def for_profile(evidence: Evidence) -> bool:
    """Return whether uneven speed fits clearly better than no motion and than a Gaussian as wide,
    and leaves no pattern. In an image that is mostly noise its line is not far longer than the
    network's: a profile has values enough to fit some of the noise.
    """
    if evidence.profile is None or not evidence.profile.likely:
        return False
    far_longer = evidence.profile.blur.length > LONGER * evidence.guess.length
    if far_longer and is_mostly_noise(evidence):
        return False
    improvement = evidence.search.unmoved - evidence.profile.fit.loss
    required = CAUTION * required_improvement(evidence.averages)
    return improvement > required and explains(evidence.profile.pattern, improvement)


def for_path(evidence: Evidence, path: path_fit.FittedPath) -> bool:
    """Return whether the searches agree on a path, not a line, that fits much better than one."""
    rivals = [evidence.search.best.loss, evidence.search.still.loss]
    rivals += [evidence.profile.fit.loss] if evidence.profile else []
    required = PATH_DROP * required_improvement(evidence.averages)
    return _is_path(path) and min(rivals) - path_loss(evidence, path) > required


def contradicts_profile(evidence: Evidence, path: path_fit.FittedPath) -> bool:
    """Return whether the searches agree on a path, not a line, that fits better than uneven speed
    along one.
    """
    assert evidence.profile is not None  # for mypy: it is asked about one
    drop = evidence.profile.fit.loss - path_loss(evidence, path)
    return _is_path(path) and drop > required_improvement(evidence.averages)


def _is_path(path: path_fit.FittedPath) -> bool:
    length, width, _ = shake_fit.equivalent(path.kernel)
    return path.agreement >= path_fit.AGREEING and width >= THIN * length


def path_loss(evidence: Evidence, path: path_fit.FittedPath) -> float:
    """Return the loss of a path."""
    search = evidence.search
    transfer = search.problem.transfer(path.kernel)
    return fitting.fit_held(search.problem, transfer, search.best.texture).loss


def is_hardly_still(evidence: Evidence) -> bool:
    """Return whether the network hardly believes that nothing moved."""
    return bool(evidence.guess.kinds[NONE] < HARDLY)


def for_few_values(evidence: Evidence, stage: stage_fit.FittedStage) -> bool:
    """Return whether a motion of few values fits clearly better than no motion, a Gaussian as wide
    and constant speed, and no worse than a free kernel, which has more values, leaves no pattern,
    and is not far longer than what the network sees, which hardly believes that nothing moved.
    """
    if not is_hardly_still(evidence):
        return False
    search, loss = evidence.search, stage.fit.loss
    below_none, below_even = (
        stage_fit.required_drop(evidence.averages, search, nests) for nests in (False, stage.nests)
    )
    if search.unmoved - loss < below_none or search.best.loss - loss < below_even:
        return False
    if evidence.shake is not None and loss > evidence.shake.fit.loss:
        return False
    extent, _, _ = shake_fit.equivalent(stage.blur.kernel())
    guessed, _, _ = shake_fit.equivalent(evidence.guess.kernel)
    if extent > MUCH_LONGER * max(guessed, evidence.guess.length):
        return False
    return explains(goodness.excess(evidence.spectrum, stage.fit), search.unmoved - loss)


def is_as_likely_as_free(evidence: Evidence, cost: float, share: float = 0.0) -> bool:
    """Return whether a motion of few values is as likely as uneven speed with many.

    cost: the motion's loss, and what its values cost. share: rise in loss that is allowed besides,
    as a fraction of the drop from constant speed.
    """
    if evidence.profile is None:
        return True
    free = evidence.profile.fit
    allowed = share * (evidence.search.best.loss - free.loss)
    return cost < stage_fit.cost(free) + allowed
