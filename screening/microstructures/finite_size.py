"""From wrapping thresholds of finite samples to the threshold of the infinite system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from misei.screening.microstructures.compiled import Floats

# At the threshold a cluster wraps around a periodic cube in at least one direction with this
# probability, the same for all 3D percolation models (Wang et al., Phys. Rev. E 87, 052107
# (2013)). The threshold is therefore this quantile of the thresholds of single samples.
WRAPPING_PROBABILITY = 0.45997
# What is left falls as L^-(1/nu + omega), with nu = 0.876 and omega = 1.2 (same source).
CORRECTION_EXPONENT = 2.3
RESAMPLES = 1000  # of the bootstrap
THREADS = 2


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error, both in one unit."""

    value: float
    standard_error: float


def sample_thresholds(
    threshold_of: Callable[[np.random.Generator], float], samples: int, rng: np.random.Generator
) -> Floats:
    """Return the thresholds of independent samples, shape (samples,).

    Parameters
    ----------
    threshold_of
        Makes one sample and returns the occupation, density or length at which it first wraps;
        compiled inside, so that threads run side by side.
    samples
        How many.
    rng
        Every sample gets a generator of its own, spawned from this one: results do not depend
        on the number of threads.
    """
    with ThreadPoolExecutor(THREADS) as threads:
        return np.array(list(threads.map(threshold_of, rng.spawn(samples))))


def wrapping_quantile(thresholds: Floats, rng: np.random.Generator) -> Estimate:
    """Return the threshold at one system size, with its bootstrap error.

    Parameters
    ----------
    thresholds
        Of single samples, shape (samples,).
    rng
        For the bootstrap.
    """
    resampled = rng.choice(thresholds, (RESAMPLES, len(thresholds)))
    spread = np.quantile(resampled, WRAPPING_PROBABILITY, axis=1).std()
    return Estimate(float(np.quantile(thresholds, WRAPPING_PROBABILITY)), float(spread))


def extrapolate(
    lengths: Sequence[float],
    estimates: Sequence[Estimate],
    exponent: float = CORRECTION_EXPONENT,
) -> Estimate:
    """Return the threshold of the infinite system by finite-size scaling.

    Weighted least squares of threshold(L) = threshold + b L^-exponent.

    Parameters
    ----------
    lengths
        Edge L of each system in lattice constants or particle spacings, shape (sizes,).
    estimates
        Threshold at each size, with errors that are independent.
    exponent
        Of the leading correction.

    Raises
    ------
    ValueError
        For fewer than two sizes, or an estimate without an error.
    """
    if len(lengths) < 2:
        raise ValueError(f"finite-size scaling needs two system sizes, got {len(lengths)}")
    if not all(estimate.standard_error > 0 for estimate in estimates):
        raise ValueError("finite-size scaling needs estimates with errors: take more samples")
    weights = np.array([1.0 / estimate.standard_error for estimate in estimates])
    corrections = np.asarray(lengths, dtype=float) ** -exponent
    matrix = np.column_stack([np.ones(len(lengths)), corrections]) * weights[:, None]
    values = np.array([estimate.value for estimate in estimates]) * weights
    solution = np.linalg.lstsq(matrix, values)[0]
    covariance = np.linalg.inv(matrix.T @ matrix)
    return Estimate(float(solution[0]), float(np.sqrt(covariance[0, 0])))


def infinite_threshold(
    samplers: Sequence[tuple[float, Callable[[np.random.Generator], float]]],
    samples: int | Sequence[int],
    rng: np.random.Generator,
) -> Estimate:
    """Return the threshold of the infinite system from samples of finite ones.

    Parameters
    ----------
    samplers
        For each size its edge L, in lattice constants or particle spacings, and what makes one
        sample as in :func:`sample_thresholds`; two sizes or more.
    samples
        Number of samples, of every size or of each; errors of fewer than about 100 are too small.
    rng
        Of all random numbers.
    """
    lengths, estimates = [], []
    for (length, sampler), number in zip(
        samplers, np.broadcast_to(samples, len(samplers)), strict=True
    ):
        thresholds = sample_thresholds(sampler, int(number), rng)
        lengths.append(length)
        estimates.append(wrapping_quantile(thresholds, rng))
    return extrapolate(lengths, estimates)
