"""Symmetry-distinct vacancy hops of a crystal.

Hops are the classes of site pairs under the space group. The hop graph of
pymatgen-analysis-diffusion (``MigrationGraph``) gives the same classes but compares hops
in pairs, 25 s at 32 atoms; here the operations act on all pairs at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

# A straight path that comes this close to the centre of another atom (angstrom) runs
# through it: onto a vacancy's neighbour it is two hops, onto a host atom none.
BLOCKING_RADIUS = 1.2
# Lengths closer than this (angstrom) count as equal.
LENGTH_TOLERANCE = 1e-3

Ints = NDArray[np.int64]


class NoMobileSiteError(ValueError):
    """A crystal without a site of the mobile element."""


@dataclass(frozen=True)
class Hop(MSONable):
    """One symmetry-distinct hop of a vacancy.

    Attributes
    ----------
    label
        Element and orbits of the two sites and the length, ``Li0-Li1 2.91 A``.
    orbits
        Orbits that it joins, the lower first.
    distance
        Length in angstrom.
    reversible
        Whether a symmetry operation swaps its ends, so that both directions are the same.
    edges
        All its equivalents in the primitive cell, rows (i, j, a, b, c): from site i of
        the home cell to site j of cell (a, b, c), i in the first orbit. Each once, in one
        direction.
    """

    label: str
    orbits: tuple[int, int]
    distance: float
    reversible: bool
    edges: list[list[int]]

    @property
    def multiplicity(self) -> int:
        """Number of equivalent hops per primitive cell."""
        return len(self.edges)


@dataclass(frozen=True)
class HopGraph:
    """Distinct sites and hops of the mobile element in a crystal.

    Attributes
    ----------
    crystal
        Primitive cell.
    orbits
        Sites of each orbit of the mobile element.
    hops
        Distinct hops up to the cutoff, shortest first.
    """

    crystal: Structure
    orbits: list[list[int]]
    hops: list[Hop]

    @property
    def origins(self) -> list[int]:
        """First site of each orbit."""
        return [sites[0] for sites in self.orbits]


def find_hops(
    crystal: Structure, mobile_species: str = "Li", cutoff: float = 5.0, symprec: float = 0.01
) -> HopGraph:
    """Find the symmetry-distinct sites and vacancy hops of an element.

    Parameters
    ----------
    crystal
        Primitive cell.
    mobile_species
        Element that moves.
    cutoff
        Longest hop in angstrom.
    symprec
        Symmetry tolerance in angstrom.

    Returns
    -------
    HopGraph
        Without the hops whose straight path runs through another atom
        (:data:`BLOCKING_RADIUS`).

    Raises
    ------
    NoMobileSiteError
        When the crystal does not hold the element.
    """
    mobile = [i for i, site in enumerate(crystal) if site.specie.symbol == mobile_species]
    if not mobile:
        elements = ", ".join(sorted(e.symbol for e in crystal.composition.elements))
        raise NoMobileSiteError(
            f"no {mobile_species} in {crystal.composition.reduced_formula}; it holds {elements}"
        )
    mappings = _site_mappings(crystal, symprec)
    labels = np.min([permutation for permutation, *_ in mappings], axis=0)
    orbits = [[i for i in mobile if labels[i] == first] for first in sorted({*labels[mobile]})]
    edges = _edges(crystal, mobile, cutoff)
    classes = _edge_classes(edges, mappings, len(crystal)) if len(edges) else []
    hops = [_hop(crystal, orbits, members, reversible) for members, reversible in classes]
    free = [hop for hop in hops if not _is_blocked(crystal, hop)]
    free.sort(key=lambda hop: (round(hop.distance / LENGTH_TOLERANCE), hop.orbits))
    return HopGraph(crystal, orbits, _numbered(free))


def _numbered(hops: list[Hop]) -> list[Hop]:
    """Distinct hops of the same orbits and length get a number: ``Li0-Li1 2.96 A (2)``."""
    count: Counter[str] = Counter()
    for k, hop in enumerate(hops):
        count[hop.label] += 1
        if count[hop.label] > 1:
            hops[k] = replace(hop, label=f"{hop.label} ({count[hop.label]})")
    return hops


def _site_mappings(crystal: Structure, symprec: float) -> list[tuple[Ints, Ints, Ints]]:
    """Permutation of the sites, cell shift of each (n x 3), and rotation, per operation."""
    analyzer = SpacegroupAnalyzer(crystal, symprec)
    mappings = []
    for operation in analyzer.get_symmetry_operations(cartesian=False):
        images = operation.operate_multi(crystal.frac_coords)
        distances = crystal.lattice.get_all_distances(images, crystal.frac_coords)
        permutation = distances.argmin(axis=1)
        shifts = np.rint(images - crystal.frac_coords[permutation]).astype(np.int64)
        rotation = np.rint(operation.rotation_matrix).astype(np.int64)
        mappings.append((permutation, shifts, rotation))
    return mappings


def _edges(crystal: Structure, mobile: list[int], cutoff: float) -> Ints:
    """All pairs of mobile sites, rows (i, j, a, b, c), in both directions."""
    start, end, images, _ = crystal.get_neighbor_list(cutoff)
    kept = np.isin(start, mobile) & np.isin(end, mobile)
    return np.column_stack([start, end, images])[kept].astype(np.int64)


def reversed_edges(edges: Ints) -> Ints:
    """Return edges (n x 5, rows i, j, a, b, c) in the opposite direction."""
    return np.column_stack([edges[:, 1], edges[:, 0], -edges[:, 2:]])


def _codes(edges: Ints, n_sites: int, span: int) -> Ints:
    """One integer per directed edge."""
    i, j, *cell = edges.T
    width = 2 * span + 1
    code = i * n_sites + j
    for component in cell:
        code = code * width + component + span
    return code


def _edge_classes(
    edges: Ints, mappings: list[tuple[Ints, Ints, Ints]], n_sites: int
) -> list[tuple[Ints, bool]]:
    """Classes of undirected edges: members, directed alike, and whether they are reversible."""
    i, j, cells = edges[:, 0], edges[:, 1], edges[:, 2:]
    span = int(np.abs(cells).max()) + 1
    # Smallest code over the operations names the class of the directed edge.
    directed = np.full(len(edges), np.iinfo(np.int64).max)
    for permutation, shifts, rotation in mappings:
        moved = cells @ rotation.T + shifts[j] - shifts[i]
        images = np.column_stack([permutation[i], permutation[j], moved])
        directed = np.minimum(directed, _codes(images, n_sites, span))
    own = _codes(edges, n_sites, span)
    order = np.argsort(own)
    opposite = order[np.searchsorted(own[order], _codes(reversed_edges(edges), n_sites, span))]
    classes = []
    for name in np.unique(np.minimum(directed, directed[opposite])):
        members = np.flatnonzero(directed == name)
        reversible = bool(directed[opposite[members[0]]] == name)
        if reversible:
            members = members[own[members] < own[opposite[members]]]
        classes.append((edges[members], reversible))
    return classes


def _hop(crystal: Structure, orbits: list[list[int]], members: Ints, reversible: bool) -> Hop:
    orbit_of = {site: k for k, sites in enumerate(orbits) for site in sites}
    first, second = orbit_of[int(members[0, 0])], orbit_of[int(members[0, 1])]
    if first > second:
        members, first, second = reversed_edges(members), second, first
    distance = float(np.linalg.norm(_vector(crystal, members[0])))
    element = crystal[int(members[0, 0])].specie.symbol
    label = f"{element}{first}-{element}{second} {distance:.2f} A"
    return Hop(label, (first, second), distance, reversible, members.tolist())


def _vector(crystal: Structure, edge: Ints | Sequence[int]) -> NDArray[np.float64]:
    i, j, *cell = edge
    step = crystal.frac_coords[j] + cell - crystal.frac_coords[i]
    return np.asarray(crystal.lattice.get_cartesian_coords(step))


def _is_blocked(crystal: Structure, hop: Hop) -> bool:
    """Whether the straight path comes within BLOCKING_RADIUS of an atom between its ends.

    What lies beside or beyond an end does not block: voids may be closer than that.
    """
    edge = hop.edges[0]
    start, vector = crystal.cart_coords[edge[0]], _vector(crystal, edge)
    reach = hop.distance / 2 + BLOCKING_RADIUS
    near = crystal.get_sites_in_sphere(start + vector / 2, reach)
    points = np.array([site.coords for site in near]) - start
    along = points @ vector / hop.distance
    apart = np.linalg.norm(points - np.outer(along, vector / hop.distance), axis=1)
    between = (along > LENGTH_TOLERANCE) & (along < hop.distance - LENGTH_TOLERANCE)
    return bool(np.any(between & (apart < BLOCKING_RADIUS)))
