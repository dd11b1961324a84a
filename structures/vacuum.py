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
    gaps = [_widest_gap(structure, axis)[0] * heights[axis] for axis in (0, 1, 2)]
    widest = int(np.argmax(gaps))
    return widest if gaps[widest] >= least and len(structure) > 1 else None


def slab_centre(structure: Structure, axis: int) -> float:
    """Return the middle of a slab along a lattice vector: opposite the middle of its vacuum.

    Parameters
    ----------
    structure
        Slab, which may lie across the border of its cell.
    axis
        Lattice vector across which the vacuum lies.

    Returns
    -------
    float
        Fractional coordinate in [0, 1).
    """
    width, start = _widest_gap(structure, axis)
    return (start + width / 2 + 0.5) % 1.0


def _widest_gap(structure: Structure, axis: int) -> tuple[float, float]:
    """Width of the widest gap between planes of atoms and its lower end, fractional."""
    planes = np.sort(structure.frac_coords[:, axis] % 1.0)
    gaps = np.diff(planes, append=planes[0] + 1.0)
    widest = int(np.argmax(gaps))
    return float(gaps[widest]), float(planes[widest])
