"""Percolation of overlapping grains that are not round: fully penetrable spheroids.

Ellipsoids of revolution of one size, placed and turned at random (Poisson process, isotropic).
The aspect ratio is polar over equatorial semi-axis: prolate above 1, oblate below. All grow by
one factor until a cluster wraps around the periodic cube.

Two spheroids grown together about their centres touch at a scale given by the contact function of
Perram and Wertheim (J. Comput. Phys. 58, 409 (1985)),
F = max over t in [0, 1] of t (1 - t) r^T [(1 - t) A + t B]^-1 r, which is 1 where they touch and
goes as scale^-2. Here A = 1 + e u u^T with e = aspect^2 - 1 (semi-axes aspect and 1, polar axis
u), so that the inverse can be written out: with w = t (1 - t),

    F = max w [(1 - t) P + t Q + e^2 w (r . u x v)^2] / [aspect^2 + e^2 w |u x v|^2],
    P = (u . r)^2 + aspect^2 |u x r|^2 and Q the same with v,

a sum of positive terms over another, which rounding does not harm.

Published thresholds (covered fractions 0.2618, 0.1627 and 0.0870 at aspect ratios 2, 5 and 10:
Garboczi, Snyder, Douglas and Thorpe, Phys. Rev. E 52, 819 (1995)) are not those of isotropic
spheroids, which percolate earlier: 0.249, 0.134 and 0.068. The whole published table, for aspect
ratios of 1/1000 to 10, comes out to 3 % when both angles of the polar axis are drawn from 0 to 90
degrees (:func:`octant_axes`), so that the axes are partly aligned. For thin discs the isotropic
thresholds approach the published eta_c = 0.9614 aspect (Yi and Tawerghi, Phys. Rev. E 79, 041134
(2009)) to 1.5 %; that table lies 30 % above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import pi

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled
from misei.screening.microstructures.finite_size import Estimate, infinite_threshold
from misei.screening.microstructures.neighbours import Links, neighbour_links
from misei.screening.microstructures.wrapping import wrapping_length

# (u . r)^2, |u x r|^2, (v . r)^2, |v x r|^2, |u x v|^2 and (r . u x v)^2.
Pair = tuple[float, float, float, float, float, float]
Axes = Callable[[int, np.random.Generator], Floats]

# The maximum is flat: an error of this size in t leaves one of about its square in F.
WEIGHT_TOLERANCE = 1e-7
ROOM = 1.05  # longest links looked at over those expected at the threshold


def random_axes(count: int, rng: np.random.Generator) -> Floats:
    """Return unit vectors of random direction, shape (count, 3)."""
    axes = rng.standard_normal((count, 3))
    lengths: Floats = np.linalg.norm(axes, axis=1, keepdims=True)
    return axes / lengths


def octant_axes(count: int, rng: np.random.Generator) -> Floats:
    """Return unit vectors whose polar and azimuthal angles are uniform over 0 to 90 degrees.

    Shape (count, 3). Not isotropic: they reproduce the table of Garboczi et al. (see the module).
    """
    polar, azimuth = rng.uniform(0.0, pi / 2.0, (2, count))
    across = np.sin(polar)
    return np.stack([across * np.cos(azimuth), across * np.sin(azimuth), np.cos(polar)], axis=1)


@compiled
def pair_of(separation: Floats, axis: Floats, other: Floats) -> Pair:
    """Return what the contact function needs to know of two spheroids.

    Parameters
    ----------
    separation
        r, from the centre of one to that of the other, shape (3,).
    axis, other
        Their polar axes u and v, unit vectors of shape (3,).

    Returns
    -------
    tuple
        (u . r)^2, |u x r|^2, (v . r)^2, |v x r|^2, |u x v|^2 and (r . u x v)^2.
    """
    along = other_along = across = other_across = sine = volume = 0.0
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        cross = axis[i] * other[j] - axis[j] * other[i]
        along += axis[k] * separation[k]
        other_along += other[k] * separation[k]
        across += (axis[i] * separation[j] - axis[j] * separation[i]) ** 2
        other_across += (other[i] * separation[j] - other[j] * separation[i]) ** 2
        sine += cross**2
        volume += cross * separation[k]
    return along**2, across, other_along**2, other_across, sine, volume**2


@compiled
def _ratio(pair: Pair, aspect: float, t: float) -> float:
    # What the contact function is the maximum of.
    along, across, other_along, other_across, sine, volume = pair
    square, weight = aspect * aspect, t * (1.0 - t)
    curved = weight * (square - 1.0) ** 2
    sides = (1.0 - t) * (along + square * across) + t * (other_along + square * other_across)
    return weight * (sides + curved * volume) / (square + curved * sine)


@compiled
def contact_bound(pair: Pair, aspect: float) -> float:
    """Return a lower bound of :func:`contact`, at a fraction of its cost."""
    return _ratio(pair, aspect, 0.5)


@compiled
def contact_weight(pair: Pair, aspect: float) -> float:
    """Return the t at which the contact function takes its maximum."""
    along, across, other_along, other_across, sine, volume = pair
    square = aspect * aspect
    begin = along + square * across
    slope = other_along + square * other_across - begin
    volume *= (square - 1.0) ** 2
    sine *= (square - 1.0) ** 2
    low, high, t = 0.0, 1.0, 0.5
    # F is concave in t, so that the sign of its slope says on which side the maximum is: Newton
    # steps towards a slope of zero, halving where they would leave the bracket.
    for _ in range(60):
        w, dw = t * (1.0 - t), 1.0 - 2.0 * t
        n, dn = begin + slope * t + volume * w, slope + volume * dw
        d = square + sine * w
        rise = (dw * n + w * dn) * d - w * n * sine * dw
        bend = 2.0 * (dw * dn - n - volume * w) * d + 2.0 * w * n * sine
        if rise > 0.0:
            low = t
        else:
            high = t
        new = t - rise / bend if bend < 0.0 else -1.0
        if not low <= new <= high:
            new = 0.5 * (low + high)
        step, t = abs(new - t), new
        if step < WEIGHT_TOLERANCE:
            break
    return t


@compiled
def contact(pair: Pair, aspect: float) -> float:
    """Return the contact function F of two spheroids with semi-axes ``aspect``, 1 and 1.

    They touch when both are scaled by sqrt(F) about their centres; below 1 they overlap.

    Parameters
    ----------
    pair
        From :func:`pair_of`.
    aspect
        Polar over equatorial semi-axis.
    """
    return _ratio(pair, aspect, contact_weight(pair, aspect))


@compiled
def _touching(
    centres: Floats,
    axes: Floats,
    first: Integers,
    second: Integers,
    shifts: Integers,
    aspect: float,
    largest: float,
) -> Floats:
    # Scale at which each pair touches, infinity where that is beyond the largest.
    scales = np.full(len(first), np.inf)
    for link in range(len(first)):
        i, j = first[link], second[link]
        pair = pair_of(centres[j] + shifts[link] - centres[i], axes[i], axes[j])
        if contact_bound(pair, aspect) <= largest**2:
            scales[link] = np.sqrt(contact(pair, aspect))
    return scales


def touching_links(centres: Floats, axes: Floats, aspect: float, largest: float) -> Links:
    """Return the pairs of spheroids that touch before they grow too large.

    Parameters
    ----------
    centres
        In the periodic unit cube, shape (count, 3).
    axes
        Polar axes, unit vectors of shape (count, 3).
    aspect
        Polar over equatorial semi-axis.
    largest
        Equatorial semi-axis, in cube edges, at which growth ends.

    Returns
    -------
    Links
        In no order; lengths are the equatorial semi-axes at which the pairs touch.

    Raises
    ------
    ValueError
        Where the largest spheroids are longer than half the cube.
    """
    links = neighbour_links(centres, 2.0 * largest * max(aspect, 1.0))
    scales = _touching(centres, axes, links.first, links.second, links.shifts, aspect, largest)
    touching = Links(links.first, links.second, links.shifts, scales)
    return touching.take(scales <= largest)


def overlapping_spheroid_sample(
    aspect: float, mean_count: float, rng: np.random.Generator, axes_of: Axes = random_axes
) -> float:
    """Return the density at which overlapping spheroids of one sample first wrap.

    Parameters
    ----------
    aspect
        Polar over equatorial semi-axis.
    mean_count
        Mean of the Poisson distributed number of spheroids.
    rng
        Source of the sample.
    axes_of
        Draws the polar axes; isotropic unless told otherwise.

    Returns
    -------
    float
        eta = mean number times volume of one, over that of the cube.

    Raises
    ------
    ValueError
        For so few spheroids that they reach half around the cube before they wrap.
    """
    count = rng.poisson(mean_count)
    centres, axes = rng.random((count, 3)), axes_of(count, rng)
    unit = mean_count * 4.0 / 3.0 * pi * aspect  # eta where the equatorial semi-axis is 1
    # An upper fit of what comes out: exact for oblate ones to 1 %, too large for prolate ones.
    guess = 1.0 / (0.9 + aspect + 1.0 / aspect)
    largest = ROOM * (guess / unit) ** (1.0 / 3.0)
    while True:
        links = touching_links(centres, axes, aspect, largest)
        scale = wrapping_length(count, links.first, links.second, links.shifts, links.lengths)
        if scale < np.inf:
            return unit * scale**3
        largest *= ROOM


def overlapping_spheroid_threshold(
    aspect: float,
    counts: Sequence[float],
    samples: int | Sequence[int],
    rng: np.random.Generator,
    axes_of: Axes = random_axes,
) -> Estimate:
    """Return the percolation threshold of overlapping spheroids.

    Parameters
    ----------
    aspect
        Polar over equatorial semi-axis.
    counts
        Mean numbers of spheroids, one for each system size, at least two.
    samples
        Independent samples of each size.
    rng
        Source of the samples.
    axes_of
        Draws the polar axes; isotropic unless told otherwise.

    Returns
    -------
    Estimate
        eta_c of the infinite system; they fill the fraction phi_c = 1 - exp(-eta_c).
    """
    samplers = [
        (count ** (1.0 / 3.0), partial(overlapping_spheroid_sample, aspect, count, axes_of=axes_of))
        for count in counts
    ]
    return infinite_threshold(samplers, samples, rng)
