"""Images of a path: structures of atoms, and length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from ase import Atoms
from pymatgen.core import Structure


def structure_of(atoms: Atoms) -> Structure:
    """Structure of atoms as they stand, outside the cell too."""
    return Structure(atoms.cell.array, atoms.symbols, atoms.positions, coords_are_cartesian=True)


def path_length(images: list[Structure]) -> list[float]:
    """Cumulative distance along a path in all coordinates, angstrom."""
    steps = [float(np.linalg.norm(b.cart_coords - a.cart_coords)) for a, b in pairwise(images)]
    return [0.0, *np.cumsum(steps).tolist()]
