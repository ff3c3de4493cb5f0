"""The confidence of an answer: calibrated, and never the reason why an image is restored."""

import numpy as np
import pytest

from unsmear.blur import Motion, Sampled
from unsmear.estimate import Estimate, confidence, likelihood, spectrum
from unsmear.estimate.confidence import ANSWERS, FEATURES, Trust
from unsmear.estimate.result import SURE


def trust(constant: float) -> Trust:
    """Return regressions that give the same probability to every answer."""
    weight = np.zeros((len(ANSWERS), FEATURES))
    weight[:, 0] = constant
    return Trust(np.zeros_like(weight), np.ones_like(weight), weight)


def plain() -> np.ndarray:
    """Return features of an answer that leaves no pattern, where a motion would be seen."""
    features = np.ones(FEATURES)
    features[confidence.PATTERN] = np.log(1e-3)
    return features


@pytest.mark.parametrize("sort", ["even speed", "uneven speed", "path"])
def test_what_is_acted_on_does_not_depend_on_the_calibration(sort: str) -> None:
    features, number = plain(), ANSWERS.index(sort)
    highest = confidence.LIKELY if sort == "path" else 0.953
    assert trust(-3).confidence(number, features, before=0.9) == SURE
    assert trust(3).confidence(number, features, before=0.6) < SURE
    assert trust(3).confidence(number, features, before=0.9) == pytest.approx(highest, abs=1e-3)
    assert trust(-3).confidence(number, features, before=0.6) == pytest.approx(0.047, abs=1e-3)


def test_no_motion_is_not_surely_none_where_none_could_be_seen() -> None:
    features, number = np.ones(FEATURES), ANSWERS.index("none")
    assert trust(3).confidence(number, features, before=0.98) == 0.98
    assert trust(-3).confidence(number, features, before=0.98) == 0.85
    assert trust(-3).confidence(number, features, before=0.6) == 0.6
    features[confidence.VISIBLE] = 0.9 * confidence.WOULD_BE_SEEN
    assert trust(3).confidence(number, features, before=0.98) == 0.85
    assert trust(3).confidence(number, features, before=0.6) == 0.6


def test_constant_speed_is_likely_at_most_where_a_sign_speaks_against_it() -> None:
    number, left = ANSWERS.index("even speed"), plain()
    assert trust(9).confidence(number, plain(), before=0.81) > 0.99
    assert trust(9).confidence(number, plain(), before=0.8) == confidence.LIKELY
    left[confidence.PATTERN] = np.log(0.1)
    assert trust(9).confidence(number, left, before=0.95) == confidence.LIKELY


@pytest.mark.parametrize("sort", ["irregular", "defocus"])
def test_what_is_never_acted_on_is_as_likely_as_it_is(sort: str) -> None:
    features, number = np.ones(FEATURES), ANSWERS.index(sort)
    assert trust(-3).confidence(number, features, before=0.9) == pytest.approx(0.047, abs=1e-3)


def test_every_answer_has_a_sort_and_the_shipped_weights_know_it() -> None:
    path = Sampled.of(Motion(4, 0).kernel())
    found = {
        "none": Estimate(0.0),
        "even speed": Estimate(8.0),
        "path": Estimate(8.0, kind="shake", path=path, path_found=True),
        "irregular": Estimate(8.0, kind="shake", path=path),
        "defocus": Estimate(0.0, kind="defocus", radius=3),
    }
    assert {name: ANSWERS[confidence.answer(one)] for name, one in found.items()} == {
        name: name for name in found
    }
    shipped = confidence.load()
    assert shipped is not None
    assert shipped.weight.shape == (len(ANSWERS), FEATURES)
    assert np.isfinite(shipped.weight).all()


def test_a_kernel_with_a_wide_margin_has_the_transfer_of_its_middle() -> None:
    noise = np.random.default_rng(0).normal(size=(1, 1, 128, 128))
    measured = spectrum.measure(noise)
    assert measured is not None
    problem, kernel = likelihood.Problem(measured), Motion(9, 30).kernel()
    wide = np.pad(kernel, 301)
    np.testing.assert_allclose(problem.transfer(wide), problem.transfer(kernel), atol=1e-6)
