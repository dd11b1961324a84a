"""Interstitial sites of the mobile element, and the direct hops between them.

A void is a point that is farther from the atoms than any point beside it: a vertex of their
Voronoi cells that lies among the atoms next to it. Vertices outside their polyhedron belong
to a larger void, into which an atom would slide (Edelsbrunner, Facello and Liang, Discrete
Appl. Math. 1998, 88, 83, call the latter the sink of the flow). VoronoiInterstitialGenerator
of pymatgen-analysis-defects merges all vertices within half an angstrom by chains: in Li2O it
misses the octahedral void, and in Li15Si4 it takes 33 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import DummySpecies, Structure
from pymatgen.core.operations import SymmOp
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from scipy.optimize import nnls
from scipy.spatial import Voronoi

from misei.structures.hops import HopGraph, NoMobileSiteError, find_hops
from misei.structures.polarity import ANIONS

# Stands on a void in the crystal of the graph.
VOID = DummySpecies("X", 0)
# Least distance of a void from an atom, over the shortest distance of the mobile element from
# any atom of the crystal. In a packing of equal atoms it is sqrt(3/8) = 0.612 in the tetrahedral
# void, the smallest there is, and sqrt(1/3) = 0.577 in the windows between voids.
LEAST_ROOM = 0.6
# The same for anions, over their own distance from the mobile element: they touch its ion, and
# the contact hardly shrinks. The repulsion of ions (Born) goes as r^-6 to r^-10, and is 4 to 9
# times larger at 0.8 of the length. The tetrahedral void of rock salt is at sqrt(3)/2 = 0.866.
LEAST_ROOM_TO_ANION = 0.8
# Vertices closer than this, angstrom, are one void: equivalent ones are replaced by their middle
# (a distorted octahedron has several), a smaller one by the larger. The closest voids that are
# two, neighbouring tetrahedra of a body-centred alloy of Li, are 1.1 angstrom apart.
SAME_VOID = 0.8
MERGING_STEPS = 20
# Neighbours of a void count as equally near within this, angstrom.
SAME_DISTANCE = 0.1
# The vertex may lie this far outside its polyhedron, angstrom.
OUTSIDE = 0.05
# Atoms up to this distance, angstrom, are neighbours of a void.
REACH = 8.0
# Vertices on the faces of the cell are taken at one of them, fractional.
HOME_MARGIN = 1e-4
# Coordinates are rounded, so that one crystal has one job key on every machine.
COORDINATE_DECIMALS = 8

Floats = NDArray[np.float64]


class NoVoidError(ValueError):
    """A crystal without a void large enough for the mobile element."""


def find_interstitial_hops(
    crystal: Structure, mobile_species: str = "Li", cutoff: float = 5.0, symprec: float = 0.01
) -> HopGraph:
    """Find the symmetry-distinct voids of a crystal and the hops of an atom between them.

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
        Its crystal has the voids as last sites, of species :data:`VOID`. Hops are direct ones,
        labelled ``void0-void1 1.87 A``; those in which the atom pushes another one out of its
        site and takes its place are not among them.

    Raises
    ------
    NoMobileSiteError
        When the crystal does not hold the element.
    NoVoidError
        When no void is large enough for it.
    """
    formula = crystal.composition.reduced_formula
    if mobile_species not in crystal.composition.get_el_amt_dict():
        elements = ", ".join(sorted(e.symbol for e in crystal.composition.elements))
        raise NoMobileSiteError(f"no {mobile_species} in {formula}; it holds {elements}")
    orbits = find_voids(crystal, mobile_species, symprec)
    if not orbits:
        raise NoVoidError(f"no void in {formula} is large enough for {mobile_species}")
    marked = crystal.copy()
    for point in np.concatenate(orbits):
        marked.append(VOID, point)
    graph = find_hops(marked, VOID.symbol, cutoff, symprec)
    hops = [replace(hop, label=hop.label.replace(VOID.symbol, "void")) for hop in graph.hops]
    return HopGraph(marked, graph.orbits, hops)


def find_voids(
    crystal: Structure, mobile_species: str = "Li", symprec: float = 0.01
) -> list[Floats]:
    """Find the voids of a crystal that are large enough for an element it holds.

    Parameters
    ----------
    crystal
        Primitive cell.
    mobile_species
        Element that is to fit.
    symprec
        Symmetry tolerance in angstrom.

    Returns
    -------
    list of ndarray
        Fractional coordinates (n x 3) of each orbit of voids, the roomiest orbit first. Voids
        keep from atoms at least :data:`LEAST_ROOM`, from anions :data:`LEAST_ROOM_TO_ANION`,
        of the distances that the mobile element has in the crystal.
    """
    needed = _needed_distances(crystal, mobile_species)
    operations = SpacegroupAnalyzer(crystal, symprec).get_symmetry_operations(cartesian=False)
    vertices = [vertex for vertex in _vertices(crystal) if _is_enclosed(crystal, vertex)]
    orbits: list[Floats] = []
    for vertex in sorted(vertices, key=lambda point: _room_key(crystal, point)):
        if not any(_is_known(crystal, vertex, orbit) for orbit in orbits):
            orbit = _orbit(crystal, vertex, operations)
            if np.all(crystal.lattice.get_all_distances(orbit[0], crystal.frac_coords) >= needed):
                orbits.append(orbit)
    return sorted(orbits, key=lambda orbit: _room_key(crystal, orbit[0]))


def _needed_distances(crystal: Structure, mobile_species: str) -> Floats:
    """Least distance of a void from each site of the crystal, angstrom."""
    symbols = np.array([site.specie.symbol for site in crystal])
    start, end, _, distances = crystal.get_neighbor_list(REACH)
    of_mobile = symbols[start] == mobile_species
    needed = np.full(len(crystal), LEAST_ROOM * distances[of_mobile].min(initial=REACH))
    for element in crystal.composition.elements:
        if element.symbol in ANIONS:
            anions = symbols == element.symbol
            shortest = distances[of_mobile & anions[end]].min(initial=REACH)
            needed[anions] = LEAST_ROOM_TO_ANION * shortest
    return needed


def _vertices(crystal: Structure) -> Floats:
    """Vertices of the Voronoi cells in the home cell, fractional (n x 3)."""
    corners = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]]) / 2
    radius = np.linalg.norm(crystal.lattice.get_cartesian_coords(corners), axis=1).max()
    center = crystal.lattice.get_cartesian_coords([0.5, 0.5, 0.5])
    atoms = [site.coords for site in crystal.get_sites_in_sphere(center, radius + REACH)]
    vertices = crystal.lattice.get_fractional_coords(Voronoi(np.array(atoms)).vertices)
    home = np.all((vertices > -HOME_MARGIN) & (vertices < 1 - HOME_MARGIN), axis=1)
    return np.asarray(vertices[home])


def _orbit(crystal: Structure, vertex: Floats, operations: Sequence[SymmOp]) -> Floats:
    """Equivalents of a vertex, which is first moved to the middle of those beside it."""
    middle = vertex
    for _ in range(MERGING_STEPS):
        steps = np.array([operation.operate(middle) for operation in operations]) - middle
        steps -= np.rint(steps)
        beside = np.linalg.norm(steps @ crystal.lattice.matrix, axis=1) < SAME_VOID
        middle = middle + steps[beside].mean(axis=0)
    orbit: list[Floats] = []
    for operation in operations:
        image = np.round(operation.operate(middle), COORDINATE_DECIMALS) % 1.0
        if not _is_known(crystal, image, orbit):
            orbit.append(image)
    return np.array(sorted(point.tolist() for point in orbit))


def _is_known(crystal: Structure, point: Floats, known: Floats | Sequence[Floats]) -> bool:
    return len(known) > 0 and bool(
        np.any(crystal.lattice.get_all_distances(point, known) < SAME_VOID)
    )


def _is_enclosed(crystal: Structure, vertex: Floats) -> bool:
    """Whether a vertex lies in the polyhedron of the atoms nearest to it."""
    center = crystal.lattice.get_cartesian_coords(vertex)
    near = crystal.get_sites_in_sphere(center, REACH)
    distances = np.array([site.nn_distance for site in near])
    vectors = np.array([site.coords for site in near]) - center
    nearest = vectors[distances < distances.min() + SAME_DISTANCE]
    # The point of the polyhedron that comes closest to the vertex, by weights that add to one.
    rows = np.vstack([nearest.T, np.ones(len(nearest))])
    _, outside = nnls(rows, np.array([0.0, 0.0, 0.0, 1.0]))
    return bool(outside < OUTSIDE)


def _room_key(crystal: Structure, point: Floats) -> tuple[float, list[float]]:
    """Sorts points by falling distance from the nearest atom, equal ones by coordinates."""
    room = crystal.lattice.get_all_distances(point, crystal.frac_coords).min()
    return -round(float(room), 3), np.round(point, 3).tolist()
