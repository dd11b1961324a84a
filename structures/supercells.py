"""Supercells of a primitive cell, the vacancies in them and the bands between vacancies.

Site ``m`` of the supercell is known by the site of the primitive cell and the lattice
translation that it comes from, so that hops found in the crystal can be placed exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.analysis.diffusion.neb.pathfinder import IDPPSolver
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from misei.structures.hops import Hop

# Above this a cell of any crystal is longer than the lengths asked for (angstrom / angstrom).
_MAX_REPEATS = 12


def primitive_cell(structure: Structure, symprec: float = 0.01) -> Structure:
    """Return the standard primitive cell, elements and coordinates only.

    Parameters
    ----------
    structure
        Ordered crystal in any cell.
    symprec
        Symmetry tolerance in angstrom.
    """
    primitive = SpacegroupAnalyzer(structure, symprec).get_primitive_standard_structure()
    return bare(primitive)


def bare(structure: Structure) -> Structure:
    """Return the structure with elements and coordinates only, in the same order."""
    elements = [site.specie.symbol for site in structure]
    return Structure(structure.lattice, elements, structure.frac_coords)


def repeat_distance(lattice: Lattice) -> float:
    """Shortest lattice vector in angstrom: the distance between periodic images of a defect."""
    return float(min(lattice.get_niggli_reduced_lattice().abc))


def supercell_matrix(
    primitive: Structure, min_length: float, symprec: float = 0.01
) -> list[list[int]]:
    """Choose the smallest supercell whose periodic images are far enough apart.

    The rule: among diagonal multiples of the primitive and of the conventional cell, which
    keep the crystal's symmetry as far as such cells can, the one with the fewest
    atoms, and among those the one with the largest distance, whose shortest lattice vector
    is at least ``min_length``.

    Parameters
    ----------
    primitive
        Cell from :func:`primitive_cell`.
    min_length
        Shortest distance between periodic images in angstrom.
    symprec
        Symmetry tolerance in angstrom.

    Returns
    -------
    list of list of int
        3 x 3 matrix on the primitive cell (rows are the new lattice vectors).
    """
    analyzer = SpacegroupAnalyzer(primitive, symprec)
    to_primitive = analyzer.get_conventional_to_primitive_transformation_matrix()
    conventional = np.rint(np.linalg.inv(to_primitive)).astype(int)
    best: tuple[float, float, NDArray[np.int_]] | None = None
    for base in (np.eye(3, dtype=int), conventional):
        for matrix in _diagonal_multiples(primitive.lattice, base, min_length):
            size = abs(np.linalg.det(matrix))
            if best is not None and size > best[0] + 0.5:
                continue
            distance = repeat_distance(Lattice(matrix @ primitive.lattice.matrix))
            if distance >= min_length and (best is None or (size, -distance) < best[:2]):
                best = (round(size), -distance, matrix)
    if best is None:
        raise ValueError(f"no supercell up to {_MAX_REPEATS} repeats reaches {min_length} angstrom")
    return [[int(x) for x in row] for row in best[2]]


def _diagonal_multiples(
    lattice: Lattice, base: NDArray[np.int_], min_length: float
) -> Iterable[NDArray[np.int_]]:
    lengths = np.linalg.norm(base @ lattice.matrix, axis=1)
    # Skewed cells need more repeats than their edge lengths say: one more is tried.
    low = np.maximum(1, np.ceil(min_length / lengths - 1e-9)).astype(int)
    high = np.minimum(low + 1, _MAX_REPEATS)
    ranges = (range(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
    for repeats in product(*ranges):
        yield np.diag(repeats) @ base


@dataclass(frozen=True)
class HopEndpoints(MSONable):  # type: ignore[misc]
    """Where a hop lies in the supercell.

    Attributes
    ----------
    initial, final
        Sites of the perfect supercell that are vacant before and after the hop.
    vector
        From the initial to the final vacancy, angstrom; the atom moves the other way.
    """

    initial: int
    final: int
    vector: tuple[float, float, float]


def place_hops(
    primitive: Structure, matrix: list[list[int]], hops: list[Hop], origins: list[int]
) -> tuple[list[int], list[HopEndpoints]]:
    """Place each hop in the supercell such that hops share vacancies where they can.

    Parameters
    ----------
    primitive
        Crystal in which the hops were found.
    matrix
        Supercell matrix on it.
    hops
        Hops to place.
    origins
        One site of the primitive cell per orbit; their vacancies are always wanted.

    Returns
    -------
    vacancies
        Sites of the perfect supercell to empty, each once: first those of ``origins``.
    endpoints
        One per hop.
    """
    index = _site_index(primitive, matrix)
    cells = _translations(primitive, matrix)
    vacancies = [index(site, np.zeros(3, dtype=int)) for site in origins]
    endpoints = []
    for hop in hops:
        placed = [
            (index(i, cell), index(j, cell + np.array(image)), (i, j, image))
            for i, j, *image in hop.edges
            for cell in cells
        ]
        initial, final, (i, j, image) = max(
            placed, key=lambda p: (p[0] in vacancies) + (p[1] in vacancies)
        )
        vacancies += [m for m in dict.fromkeys((initial, final)) if m not in vacancies]
        step = primitive.frac_coords[j] + image - primitive.frac_coords[i]
        x, y, z = primitive.lattice.get_cartesian_coords(step)
        endpoints.append(HopEndpoints(initial, final, (float(x), float(y), float(z))))
    return vacancies, endpoints
