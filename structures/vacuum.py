"""Vacuum in a periodic cell: whether a structure is a slab, and along which vector."""

from __future__ import annotations

import numpy as np
from pymatgen.core import Structure

# Thinner gaps are voids of a crystal: the interstitials of open frameworks are about 3 angstrom
# from their neighbours, so that 6 angstrom between planes of atoms is no crystal's.
LEAST_VACUUM = 6.0


def vacuum_axis(structure: Structure, least: float = LEAST_VACUUM) -> int | None:
    """Return the lattice vector (0, 1 or 2) across which a slab has its vacuum.

    Parameters
    ----------
    structure
        Crystal or slab in a periodic cell.
    least
        Smallest gap between planes of atoms that counts as vacuum, angstrom.

    Returns
    -------
    int or None
        Vector of the widest gap; None for a crystal.
    """
    matrix = structure.lattice.matrix
    heights = structure.lattice.volume / np.array(
        [np.linalg.norm(np.cross(*np.delete(matrix, axis, axis=0))) for axis in (0, 1, 2)]
    )
    gaps = []
    for axis in (0, 1, 2):
        planes = np.sort(structure.frac_coords[:, axis] % 1.0)
        gaps.append(float(np.diff(planes, append=planes[0] + 1.0).max() * heights[axis]))
    widest = int(np.argmax(gaps))
    return widest if gaps[widest] >= least and len(structure) > 1 else None
