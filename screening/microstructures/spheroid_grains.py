"""Metal grains as hard spheroids that conduct when their surfaces come close enough.

The cherry-pit model of :mod:`misei.screening.microstructures.grains` for grains that are not
round: equal hard ellipsoids of revolution in equilibrium, placed and turned at random. Two of them
conduct when the gap between their surfaces, the shortest distance from one to the other, is at
most a tunnelling length; that is, when shells of constant thickness around them overlap
(Ambrosetti, Johner, Grimaldi, Danani and Ryser, Phys. Rev. E 78, 061126 (2008)). Ellipsoids with
semi-axes longer by half the tunnelling length are a common shortcut for those shells; they are
thinner, and ask for gaps that are wider by up to 3 % (aspect ratios 1/2 and 2), 11 % (1/5 and 5)
and 24 % (1/10 and 10). Lengths are in edges of the periodic cube.
"""

from __future__ import annotations

from math import pi

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled
from misei.screening.microstructures.hard_spheroids import Spheroids, unit
from misei.screening.microstructures.neighbours import Links, neighbour_links
from misei.screening.microstructures.spheroids import contact_weight, pair_of
from misei.screening.microstructures.wrapping import wrapping_length

NEWTON_STEPS = 100
NORMAL_TOLERANCE = 1e-6  # of the direction of a gap; the square of it is left in the gap
ENLARGED = 1.15  # the reach, where that did not wrap


@compiled
def _solve(matrix: Floats, right: Floats) -> Floats:
    # Of a symmetric 3 x 3 matrix, whose inverse has cross products of its rows as columns.
    solution = np.zeros(3)
    determinant = 0.0
    for row in range(3):
        after, last = matrix[(row + 1) % 3], matrix[(row + 2) % 3]
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            cross = after[i] * last[j] - after[j] * last[i]
            solution[k] += right[row] * cross
            determinant += matrix[row, k] * cross / 3.0
    return solution / determinant


@compiled
def _dot(one: Floats, other: Floats) -> float:
    product: float = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return product


@compiled
def _add_outer(matrix: Floats, factor: float, vector: Floats) -> None:
    for i in range(3):
        for j in range(3):
            matrix[i, j] += factor * vector[i] * vector[j]


@compiled
def surface_gap(
    separation: Floats, axis: Floats, other: Floats, aspect: float, largest: float
) -> float:
    """Return the shortest distance between the surfaces of two spheroids that do not overlap.

    Two parallel planes that keep the spheroids apart lie n . r - h(n) - h'(n) from each other, with
    h the reach of a spheroid along the normal n; the gap is the largest distance of such planes.
    On the unit sphere of normals that distance has one maximum and bends down wherever it is
    positive, so that Newton steps, which start from the planes that touch both spheroids grown
    into contact, go up to it.

    Parameters
    ----------
    separation
        r, from the centre of one to that of the other, in equatorial semi-axes, shape (3,).
    axis, other
        Their polar axes, unit vectors of shape (3,).
    aspect
        Polar over equatorial semi-axis.
    largest
        Gap, in equatorial semi-axes, beyond which it does not matter.

    Returns
    -------
    float
        In equatorial semi-axes; infinity beyond the largest.
    """
    e = aspect * aspect - 1.0
    t = contact_weight(pair_of(separation, axis, other), aspect)
    bend = np.eye(3)
    _add_outer(bend, (1.0 - t) * e, axis)
    _add_outer(bend, t * e, other)
    normal = unit(_solve(bend, separation))
    step = np.zeros(3)
    gap = -np.inf
    for _ in range(NEWTON_STEPS):
        trial = unit(normal + step)
        along, other_along = _dot(trial, axis), _dot(trial, other)
        reach, other_reach = np.sqrt(1.0 + e * along**2), np.sqrt(1.0 + e * other_along**2)
        distance = _dot(trial, separation) - reach - other_reach
        if distance > largest:
            return np.inf
        if distance < gap:  # too far
            step *= 0.5
            continue
        normal, gap = trial, distance
        point = (normal + e * along * axis) / reach  # of the surface, where the normal is
        other_point = (normal + e * other_along * other) / other_reach
        bend = (gap + 1.0 / reach + 1.0 / other_reach) * np.eye(3)
        # Steps are across the normal, along which any bend will do, also where the gap is none.
        _add_outer(bend, 1.0, normal)
        _add_outer(bend, e / reach, axis)
        _add_outer(bend, -1.0 / reach, point)
        _add_outer(bend, e / other_reach, other)
        _add_outer(bend, -1.0 / other_reach, other_point)
        step = _solve(bend, separation - point - other_point - gap * normal)
        if _dot(step, step) < NORMAL_TOLERANCE**2:
            break
    return gap


@compiled
def _surface_gaps(
    spheroids: Spheroids, first: Integers, second: Integers, shifts: Integers, largest: float
) -> Floats:
    centres, axes, semi_axis = spheroids.centres, spheroids.axes, spheroids.semi_axis
    gaps = np.empty(len(first))
    for link in range(len(first)):
        i, j = first[link], second[link]
        separation = (centres[j] + shifts[link] - centres[i]) / semi_axis
        gaps[link] = surface_gap(
            separation, axes[i], axes[j], spheroids.aspect, largest / semi_axis
        )
    return gaps * semi_axis


def gap_links(spheroids: Spheroids, reach: float) -> Links:
    """Return all pairs of hard spheroids whose surfaces are closer than ``reach``.

    Parameters
    ----------
    spheroids
        Without overlaps.
    reach
        Gap between surfaces; with the length of a spheroid at most half the cube.

    Returns
    -------
    Links
        Every pair once, in no order; lengths are gaps between surfaces.
    """
    links = neighbour_links(spheroids.centres, spheroids.length + reach)
    gaps = _surface_gaps(spheroids, links.first, links.second, links.shifts, reach)
    return Links(links.first, links.second, links.shifts, gaps).take(gaps < reach)


def wrapping_gap(spheroids: Spheroids) -> float:
    """Return the gap between surfaces at which connected spheroids first wrap around the cube.

    Parameters
    ----------
    spheroids
        Without overlaps.

    Returns
    -------
    float
        delta_c / D, with D the diameter of a sphere of the volume of one spheroid.

    Raises
    ------
    ValueError
        Where no cluster wraps before a spheroid and the gap make half the cube.
    """
    count = len(spheroids.centres)
    reach = _first_reach(spheroids)
    while True:
        links = gap_links(spheroids, reach)
        gap = wrapping_length(count, links.first, links.second, links.shifts, links.lengths)
        if gap < np.inf:
            return gap / spheroids.diameter
        reach *= ENLARGED


def _first_reach(spheroids: Spheroids) -> float:
    # A gap at which spheroids usually wrap, from a rough fit of what comes out.
    fraction = pi / 6.0 * len(spheroids.centres) * spheroids.diameter**3
    spheres = (0.37 / fraction) ** (1.0 / 3.0) - 1.0
    shape = 0.18 * (spheroids.aspect + 1.0 / spheroids.aspect - 2.0)
    return ENLARGED * spheroids.diameter * spheres**2 / (spheres + shape)
