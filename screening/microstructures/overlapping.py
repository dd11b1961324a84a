"""Percolation of overlapping spheres that lie at random, the limit of grains without a core.

Best published threshold: eta_c = 0.341889, a covered volume fraction of 0.289573 (Lorenz and
Ziff, J. Chem. Phys. 114, 3659 (2001)).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import pi

import numpy as np

from misei.screening.microstructures.compiled import Floats
from misei.screening.microstructures.finite_size import Estimate, infinite_threshold
from misei.screening.microstructures.neighbours import neighbour_links
from misei.screening.microstructures.wrapping import wrapping_length

# Spheres are first linked up to this density plus 1 / L, L^3 being their number: a little beyond
# the thresholds of nearly all samples.
FIRST_DENSITY = 0.35
ENLARGED = 1.1  # the reach, where that did not wrap


def covered_fraction(eta: float) -> float:
    """Return the volume fraction that randomly placed, overlapping particles cover.

    Parameters
    ----------
    eta
        Sum of the volumes of all particles per volume.
    """
    return float(-np.expm1(-eta))


def wrapping_distance(centres: Floats) -> float:
    """Return the centre distance at which linked points first wrap around the periodic cube.

    Parameters
    ----------
    centres
        Points of the periodic unit cube, coordinates 0 to 1, shape (count, 3).

    Raises
    ------
    ValueError
        For points that do not wrap at half the cube, as few points may.
    """
    # Numbered along x, neighbours have close numbers: less memory is touched at a time.
    centres = np.take(centres, np.argsort(centres[:, 0]), axis=0)
    count = len(centres)
    if count == 0:
        raise ValueError("no points, which never wrap around the cube")
    density = FIRST_DENSITY + count ** (-1.0 / 3.0)
    reach = (6.0 * density / (pi * count)) ** (1.0 / 3.0)
    while True:
        links = neighbour_links(centres, reach)
        distance = wrapping_length(count, links.first, links.second, links.shifts, links.lengths)
        if distance < reach:
            return distance
        reach *= ENLARGED


def sphere_sample(mean_count: float, rng: np.random.Generator) -> float:
    """Return the density eta at which one sample of overlapping spheres first wraps.

    Parameters
    ----------
    mean_count
        Mean number of spheres in the periodic cube; the number itself is Poisson distributed,
        as in an infinite system.
    rng
        Draws the number and the centres.

    Returns
    -------
    float
        Sum of the volumes of the spheres per volume: their mean number times the volume of one.

    Raises
    ------
    ValueError
        As :func:`wrapping_distance`, for means far below 100.
    """
    centres = rng.random((rng.poisson(mean_count), 3))
    return pi / 6.0 * mean_count * wrapping_distance(centres) ** 3


def overlapping_threshold(
    counts: Sequence[float], samples: int | Sequence[int], rng: np.random.Generator
) -> Estimate:
    """Return the percolation threshold eta_c of overlapping spheres in an infinite system.

    Parameters
    ----------
    counts
        Mean numbers of spheres in the periodic cube, two or more, each at least 100.
    samples
        Number of samples, of every size or of each.
    rng
        Of all random numbers.

    Returns
    -------
    Estimate
        Sum of the volumes of the spheres per volume.
    """
    samplers = [(count ** (1.0 / 3.0), partial(sphere_sample, count)) for count in counts]
    return infinite_threshold(samplers, samples, rng)
