"""Force constants of a few atoms of a cell, by central differences of the forces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from ase.vibrations import VibrationsData
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

# Their order is that of the forces in `hessian`.
SIGNS = (1, -1)


def displaced_cells(
    state: Structure, atoms: Sequence[int], displacement: float
) -> Iterator[Structure]:
    """Yield a state as it stands, then with each atom displaced along +x, -x, +y, ...

    Parameters
    ----------
    state
        Relaxed.
    atoms
        Indices of those that are displaced.
    displacement
        Angstrom.
    """
    yield state
    for atom, axis, sign in product(atoms, range(3), SIGNS):
        coordinates = state.cart_coords.copy()
        coordinates[atom, axis] += sign * displacement
        yield Structure(state.lattice, state.species, coordinates, coords_are_cartesian=True)


def hessian(
    state: Structure,
    atoms: Sequence[int],
    forces: Sequence[NDArray[np.float64]],
    displacement: float,
) -> VibrationsData:
    """Return the force constants of the displaced atoms, symmetrized.

    Parameters
    ----------
    state, atoms, displacement
        As in :func:`displaced_cells`.
    forces
        eV/angstrom on all atoms of each of its cells, in its order.
    """
    shape = (3 * len(atoms), len(SIGNS), len(state), 3)
    plus, minus = np.moveaxis(np.array(forces[1:]).reshape(shape)[:, :, list(atoms)], 1, 0)
    rows = ((minus - plus) / (2 * displacement)).reshape(3 * len(atoms), -1)
    system = AseAtomsAdaptor.get_atoms(state, msonable=False)
    return VibrationsData.from_2d(system, (rows + rows.T) / 2, list(atoms))
