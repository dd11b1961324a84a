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
from typing import NamedTuple

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled
from misei.screening.microstructures.neighbours import Links, neighbour_links
from misei.screening.microstructures.spheroids import (
    contact,
    contact_bound,
    contact_weight,
    pair_of,
)
from misei.screening.microstructures.wrapping import wrapping_length

ATTEMPTS = 100_000  # to find room for one spheroid
ACCEPTED = 0.4  # of the moves, which sets their length
NEWTON_STEPS = 100
ENLARGED = 1.15  # the reach, where that did not wrap
NORMAL_TOLERANCE = 1e-6  # of the direction of a gap; the square of it is left in the gap


class Spheroids(NamedTuple):
    """Equal spheroids and the cells that they lie in.

    Attributes
    ----------
    centres, axes
        Coordinates 0 to 1 and unit vectors along the polar axes, shape (count, 3).
    semi_axis, aspect
        Equatorial semi-axis, and the polar one over it.
    heads
        A spheroid in each cell or -1, shape (edge, edge, edge).
    following
        Next spheroid in the same cell or -1, shape (count,).
    """

    centres: Floats
    axes: Floats
    semi_axis: float
    aspect: float
    heads: Integers
    following: Integers

    @property
    def length(self) -> float:
        """The longer axis."""
        return 2.0 * self.semi_axis * max(self.aspect, 1.0)

    @property
    def diameter(self) -> float:
        """Of a sphere of the volume of one spheroid."""
        return float(2.0 * self.semi_axis * self.aspect ** (1.0 / 3.0))


def _no_spheroids(core_fraction: float, aspect: float, count: int) -> Spheroids:
    semi_axis = (3.0 * core_fraction / (4.0 * pi * aspect * count)) ** (1.0 / 3.0)
    length = 2.0 * semi_axis * max(aspect, 1.0)
    if length > 1.0 / 3.0:
        raise ValueError(
            f"spheroids of length {length:.3f} in a unit cube meet their own images: take more "
            f"than {count}"
        )
    # Those that can touch lie in neighbouring cells; about one in a cell, or more if they are long.
    edge = max(3, min(int(1.0 / length), round(count ** (1.0 / 3.0))))
    places = np.empty((count, 3)), np.empty((count, 3))
    return Spheroids(*places, semi_axis, aspect, np.full((edge,) * 3, -1), np.full(count, -1))


@compiled
def _cell(spheroids: Spheroids, centre: Floats) -> tuple[int, int, int]:
    edge = len(spheroids.heads)
    # The remainder is for a coordinate of 1.0, which rounding can give.
    x, y, z = int(centre[0] * edge), int(centre[1] * edge), int(centre[2] * edge)
    return x % edge, y % edge, z % edge


@compiled
def _put(spheroids: Spheroids, i: int) -> None:
    cell = _cell(spheroids, spheroids.centres[i])
    spheroids.following[i] = spheroids.heads[cell]
    spheroids.heads[cell] = i


@compiled
def _remove(spheroids: Spheroids, i: int) -> None:
    cell = _cell(spheroids, spheroids.centres[i])
    if spheroids.heads[cell] == i:
        spheroids.heads[cell] = spheroids.following[i]
        return
    before = spheroids.heads[cell]
    while spheroids.following[before] != i:
        before = spheroids.following[before]
    spheroids.following[before] = spheroids.following[i]


@compiled
def _fits(spheroids: Spheroids, i: int, centre: Floats, axis: Floats) -> bool:
    # Is there room for spheroid i, wherever it is now?
    square = spheroids.semi_axis**2
    longest = 4.0 * square * max(spheroids.aspect, 1.0) ** 2
    shortest = 4.0 * square * min(spheroids.aspect, 1.0) ** 2
    edge = len(spheroids.heads)
    x, y, z = _cell(spheroids, centre)
    separation = np.empty(3)
    for step in range(27):
        cell = (
            (x + step // 9 - 1) % edge,
            (y + step // 3 % 3 - 1) % edge,
            (z + step % 3 - 1) % edge,
        )
        other = spheroids.heads[cell]
        while other >= 0:
            distance = 0.0
            for k in range(3):
                separation[k] = spheroids.centres[other, k] - centre[k]
                separation[k] -= np.round(separation[k])
                distance += separation[k] ** 2
            if other != i and distance < longest:
                if distance < shortest:
                    return False
                pair = pair_of(separation, axis, spheroids.axes[other])
                if (
                    contact_bound(pair, spheroids.aspect) < square
                    and contact(pair, spheroids.aspect) < square
                ):
                    return False
            other = spheroids.following[other]
    return True


@compiled
def _unit(vector: Floats) -> Floats:
    return vector / np.sqrt((vector**2).sum())


@compiled
def _insert(spheroids: Spheroids, rng: np.random.Generator) -> bool:
    for i in range(len(spheroids.centres)):
        for _ in range(ATTEMPTS):
            centre, axis = rng.random(3), _unit(rng.standard_normal(3))
            if _fits(spheroids, i, centre, axis):
                break
        else:
            return False
        spheroids.centres[i], spheroids.axes[i] = centre, axis
        _put(spheroids, i)
    return True


@compiled
def _sweep(spheroids: Spheroids, step: float, rng: np.random.Generator) -> int:
    # Try to move and turn every spheroid once; how many do. The step is in longest semi-axes.
    path = step * spheroids.semi_axis * max(spheroids.aspect, 1.0)
    moved = 0
    for i in range(len(spheroids.centres)):
        centre = (spheroids.centres[i] + path * (2.0 * rng.random(3) - 1.0)) % 1.0
        axis = _unit(spheroids.axes[i] + step * rng.standard_normal(3))
        if _fits(spheroids, i, centre, axis):
            _remove(spheroids, i)
            spheroids.centres[i], spheroids.axes[i] = centre, axis
            _put(spheroids, i)
            moved += 1
    return moved


@compiled
def _equilibrate(spheroids: Spheroids, sweeps: int, rng: np.random.Generator) -> float:
    # The length of the moves is set in the first half and stays in the second.
    count = len(spheroids.centres)
    longest = 0.5 / (spheroids.semi_axis * max(spheroids.aspect, 1.0))
    step = 1.0
    for sweep in range(sweeps):
        moved = _sweep(spheroids, step, rng)
        if 2 * sweep < sweeps:
            step = min(longest, step * (1.1 if moved > ACCEPTED * count else 1.0 / 1.1))
    return step


def hard_spheroids(
    core_fraction: float, aspect: float, count: int, sweeps: int, rng: np.random.Generator
) -> Spheroids:
    """Return equal hard spheroids in equilibrium in a periodic unit cube.

    Inserted at random, then moved and turned by Metropolis Monte Carlo. Not beyond fractions where
    they are an isotropic fluid (aspect ratios 10 and 1/10: to about 0.18).

    Parameters
    ----------
    core_fraction
        Volume fraction of the spheroids.
    aspect
        Polar over equatorial semi-axis.
    count
        How many.
    sweeps
        Attempted moves of each. Insertion alone leaves gaps 2 to 8 % too wide at a fraction of
        0.15; 50 sweeps bring them down.
    rng
        Of all random numbers.

    Raises
    ------
    ValueError
        For spheroids longer than a third of the cube, or too dense to be inserted.
    """
    spheroids = _no_spheroids(core_fraction, aspect, count)
    if not _insert(spheroids, rng):
        raise ValueError(
            f"no room for {count} spheroids of aspect ratio {aspect:g} at a fraction of "
            f"{core_fraction:g}"
        )
    _equilibrate(spheroids, sweeps, rng)
    return spheroids


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
    normal = _unit(_solve(bend, separation))
    step = np.zeros(3)
    gap = -np.inf
    for _ in range(NEWTON_STEPS):
        trial = _unit(normal + step)
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
