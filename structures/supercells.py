"""Primitive cells, and supercells of them by a stated rule."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

# Cell edges this close (angstrom) are taken to be equal by symmetry.
EQUAL_LENGTH = 0.01


class DisorderedCrystalError(ValueError):
    """A crystal with partial occupancies where every site must hold one element."""


def primitive_cell(structure: Structure, symprec: float = 0.01) -> Structure:
    """Return the standard primitive cell, elements and coordinates only.

    Parameters
    ----------
    structure
        Ordered crystal in any cell.
    symprec
        Symmetry tolerance in angstrom.

    Raises
    ------
    DisorderedCrystalError
        When a site is partially occupied.
    """
    if not structure.is_ordered:
        raise DisorderedCrystalError(
            f"{structure.composition.reduced_formula} has partial occupancies; order it first"
        )
    analyzer = SpacegroupAnalyzer(bare(structure), symprec)
    return bare(analyzer.get_primitive_standard_structure())


def bare(structure: Structure) -> Structure:
    """Return elements and coordinates only (no oxidation states or properties), same order."""
    elements = [site.specie.symbol for site in structure]
    return Structure(structure.lattice, elements, structure.frac_coords)


def repeat_distance(lattice: Lattice) -> float:
    """Shortest lattice vector in angstrom: the distance between periodic images of a defect."""
    return float(min(lattice.get_niggli_reduced_lattice().abc))


def supercell_matrix(
    primitive: Structure, min_length: float, symprec: float = 0.01
) -> list[list[int]]:
    """Choose the smallest supercell whose periodic images are far enough apart.

    The rule: of the diagonal multiples of the primitive and of the conventional cell, the
    one with the fewest atoms whose shortest lattice vector is at least ``min_length``;
    among equal sizes the one with the longest shortest vector. Edges of equal length are
    repeated alike, which keeps the crystal's symmetry. A cell that is big enough stays as
    it is.

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
        3 x 3 matrix on the primitive cell; its rows are the new lattice vectors.
    """
    analyzer = SpacegroupAnalyzer(primitive, symprec)
    to_primitive = analyzer.get_conventional_to_primitive_transformation_matrix()
    conventional = np.rint(np.linalg.inv(to_primitive)).astype(np.int_)
    bases = (np.eye(3, dtype=np.int_), conventional)
    fitting = [
        (round(abs(np.linalg.det(matrix))), -distance, matrix.tolist())
        for base in bases
        for matrix in _diagonal_multiples(primitive.lattice, base, min_length)
        if (distance := repeat_distance(Lattice(matrix @ primitive.lattice.matrix))) >= min_length
    ]
    matrix: list[list[int]] = min(fitting)[2]
    return matrix


def _diagonal_multiples(
    lattice: Lattice, base: NDArray[np.int_], min_length: float
) -> Iterator[NDArray[np.int_]]:
    # Edges give the fewest repeats that can do. Heights give those that certainly do: a
    # lattice vector is at least as long as the cell is high along an axis that it crosses.
    cell = Lattice(base @ lattice.matrix)
    lengths = np.array(cell.abc)
    heights = 1.0 / np.array(cell.reciprocal_lattice_crystallographic.abc)
    fewest = np.ceil(min_length / lengths - 1e-9).astype(int)
    enough = int(np.ceil(min_length / heights - 1e-9).max())
    equal = np.abs(lengths[:, None] - lengths) < EQUAL_LENGTH
    for repeats in product(*(range(max(1, a), enough + 1) for a in fewest)):
        different = np.not_equal.outer(repeats, repeats)
        if not np.any(equal & different):
            yield np.diag(repeats) @ base
