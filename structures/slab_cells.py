"""Smallest in-plane cells of slabs: a slab repeated in an interface cell is relaxed once.

The slabs of an interface repeat a small in-plane cell many times. Energy and relaxation of
the small cell, times the number of repeats, are those of the slab, at a fraction of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import spglib
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from misei.structures.slabs import COORDINATE_DECIMALS, centred_in_vacuum

# Slabs are repeated exactly, up to the rounding of their coordinates; angstrom.
REPEAT_TOLERANCE = 1e-3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SlabCell(MSONable):  # type: ignore[misc]
    """A slab in its smallest in-plane cell.

    Attributes
    ----------
    slab
        The slab in its small cell, c along the normal.
    count
        Small cells in the slab that it was found in.
    vectors
        (2, 3), in-plane vectors of the small cell in the frame of the large one, angstrom.
    origins
        For each atom of the large slab, its atom in the small one.
    """

    slab: Structure
    count: int
    vectors: list[list[float]]
    origins: list[int]

    def displaced(self, large: Structure, relaxed: Structure, atoms: Array) -> Structure:
        """Large slab with some atoms moved as the relaxation of the small cell moved theirs.

        Parameters
        ----------
        large
            The slab that the cell was found in.
        relaxed
            ``slab`` relaxed, atoms in the same order.
        atoms
            Boolean, one per atom of the large slab: which of them move.
        """
        moved = relaxed.frac_coords - self.slab.frac_coords
        moved -= np.rint(moved)
        steps = moved[:, :2] @ np.array(self.vectors)
        steps[:, 2] += moved[:, 2] * self.slab.lattice.c
        steps -= steps.mean(axis=0)  # a slab as a whole may drift in its cell
        coords = large.cart_coords + np.where(atoms[:, None], steps[self.origins], 0.0)
        return Structure(large.lattice, large.species, coords, coords_are_cartesian=True)


def slab_cell(slab: Structure, vacuum: float) -> SlabCell:
    """Find the smallest in-plane cell of a slab and put it into a cell of its own.

    Parameters
    ----------
    slab
        Slab with c along its normal.
    vacuum
        Vacuum of the small cell, angstrom.
    """
    translations = _translations(slab)
    small = _shortest_basis(translations @ slab.lattice.matrix[:2], slab.lattice.matrix[:2])
    coords = slab.cart_coords
    kept, origins = _representatives(slab, coords, small)
    box = Lattice([*small, slab.lattice.matrix[2]])
    base = coords[kept] - [*coords[kept[0]][:2], 0.0]
    reduced = Structure(box, [slab[i].specie for i in kept], base, coords_are_cartesian=True)
    cell = centred_in_vacuum(reduced, vacuum)
    return SlabCell(cell, len(slab) // len(kept), small.round(12).tolist(), origins)


def _translations(slab: Structure) -> Array:
    """In-plane translations that carry the slab into itself, fractions of a and b."""
    numbers = [int(site.specie.Z) for site in slab]
    cell = (slab.lattice.matrix.tolist(), slab.frac_coords.tolist(), numbers)
    symmetry = spglib.get_symmetry(cell, symprec=REPEAT_TOLERANCE)
    if symmetry is None:  # atoms too close for spglib: the slab is its own cell
        return np.zeros((1, 2))
    pure = (symmetry["rotations"] == np.eye(3, dtype=int)).all(axis=(1, 2))
    shifts: Array = symmetry["translations"][pure]
    flat = np.abs(shifts[:, 2] - np.rint(shifts[:, 2])) * slab.lattice.c < REPEAT_TOLERANCE
    return shifts[flat, :2]


def _shortest_basis(translations: Array, lattice: Array) -> Array:
    """Two shortest vectors, right-handed, that span all translations; (2, 3), angstrom."""
    reach = range(-2, 3)
    images = np.array([i * lattice[0] + j * lattice[1] for i in reach for j in reach])
    vectors = (translations[:, None] + images).reshape(-1, 3)
    lengths = np.linalg.norm(vectors, axis=1).round(4)
    order = np.lexsort((*vectors.round(4).T[::-1], lengths))
    vectors = vectors[[i for i in order if lengths[i] > 0]]
    area = float(np.linalg.norm(np.cross(*lattice))) / len(translations)
    for a, b in combinations(vectors, 2):
        normal = float(np.cross(a, b)[2])
        if abs(abs(normal) - area) < REPEAT_TOLERANCE * area:
            return np.array([a, b] if normal > 0 else [a, -b])
    raise AssertionError("translations without a basis")


def _representatives(slab: Structure, coords: Array, small: Array) -> tuple[list[int], list[int]]:
    """One atom of each set that the small translations connect, and the set of every atom."""
    box = Lattice([*small, slab.lattice.matrix[2]])
    fractions = box.get_fractional_coords(coords)
    numbers = np.array([site.specie.Z for site in slab])
    # From the lowest atom up, so that one slab gives one cell wherever it lies.
    order = np.lexsort((numbers, coords[:, 2].round(COORDINATE_DECIMALS - 4)))
    kept: list[int] = []
    origins = [-1] * len(slab)
    for i in order:
        if kept:
            apart = fractions[kept] - fractions[i]
            apart -= np.rint(apart)
            same = np.linalg.norm(apart @ box.matrix, axis=1) < 10 * REPEAT_TOLERANCE
            same &= numbers[kept] == numbers[i]
            if same.any():
                origins[i] = int(np.argmax(same))
                continue
        origins[i] = len(kept)
        kept.append(int(i))
    return kept, origins
