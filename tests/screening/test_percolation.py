from __future__ import annotations

import json
from math import log, pi

import numpy as np
import pytest
from scipy.spatial import cKDTree

from misei.screening import cherry_pit
from misei.screening.percolation import (
    TABLE_PATH,
    PercolationInputError,
    core_threshold,
    percolation_probability,
    percolation_threshold,
)

# Overlapping spheres: Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001).
ETA_OVERLAPPING = 0.341889
TABLE_TOLERANCE = 0.01  # relative
SMALL_RUN_TOLERANCE = 0.03  # relative, a few hundred configurations of 400 spheres
CONTACT_CONFIGURATIONS = 40
CONTACT_TOLERANCE = 0.04  # relative


def test_overlapping_spheres_in_the_table() -> None:
    row = json.loads(TABLE_PATH.read_text())["points"][0]
    assert row["lambda"] == 0.0
    assert row["shell_density"] == pytest.approx(ETA_OVERLAPPING, rel=TABLE_TOLERANCE)


def test_monte_carlo_of_overlapping_spheres() -> None:
    density, error = cherry_pit.critical_shell_density(0.0, 400, 300, np.random.default_rng(2))
    assert density == pytest.approx(ETA_OVERLAPPING, rel=SMALL_RUN_TOLERANCE)
    assert 0 < error < SMALL_RUN_TOLERANCE * density


def test_monte_carlo_of_hard_spheres_agrees_with_the_table() -> None:
    row = next(p for p in json.loads(TABLE_PATH.read_text())["points"] if p["lambda"] > 0.4)
    density, _ = cherry_pit.critical_shell_density(
        row["core_fraction"], 400, 100, np.random.default_rng(3)
    )
    assert density == pytest.approx(row["shell_density"], rel=SMALL_RUN_TOLERANCE)


def test_wrapping_distance_of_a_lattice() -> None:
    # A simple cubic lattice of 4 x 4 x 4 points connects at its lattice constant and no sooner.
    grid = np.stack(np.meshgrid(*[np.arange(4) / 4] * 3), axis=-1).reshape(-1, 3)
    assert cherry_pit.wrapping_distance(grid) == pytest.approx(0.25)


def test_wrapping_needs_the_whole_way_around() -> None:
    # A row of points along x with one gap of 0.3: it wraps when the gap closes.
    x = np.linspace(0.0, 0.7, 15)
    row = np.column_stack([x, np.full(15, 0.5), np.full(15, 0.5)])
    assert cherry_pit.wrapping_distance(row) == pytest.approx(0.3)


def test_hard_spheres_never_overlap() -> None:
    rng = np.random.default_rng(4)
    diameter = cherry_pit.sphere_diameter(0.25, 300)
    assert 300 * pi * diameter**3 / 6 == pytest.approx(0.25)
    start = cherry_pit.insert_spheres(300, diameter, rng)
    for points in (start, cherry_pit.equilibrate(start, diameter, 5, rng)):
        nearest = cKDTree(points, boxsize=1.0).query(points, k=2)[0][:, 1]
        assert len(points) == 300
        assert nearest.min() >= diameter * (1 - 1e-9)


def test_hard_spheres_reach_equilibrium() -> None:
    # Pair correlation at contact against Carnahan and Starling, J. Chem. Phys. 51, 635 (1969);
    # random insertion alone gives 10 % less.
    rng, count, fraction = np.random.default_rng(1), 500, 0.25
    diameter = cherry_pit.sphere_diameter(fraction, count)
    edges = np.linspace(1.0, 1.1, 6)
    pairs = np.zeros(6)
    for _ in range(CONTACT_CONFIGURATIONS):
        points = cherry_pit.insert_spheres(count, diameter, rng)
        points = cherry_pit.equilibrate(points, diameter, cherry_pit.SWEEPS, rng)
        tree = cKDTree(points, boxsize=1.0)
        pairs += tree.count_neighbors(tree, edges * diameter) - count
    shells = CONTACT_CONFIGURATIONS * count**2 * 4 / 3 * pi * np.diff((edges * diameter) ** 3)
    correlation = np.diff(pairs) / shells
    at_contact = np.polyval(np.polyfit(edges[:-1] - 0.99, correlation, 1), 0.0)
    expected = (1 - fraction / 2) / (1 - fraction) ** 3
    assert at_contact == pytest.approx(expected, rel=CONTACT_TOLERANCE)


def test_default_threshold_lies_where_the_experiment_says() -> None:
    threshold = percolation_threshold()
    assert 0.013 < threshold.value < 0.037
    assert threshold.interval[0] < threshold.value < threshold.interval[1]
    assert 0 < threshold.standard_error < 0.02 * threshold.value
    for text in ("cherry-pit", "2 nm (1.5-3)", "2.5 nm (2-3)"):
        assert text in threshold.model


def test_core_volume_of_a_table_point() -> None:
    row = json.loads(TABLE_PATH.read_text())["points"][3]
    value, error = core_threshold(row["lambda"])
    assert value == pytest.approx(row["core_fraction"], rel=1e-3)
    assert error == pytest.approx(row["standard_error"] * row["lambda"] ** 3)


def test_only_the_ratio_of_the_lengths_counts() -> None:
    assert percolation_threshold(4.0, 5.0).value == pytest.approx(percolation_threshold().value)
    values = [percolation_threshold(d).value for d in (1.0, 2.0, 4.0, 8.0)]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("grain", "tunnelling", "message"),
    [
        (0.0, 2.5, "grain diameter 0.0 nm is not positive"),
        (2.0, -1.0, "tunnelling length -1.0 nm is not positive"),
        (float("nan"), 2.5, "not positive"),
        (500.0, 2.5, "outside the table"),
    ],
)
def test_bad_lengths(grain: float, tunnelling: float, message: str) -> None:
    with pytest.raises(PercolationInputError, match=message):
        percolation_threshold(grain, tunnelling)


def test_probability_is_none_below_the_range_and_one_above() -> None:
    low, high = percolation_threshold().interval
    assert percolation_probability(0.0) == percolation_probability(low) == 0.0
    assert percolation_probability(high) == 1.0


def test_probability_counts_the_grains_that_percolate() -> None:
    # Without a range of delta the grains that percolate are those up to one diameter: V_f = V_p at
    # D = 2 nm, which halves the logarithm of 1.5 to 3 nm at ln(2 / 1.5) / ln(2).
    at_two = percolation_threshold(2.0, 2.5).value
    share = log(2.0 / 1.5) / log(2.0)
    # delta spreads evenly about 2.5 nm, so that the share hardly moves.
    assert percolation_probability(at_two) == pytest.approx(share, abs=0.02)


def test_probability_grows_with_the_metal() -> None:
    fractions = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
    probabilities = [percolation_probability(fraction) for fraction in fractions]
    assert probabilities == sorted(probabilities)
    assert probabilities[0] < 0.01 < 0.9 < probabilities[-1]


def test_probability_refuses_what_the_threshold_refuses() -> None:
    with pytest.raises(PercolationInputError, match="not positive"):
        percolation_probability(0.01, grain_diameter_nm=0.0)
