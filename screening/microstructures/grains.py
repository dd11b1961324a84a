"""Metal grains as hard spheres that conduct when their surfaces come close enough ("cherry pits").

Hard spheres in equilibrium in a periodic unit cube; two of them conduct when the gap between
their surfaces is at most a tunnelling length (Torquato, Random Heterogeneous Materials, Springer
2002; Balberg and Binenbaum, Phys. Rev. B 35, 8749 (1987); Rottereau et al., Eur. Phys. J. E 11,
61 (2003)). One configuration gives one sample of the gap at which a cluster first wraps around
the cube. All lengths are in edges of the cube.
"""

from __future__ import annotations

from math import pi

import numpy as np

from misei.screening.microstructures.compiled import Floats
from misei.screening.microstructures.hard_spheres import (
    empty_cells,
    event_chains,
    fill,
    grow,
    insert,
)
from misei.screening.microstructures.neighbours import Links, neighbour_links
from misei.screening.microstructures.wrapping import wrapping_length

# Equal spheres freeze at 0.494 (Hoover and Ree, J. Chem. Phys. 49, 3609 (1968)).
LARGEST_FRACTION = 0.494
INSERTED_FRACTION = 0.3  # random insertion alone takes long beyond
GROWTH_STEPS = 1000  # 60 grains or more take about 100, at any fraction
FEWEST_LARGE = 99  # large grains, so that chance decides little
# Path of an event chain in mean spacings of the grains, and in cube edges at most.
CHAIN_SPACINGS, LONGEST_CHAIN = 4.0, 0.3


def grain_diameters(
    fraction: float, count: int, size_ratio: float = 1.0, small_share: float = 0.0
) -> Floats:
    """Return the diameters of grains of one or two sizes.

    Parameters
    ----------
    fraction
        Volume fraction of all grains.
    count
        Number of grains in the unit cube.
    size_ratio
        Diameter of the large grains over that of the small ones.
    small_share
        Share of the grain volume in small grains, from 0 to less than 1; met as closely as whole
        numbers of grains allow.

    Returns
    -------
    ndarray of shape (count,)
        In cube edges, the large ones first.

    Raises
    ------
    ValueError
        For a fraction at which spheres freeze, or so few grains that less than
        :data:`FEWEST_LARGE` of two sizes would be large.
    """
    if not 0.0 <= fraction <= LARGEST_FRACTION:
        raise ValueError(f"grain fraction {fraction} is not in 0 to {LARGEST_FRACTION}")
    if size_ratio < 1.0 or not 0.0 <= small_share < 1.0:
        raise ValueError(f"size ratio {size_ratio} is below 1 or small share {small_share} not < 1")
    small_per_large = small_share / (1.0 - small_share) * size_ratio**3
    large = round(count / (1.0 + small_per_large))
    if small_share > 0.0 and large < FEWEST_LARGE:
        raise ValueError(
            f"only {large} of {count} grains would be large; "
            f"take {round(FEWEST_LARGE * (1.0 + small_per_large))} or more"
        )
    relative = np.ones(count)
    relative[large:] = 1.0 / size_ratio
    scale = (6.0 * fraction / (pi * (relative**3).sum())) ** (1.0 / 3.0)
    return np.asarray(scale * relative)


def insert_grains(diameters: Floats, rng: np.random.Generator) -> Floats:
    """Put hard spheres into a periodic unit cube, without overlaps but not in equilibrium.

    Random sequential insertion, the largest first. Beyond a volume fraction of
    :data:`INSERTED_FRACTION` smaller ones are inserted, which then grow wherever there is room
    while event chains (:func:`equilibrate`) move them.

    Parameters
    ----------
    diameters
        In cube edges, at most 1/3 each, of a few different sizes; shape (count,).
    rng
        For the places.

    Returns
    -------
    ndarray of shape (count, 3)
        Centres, coordinates 0 to 1.

    Raises
    ------
    ValueError
        For diameters beyond 1/3, a volume fraction at which spheres freeze, or so few grains
        that they lock each other before they are grown.
    """
    fraction = pi / 6.0 * (diameters**3).sum()
    if fraction > LARGEST_FRACTION + 1e-9:
        raise ValueError(f"grains fill {fraction:.3f}, but are fluid up to {LARGEST_FRACTION}")
    cells = empty_cells(diameters)
    centres = np.empty((len(diameters), 3))
    grown = diameters.copy()
    if fraction > INSERTED_FRACTION:
        grown *= (INSERTED_FRACTION / fraction) ** (1.0 / 3.0)
    insert(cells, centres, grown, np.argsort(-diameters, kind="stable"), rng)
    for _ in range(GROWTH_STEPS):
        if (grown == diameters).all():
            return centres
        event_chains(cells, centres, grown, _chain(centres), len(centres) // 50 + 1, rng)
        grow(cells, centres, grown, diameters)
    raise ValueError(f"{len(centres)} grains lock at a fraction of {fraction:.3f}: take more")


def equilibrate(
    centres: Floats, diameters: Floats, sweeps: int, rng: np.random.Generator
) -> Floats:
    """Move hard spheres by event-chain Monte Carlo.

    A grain moves along an axis until it hits another one, which moves on, until the chain has run
    a given path (Bernard, Krauth and Wilson, Phys. Rev. E 80, 056704 (2009)). Long waves of the
    density relax far sooner than by single displacements: at 45 % grains the wrapping gap settles
    within about 80 sweeps, while 160 sweeps of Metropolis Monte Carlo leave it 5 % low.

    Parameters
    ----------
    centres
        Without overlaps, coordinates 0 to 1, shape (count, 3).
    diameters
        In cube edges, at most 1/3 each, shape (count,).
    sweeps
        Moves per grain; :func:`settling_sweeps` says how many are enough.
    rng
        For the chains.

    Returns
    -------
    ndarray of shape (count, 3)

    Raises
    ------
    ValueError
        For diameters beyond 1/3.
    """
    cells = empty_cells(diameters)
    centres = centres.copy()
    fill(cells, centres)
    path = _chain(centres)
    chains = len(centres) // 10 + 1
    # A trial says how many chains move every grain once on average.
    moves = event_chains(cells, centres, diameters, path, chains, rng)
    chains = round(sweeps * chains * len(centres) / moves)
    event_chains(cells, centres, diameters, path, chains, rng)
    return centres


def settling_sweeps(fraction: float) -> int:
    """Return the sweeps after which inserted grains of this volume fraction are in equilibrium.

    Measured on the wrapping gap of 5,000 equal spheres: 15 to 20 at 30 %, 80 at 45 %, 160 at
    49 %. Spheres that come from a simple cubic lattice agree by then.
    """
    return round(20.0 / (1.0 - fraction / 0.54))


def gap_links(centres: Floats, diameters: Floats, reach: float) -> Links:
    """Return all pairs of grains whose surfaces are closer than ``reach``.

    Parameters
    ----------
    centres
        Coordinates 0 to 1, shape (count, 3).
    diameters
        In cube edges, shape (count,).
    reach
        Gap between surfaces; with the largest diameter at most half the cube.

    Returns
    -------
    Links
        Every pair once, in no order; lengths are gaps between surfaces.
    """
    links = neighbour_links(centres, float(diameters.max()) + reach)
    gaps = links.lengths - 0.5 * (diameters[links.first] + diameters[links.second])
    return Links(links.first, links.second, links.shifts, gaps).take(gaps < reach)


def wrapping_gap(centres: Floats, diameters: Floats) -> float:
    """Return the gap between surfaces at which connected grains first wrap around the cube.

    Parameters
    ----------
    centres
        Coordinates 0 to 1, shape (count, 3).
    diameters
        In cube edges, shape (count,).

    Raises
    ------
    ValueError
        Where no cluster wraps before the largest grains and the gap make half the cube.
    """
    reach, limit = _first_reach(diameters), 0.5 - float(diameters.max())
    while True:
        links = gap_links(centres, diameters, min(reach, limit))
        gap = wrapping_length(len(centres), links.first, links.second, links.shifts, links.lengths)
        if np.isfinite(gap):
            return gap
        if reach > limit:
            raise ValueError(f"{len(centres)} grains are too few to wrap around the cube")
        reach *= 1.2


def _first_reach(diameters: Floats) -> float:
    # A gap at which grains usually wrap: the shells then fill about this many cubes.
    shells = 0.4 + 0.3 * pi / 6.0 * (diameters**3).sum()
    one, two, three = ((diameters**power).sum() for power in (1, 2, 3))
    roots = np.roots([len(diameters), 3.0 * one, 3.0 * two, three - 6.0 * shells / pi])
    return float(roots[np.isreal(roots)].real.max())


def _chain(centres: Floats) -> float:
    return min(LONGEST_CHAIN, CHAIN_SPACINGS * len(centres) ** (-1.0 / 3.0))
