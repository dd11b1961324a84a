"""Symmetry of hops in a supercell: operations that run a hop backwards, or carry a defect.

A hop whose ends are swapped by an operation of the perfect supercell has its saddle on the
operation's fixed points, or a pair of saddles; half its path gives the other half. Equivalent
defects are relaxed once and carried to where a hop needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

# An atom is carried onto another when it comes this close, angstrom. Symmetry is found to
# 0.01 angstrom; the errors of the operation, of the atom and of its image add up.
CARRYING_TOLERANCE = 0.03
# Coordinates are rounded, so that one structure has one job key on every machine.
COORDINATE_DECIMALS = 8

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Swap(MSONable):
    """Symmetry operation of the host that runs a hop backwards: x -> R x + t.

    Applied twice it is the identity, so that it halves the degrees of freedom of the path.

    Attributes
    ----------
    rotation
        Cartesian R, 3 x 3.
    translation
        Cartesian t in angstrom; R x + t carries the middle of the hop onto itself, other
        points modulo the lattice.
    permutation
        Atom k of the path's structures is carried onto atom ``permutation[k]``.
    mover
        Atom that hops; it is carried onto itself.
    center
        Middle of the straight hop, Cartesian, angstrom.
    """

    rotation: list[list[float]]
    translation: list[float]
    permutation: list[int]
    mover: int
    center: list[float]

    def vectors(self, vectors: Floats) -> Floats:
        """Return displacements or forces (n x 3, Cartesian) as the operation carries them."""
        carried_vectors = np.empty_like(vectors, dtype=float)
        carried_vectors[self.permutation] = vectors @ np.array(self.rotation).T
        return carried_vectors

    def image(self, structure: Structure) -> Structure:
        """Return a structure of the path as the operation carries it.

        Atoms keep their order. Each is the periodic image nearest to where the atom stands
        in ``structure``; the mover the one nearest to its reflection through the middle of
        the hop, which for a midpoint is the same.
        """
        lattice = structure.lattice
        coords = np.empty((len(structure), 3))
        moved = structure.cart_coords @ np.array(self.rotation).T + self.translation
        coords[self.permutation] = lattice.get_fractional_coords(moved)
        near = structure.frac_coords.copy()
        from_center = near[self.mover] - lattice.get_fractional_coords(self.center)
        near[self.mover] -= 2 * (from_center - np.rint(from_center))
        return _near(structure, coords, near)

    def reversed_path(
        self, images: Sequence[Structure], onto: Structure | None = None
    ) -> list[Structure]:
        """Return the images as the operation carries them, back to front.

        Of a path from the initial end to the middle it makes the path from the middle to the
        final end; of a whole path another one between the same ends.

        Parameters
        ----------
        images
            Structures of the path.
        onto
            End at which the new path arrives, if in other periodic images than its atoms
            have of themselves (see :meth:`image`).
        """
        path = [self.image(structure) for structure in reversed(images)]
        if onto is None:
            return path
        cells = np.rint(onto.frac_coords - path[-1].frac_coords)
        return [Structure(s.lattice, s.species, s.frac_coords + cells) for s in path]


@dataclass(frozen=True)
class SupercellSymmetry:
    """Symmetry operations of a perfect supercell, in fractional coordinates.

    Attributes
    ----------
    lattice
        Of the supercell.
    rotations
        n x 3 x 3, integers.
    translations
        n x 3.
    """

    lattice: Lattice
    rotations: Ints
    translations: Floats

    @classmethod
    def of(cls, perfect: Structure, symprec: float = 0.01) -> SupercellSymmetry:
        """Find all operations of a perfect supercell, its lattice translations included.

        Parameters
        ----------
        perfect
            Supercell with all its sites occupied, without a defect.
        symprec
            Symmetry tolerance in angstrom.
        """
        found = SpacegroupAnalyzer(perfect, symprec).get_symmetry_dataset()
        rotations = np.array(found.rotations, dtype=np.int64)
        return cls(perfect.lattice, rotations, np.array(found.translations))

    def carrying(self, start: Floats, end: Floats) -> Ints:
        """Rotations (n x 3 x 3) of the operations that carry a point onto another one.

        Parameters
        ----------
        start, end
            Fractional coordinates, modulo the lattice.

        Returns
        -------
        ndarray
            Largest trace first, so that the identity and mirrors precede axes and
            inversions; equal ones in the order of their elements.
        """
        away = self.rotations @ start + self.translations - end
        apart = np.linalg.norm((away - np.rint(away)) @ self.lattice.matrix, axis=1)
        fitting = self.rotations[apart < CARRYING_TOLERANCE]
        keys = [(-int(np.trace(rotation)), rotation.ravel().tolist()) for rotation in fitting]
        return fitting[sorted(range(len(keys)), key=keys.__getitem__)]

    def cartesian(self, rotation: Ints) -> Floats:
        """Return the Cartesian form of a rotation."""
        columns = self.lattice.matrix.T
        return np.asarray(columns @ rotation @ np.linalg.inv(columns))


def find_swap(
    symmetry: SupercellSymmetry, initial: Structure, final: Structure, mover: int
) -> Swap | None:
    """Find an operation of the supercell that runs a hop backwards.

    It carries the initial onto the final structure and back, atom by atom, the mover onto
    itself, reverses the vector of the hop and is its own inverse. A mirror is preferred to a
    twofold axis and an axis to an inversion, since it constrains the midpoint least. (A hop
    that only a fourfold rotoinversion reverses counts as not symmetric.)

    Parameters
    ----------
    symmetry
        Of the perfect supercell.
    initial, final
        Ends of the hop before relaxation: the sites of the perfect supercell and the mover,
        in the same order and without periodic jumps.
    mover
        Index of the atom that hops.

    Returns
    -------
    Swap or None
        None when no operation of the supercell does it, also where one of the crystal would.
    """
    start, end = initial.frac_coords[mover], final.frac_coords[mover]
    for rotation in symmetry.carrying(start, end):
        translation = end - rotation @ start
        back = symmetry.lattice.get_cartesian_coords(rotation @ (end - start) + end - start)
        if np.any(rotation @ rotation != np.eye(3)) or np.linalg.norm(back) > CARRYING_TOLERANCE:
            continue
        permutation = _permutation(rotation, translation, initial, final)
        reverse = _permutation(rotation, translation, final, initial)
        if permutation is None or reverse is None or permutation[mover] != mover:
            continue
        if np.array_equal(permutation, reverse):
            return _swap(symmetry, rotation, (start + end) / 2, permutation, mover)
    return None


def _swap(
    symmetry: SupercellSymmetry, rotation: Ints, center: Floats, permutation: Ints, mover: int
) -> Swap:
    middle = symmetry.lattice.get_cartesian_coords(center)
    cartesian = symmetry.cartesian(rotation)
    return Swap(
        _rounded(cartesian).tolist(),
        _rounded(middle - cartesian @ middle).tolist(),
        permutation.tolist(),
        mover,
        _rounded(middle).tolist(),
    )


def symmetrized(structure: Structure, swap: Swap) -> Structure:
    """Return the mean of a structure near the middle of a hop and its image under the swap."""
    mean = (structure.frac_coords + swap.image(structure).frac_coords) / 2
    return Structure(structure.lattice, structure.species, _rounded(mean))


def carried(
    symmetry: SupercellSymmetry,
    relaxed: Structure,
    ideal: Structure,
    point: Sequence[float] | Floats,
    target_ideal: Structure,
    target_point: Sequence[float] | Floats,
) -> Structure | None:
    """Carry a relaxed defect to an equivalent place of the supercell.

    Parameters
    ----------
    symmetry
        Of the perfect supercell.
    relaxed, ideal
        Supercell with the defect after and before relaxation, atoms in the same order.
    point
        Where the defect is, fractional coordinates in the perfect supercell.
    target_ideal, target_point
        The equivalent defect before relaxation, and where it is.

    Returns
    -------
    Structure or None
        Relaxed defect with the atoms in the order of ``target_ideal``, each in the periodic
        image nearest to its place there. None when no operation of the supercell carries one
        defect onto the other.
    """
    start, end = np.asarray(point, dtype=float), np.asarray(target_point, dtype=float)
    for rotation in symmetry.carrying(start, end):
        translation = end - rotation @ start
        permutation = _permutation(rotation, translation, ideal, target_ideal)
        if permutation is not None:
            coords = np.empty((len(relaxed), 3))
            coords[permutation] = relaxed.frac_coords @ rotation.T + translation
            return _near(target_ideal, coords, target_ideal.frac_coords)
    return None


def _permutation(
    rotation: Ints, translation: Floats, source: Structure, target: Structure
) -> Ints | None:
    """Atom of the target that each atom of the source is carried onto; None if not one each."""
    if len(source) != len(target):
        return None
    images = source.frac_coords @ rotation.T + translation
    distances = target.lattice.get_all_distances(images, target.frac_coords)
    permutation: Ints = distances.argmin(axis=1)
    apart = distances[np.arange(len(source)), permutation]
    same = all(source[k].species == target[m].species for k, m in enumerate(permutation))
    if not same or apart.max() > CARRYING_TOLERANCE or len({*permutation}) < len(source):
        return None
    return permutation


def _near(structure: Structure, coords: Floats, near: Floats) -> Structure:
    """Structure with new coordinates, each in the periodic image nearest to a given one."""
    nearest = coords - np.rint(coords - near)
    return Structure(structure.lattice, structure.species, _rounded(nearest))


def _rounded(numbers: Floats) -> Floats:
    # Zero is added because -0.0 and 0.0 make two keys.
    return np.round(numbers, COORDINATE_DECIMALS) + 0.0
