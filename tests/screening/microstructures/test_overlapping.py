"""Overlapping spheres percolate where they are known to."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest

from misei.screening.microstructures import finite_size
from misei.screening.microstructures.neighbours import neighbour_links
from misei.screening.microstructures.overlapping import (
    covered_fraction,
    overlapping_threshold,
    sphere_sample,
    wrapping_distance,
)
from misei.screening.microstructures.wrapping import first_wrapping_edge

# Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001).
EXACT_DENSITY, EXACT_FRACTION = 0.341889, 0.289573
PRINTED = 1e-6  # relative rounding of these
EXACT_TOLERANCE = 0.01  # relative, what the project asks for
STANDARD_ERRORS = 3.0
ROUNDING = 1e-12


def test_threshold_is_the_published_one_within_its_error():
    found = overlapping_threshold((300, 1000, 3000), 1000, np.random.default_rng(1))
    assert found.value == pytest.approx(EXACT_DENSITY, rel=EXACT_TOLERANCE)
    assert abs(found.value - EXACT_DENSITY) < STANDARD_ERRORS * found.standard_error
    assert found.standard_error < EXACT_TOLERANCE * EXACT_DENSITY


def test_covered_fraction_of_the_published_density_is_the_published_one():
    assert covered_fraction(EXACT_DENSITY) == pytest.approx(EXACT_FRACTION, rel=5 * PRINTED)
    assert covered_fraction(log(2.0)) == pytest.approx(0.5, abs=ROUNDING)
    assert covered_fraction(0.0) == 0.0


@pytest.mark.parametrize("edge", [3, 6, 10])
def test_a_simple_cubic_lattice_wraps_at_its_lattice_constant(edge):
    # Far denser than random spheres at their threshold, so that the reach has to grow.
    grid = np.stack(np.meshgrid(*[(np.arange(edge) + 0.5) / edge] * 3), axis=-1).reshape(-1, 3)
    assert wrapping_distance(grid) == pytest.approx(1.0 / edge, abs=ROUNDING)


def test_a_straight_chain_wraps_at_its_spacing():
    chain = np.full((40, 3), 0.3)
    chain[:, 2] = (np.arange(40) / 40 + 0.9) % 1.0
    assert wrapping_distance(chain) == pytest.approx(1.0 / 40, abs=ROUNDING)


def test_distance_is_that_of_the_first_wrapping_link_whatever_the_numbers_of_the_points():
    rng = np.random.default_rng(3)
    centres = rng.random((800, 3))
    links = neighbour_links(centres, 0.15).by_length()
    edge = first_wrapping_edge(800, links.first, links.second, links.shifts)
    expected = pytest.approx(links.lengths[edge], abs=ROUNDING)
    assert wrapping_distance(centres) == expected
    assert wrapping_distance(rng.permutation(centres)) == expected
    assert wrapping_distance((centres + rng.random(3)) % 1.0) == expected


def test_a_sample_is_the_density_of_spheres_that_touch_at_the_wrapping_distance():
    rng = np.random.default_rng(4)
    centres = rng.random((rng.poisson(500), 3))
    expected = 500 * pi / 6.0 * wrapping_distance(centres) ** 3
    assert sphere_sample(500, np.random.default_rng(4)) == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_points_are_refused(count):
    with pytest.raises(ValueError, match=r"no points|half the periodic cube"):
        wrapping_distance(np.full((count, 3), 0.5))


def test_threshold_does_not_depend_on_the_number_of_threads(monkeypatch):
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(finite_size, "THREADS", threads)
        found.append(overlapping_threshold((100, 200), (20, 10), np.random.default_rng(1)))
    assert found[0] == found[1]
