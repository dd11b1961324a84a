"""Quantiles and finite-size fits of thresholds that are known because they are made up."""

from __future__ import annotations

import numpy as np
import pytest

from misei.screening.microstructures import finite_size
from misei.screening.microstructures.finite_size import (
    CORRECTION_EXPONENT,
    WRAPPING_PROBABILITY,
    Estimate,
    extrapolate,
    sample_thresholds,
    wrapping_quantile,
)

PLANTED = 0.3
LENGTHS = (10, 14, 20, 28)
REPEATS = 300
# Relative, of a standard deviation from that many repeats: four times 1 / sqrt(2 REPEATS).
SPREAD_TOLERANCE = 4.0 / np.sqrt(2.0 * REPEATS)
# In standard errors, of a mean of that many repeats: a one in 15,000 event.
MEAN_TOLERANCE = 4.0 / np.sqrt(REPEATS)
ROUNDING = 1e-9


def test_a_fit_recovers_what_was_planted_without_noise():
    estimates = [Estimate(PLANTED + 2.0 * n**-CORRECTION_EXPONENT, 1e-4 * n) for n in LENGTHS]
    assert extrapolate(LENGTHS, estimates).value == pytest.approx(PLANTED, abs=ROUNDING)


def test_errors_of_a_fit_are_those_of_repeated_experiments():
    rng = np.random.default_rng(1)
    errors = np.array([1e-3, 2e-3, 5e-4, 1e-3])
    truth = PLANTED + 2.0 * np.array(LENGTHS, dtype=float) ** -CORRECTION_EXPONENT
    deviations = []
    for _ in range(REPEATS):
        values = truth + errors * rng.standard_normal(len(errors))
        fit = extrapolate(LENGTHS, [Estimate(*pair) for pair in zip(values, errors, strict=True)])
        deviations.append((fit.value - PLANTED) / fit.standard_error)
    assert abs(np.mean(deviations)) < MEAN_TOLERANCE
    assert np.std(deviations) == pytest.approx(1.0, rel=SPREAD_TOLERANCE)


def test_bootstrap_errors_are_those_of_repeated_experiments():
    rng = np.random.default_rng(2)
    truth = -np.log(1.0 - WRAPPING_PROBABILITY)  # quantile of an exponential distribution
    found = [wrapping_quantile(rng.exponential(size=400), rng) for _ in range(REPEATS)]
    values = np.array([estimate.value for estimate in found])
    assert abs(values.mean() - truth) < MEAN_TOLERANCE * values.std()
    stated = np.mean([estimate.standard_error for estimate in found])
    assert stated == pytest.approx(values.std(), rel=SPREAD_TOLERANCE)


def test_samples_do_not_depend_on_the_number_of_threads(monkeypatch):
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(finite_size, "THREADS", threads)
        results.append(sample_thresholds(lambda rng: rng.random(), 50, np.random.default_rng(3)))
    assert results[0].shape == (50,)
    assert len(set(results[0])) == 50
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_one_size_cannot_be_extrapolated():
    with pytest.raises(ValueError, match="two system sizes, got 1"):
        extrapolate([10], [Estimate(PLANTED, 0.001)])
