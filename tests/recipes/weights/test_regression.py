"""The logistic regression: close to its prior without cases, close to the truth with many."""

import numpy as np

from recipes.weights.regression import logistic

PRIOR = np.array([0.0, 1.0])


def test_few_cases_keep_the_prior():
    weight = logistic(np.array([[1.0, 0.2]]), np.array([1.0]), PRIOR, strength=1e6)
    np.testing.assert_allclose(weight, PRIOR, atol=1e-5)


def test_many_cases_give_their_own_weights():
    generator = np.random.default_rng(0)
    terms = np.stack([np.ones(20000), generator.normal(size=20000)], axis=1)
    true = np.array([0.5, -2.0])
    right = (generator.random(20000) < 1 / (1 + np.exp(-terms @ true))).astype(np.float64)
    np.testing.assert_allclose(logistic(terms, right, PRIOR), true, atol=0.1)
