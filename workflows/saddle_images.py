"""Images of a path: structures to and from atoms, interpolation, length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from ase import Atoms
from pymatgen.analysis.diffusion.neb.pathfinder import IDPPSolver
from pymatgen.core import Structure


def structure_of(atoms: Atoms) -> Structure:
    """Structure of atoms as they stand, outside the cell too."""
    return Structure(atoms.cell.array, atoms.symbols, atoms.positions, coords_are_cartesian=True)


def interpolated(initial: Structure, final: Structure, n_images: int) -> list[Structure]:
    """Path between two structures by image-dependent pair potentials, ends included."""
    linear = initial.interpolate(final, nimages=n_images + 1, pbc=False)
    return list(IDPPSolver(linear).run())


def path_length(images: list[Structure]) -> list[float]:
    """Cumulative distance along a path in all coordinates, angstrom."""
    steps = [float(np.linalg.norm(b.cart_coords - a.cart_coords)) for a, b in pairwise(images)]
    return [0.0, *np.cumsum(steps).tolist()]
