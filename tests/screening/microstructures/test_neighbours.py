"""Pairs of a periodic cube, against scipy's tree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from misei.screening.microstructures.neighbours import neighbour_links

ROUNDING = 1e-12  # of coordinates of order one
# Counts and reaches: many cells, three cells along an edge, two, one, and more cells than points.
CASES = [(2000, 0.06), (500, 0.3), (200, 0.4), (100, 0.5), (20, 0.02), (1, 0.2), (0, 0.2)]


def random_centres(count):
    return np.random.default_rng(count).random((count, 3))


def pairs(links):
    return {frozenset(pair) for pair in zip(links.first, links.second, strict=True)}


@pytest.mark.parametrize(("count", "reach"), CASES)
def test_pairs_are_those_of_a_periodic_tree_each_once(count, reach):
    centres = random_centres(count)
    links = neighbour_links(centres, reach)
    expected = cKDTree(centres, boxsize=1.0).query_pairs(reach) if count else set()
    assert pairs(links) == {frozenset(pair) for pair in expected}
    assert len(links) == len(expected)


@pytest.mark.parametrize(("count", "reach"), CASES)
def test_lengths_are_distances_to_the_nearest_image_which_is_the_shifted_one(count, reach):
    centres = random_centres(count)
    links = neighbour_links(centres, reach)
    separation = centres[links.second] - centres[links.first]
    shifted = np.linalg.norm(separation + links.shifts, axis=1)
    nearest = np.linalg.norm(separation - np.round(separation), axis=1)
    np.testing.assert_allclose(links.lengths, shifted, atol=ROUNDING)
    np.testing.assert_allclose(links.lengths, nearest, atol=ROUNDING)
    assert (links.lengths < reach).all()


def test_points_on_the_faces_edges_and_corners_of_cells_are_found():
    grid = np.stack(np.meshgrid(*[np.arange(5) / 5.0] * 3), axis=-1).reshape(-1, 3)
    links = neighbour_links(grid, 0.2 + ROUNDING)
    assert len(links) == 3 * len(grid)
    np.testing.assert_allclose(links.lengths, 0.2, atol=ROUNDING)
    # A coordinate of one is the same face as zero.
    far = np.where(grid == 0.0, 1.0, grid)
    assert pairs(neighbour_links(far, 0.2 + ROUNDING)) == pairs(links)


def test_crowded_points_need_more_room_than_expected_and_get_it():
    centres = 0.05 * random_centres(1000)
    links = neighbour_links(centres, 0.1)
    assert len(links) == 1000 * 999 // 2


def test_pairs_do_not_depend_on_where_the_cube_begins():
    centres = random_centres(1000)
    moved = (centres + np.array([0.31, 0.77, 0.5])) % 1.0
    assert pairs(neighbour_links(centres, 0.1)) == pairs(neighbour_links(moved, 0.1))


def test_sorted_links_are_the_same_links_the_shortest_first():
    links = neighbour_links(random_centres(500), 0.15)
    ordered = links.by_length()
    assert (np.diff(ordered.lengths) >= 0).all()
    assert pairs(ordered) == pairs(links)
    short = links.take(links.lengths < 0.1)
    assert pairs(short) == pairs(neighbour_links(random_centres(500), 0.1))


@pytest.mark.parametrize("reach", [0.51, 0.0, -0.1, float("nan")])
def test_a_reach_beyond_half_the_cube_or_below_zero_is_refused(reach):
    with pytest.raises(ValueError, match="half the periodic cube"):
        neighbour_links(random_centres(10), reach)


@pytest.mark.parametrize("bad", [-0.01, 1.01, float("nan")])
def test_points_outside_the_cube_are_refused(bad):
    centres = random_centres(100)
    centres[7, 1] = bad
    with pytest.raises(ValueError, match="not in 0 to 1"):
        neighbour_links(centres, 0.1)
