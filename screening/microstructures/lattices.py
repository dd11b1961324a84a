"""Site and bond percolation on cubic lattices, whose thresholds are known to many digits.

What the Monte Carlo of particles is checked against: it finds its thresholds in the same way, as
the quantile of wrapping thresholds of finite samples, extrapolated to the infinite system.

Best published values: sites of sc 0.3116077 (Xu, Wang, Lv and Deng, Front. Phys. 9, 113 (2014)),
bcc 0.2459615 and fcc 0.1992352 (Lorenz and Ziff, J. Phys. A 31, 8147 (1998)); bonds of sc
0.2488119 (Xu et al.).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np

from misei.screening.microstructures.compiled import Integers
from misei.screening.microstructures.finite_size import Estimate, infinite_threshold
from misei.screening.microstructures.wrapping import wrapping_length

Lattice = Literal["sc", "bcc", "fcc"]
Kind = Literal["site", "bond"]

# Sites of the conventional cell, and one of each pair of opposite vectors to the nearest
# neighbours, both in half cell edges.
CELL_SITES = {
    "sc": [(0, 0, 0)],
    "bcc": [(0, 0, 0), (1, 1, 1)],
    "fcc": [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)],
}
HALF_NEIGHBOURS = {
    "sc": [(2, 0, 0), (0, 2, 0), (0, 0, 2)],
    "bcc": [(1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1)],
    "fcc": [(0, 1, 1), (0, 1, -1), (1, 0, 1), (1, 0, -1), (1, 1, 0), (1, -1, 0)],
}


class LatticeError(ValueError):
    """A lattice, kind of percolation or size that does not exist."""


class LatticeLinks(NamedTuple):
    """Bonds between nearest neighbours of a periodic lattice.

    Attributes
    ----------
    sites
        Number of sites.
    first, second
        Sites that each bond joins, shape (bonds,).
    shifts
        Periodic image of the second site, in boxes, shape (bonds, 3).
    """

    sites: int
    first: Integers
    second: Integers
    shifts: Integers


def lattice_links(lattice: Lattice, size: int) -> LatticeLinks:
    """Return the bonds between nearest neighbours, each once.

    Parameters
    ----------
    lattice
        Simple cubic, body-centred or face-centred cubic.
    size
        Edge of the periodic cubic box in conventional cells.

    Raises
    ------
    LatticeError
        For an unknown lattice or a size below 1.
    """
    _check("lattice", lattice, get_args(Lattice))
    if size < 1:
        raise LatticeError(f"lattice size {size} is below 1 cell")
    edge = 2 * size
    corners = 2 * np.indices((size, size, size)).reshape(3, -1).T
    sites = (corners[:, None, :] + CELL_SITES[lattice]).reshape(-1, 3)
    number = np.empty((edge, edge, edge), dtype=np.int64)
    number[tuple(sites.T)] = np.arange(len(sites))
    ends = (sites[:, None, :] + HALF_NEIGHBOURS[lattice]).reshape(-1, 3)
    first = np.repeat(np.arange(len(sites)), len(HALF_NEIGHBOURS[lattice]))
    return LatticeLinks(len(sites), first, number[tuple((ends % edge).T)], ends // edge)


def sample_threshold(links: LatticeLinks, kind: Kind, rng: np.random.Generator) -> float:
    """Return the share of open sites or bonds at which one sample first wraps around the box.

    Parameters
    ----------
    links
        Of the lattice.
    kind
        Whether sites or bonds are open at random.
    rng
        Draws the share at which each of them opens.
    """
    if kind == "site":
        filled = rng.random(links.sites)
        opened = np.maximum(filled[links.first], filled[links.second])
    else:
        opened = rng.random(len(links.first))
    return wrapping_length(*links, opened)


def lattice_threshold(
    lattice: Lattice,
    kind: Kind,
    sizes: Sequence[int],
    samples: int | Sequence[int],
    rng: np.random.Generator,
) -> Estimate:
    """Return the percolation threshold of an infinite lattice.

    Parameters
    ----------
    lattice
        Simple cubic, body-centred or face-centred cubic.
    kind
        Whether sites or bonds are open at random.
    sizes
        Edges of the periodic boxes in conventional cells, two or more.
    samples
        Number of samples, of every size or of each.
    rng
        Of all random numbers.

    Returns
    -------
    Estimate
        Share of open sites or bonds, 0 to 1.

    Raises
    ------
    LatticeError
        For an unknown lattice or kind, or a size below 1.
    """
    _check("kind of percolation", kind, get_args(Kind))
    samplers = [
        (size, partial(sample_threshold, lattice_links(lattice, size), kind)) for size in sizes
    ]
    return infinite_threshold(samplers, samples, rng)


def _check(what: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise LatticeError(f"unknown {what} {value!r}, valid: {', '.join(valid)}")
