"""Lowest curvatures at a saddle, from a few finite differences of forces.

The Hessian is projected on a few directions; by Cauchy's interlacing theorem the sorted
eigenvalues of the projection (Ritz values) bound those of the Hessian from above. Two
negative ones prove a saddle of second order; one negative and others positive is strong
evidence for one of first order, the stronger the more directions were tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from misei.structures.hop_symmetry import Swap

Floats = NDArray[np.float64]

# Length of a displacement over all atoms, angstrom: far above the noise of single precision
# (1e-5 eV/angstrom), small against the width of a barrier.
DISPLACEMENT = 0.02
# A curvature within this of zero is none, eV/angstrom^2: single precision over the displacement.
NOISE = 0.01
# A direction is dropped where less than this part of it is new.
NEW_PART = 0.1


@dataclass(frozen=True)
class Modes:
    """What a few directions tell about the Hessian.

    Attributes
    ----------
    curvatures
        Ritz values, ascending, eV/angstrom^2.
    vectors
        Their normalized directions, one (n x 3) each.
    """

    curvatures: list[float]
    vectors: list[Floats]

    def even(self, index: int, swap: Swap) -> bool:
        """Whether the swap carries a mode onto itself, not onto its opposite."""
        return bool(np.vdot(swap.vectors(self.vectors[index]), self.vectors[index]) > 0)

    @property
    def negative(self) -> int:
        """Number of directions, perpendicular in pairs, along which the energy falls."""
        return sum(c < -NOISE for c in self.curvatures)

    def least_along(self, hop: Floats) -> Floats:
        """Of the two lowest modes the one that is less along the hop."""
        return min(self.vectors[:2], key=lambda vector: abs(float(np.vdot(vector, hop))))


class _Subspace:
    """Orthonormal directions, and the Hessian along them."""

    def __init__(self, atoms: Atoms, swap: Swap | None) -> None:
        self.atoms = atoms
        self.forces = atoms.get_forces()
        self.swap = swap
        self.directions: list[Floats] = []
        self.products: list[Floats] = []

    def add(self, vector: Floats) -> bool:
        """Evaluate the Hessian along the new part of a vector; False where there is none."""
        # Translations of all atoms have no curvature and would only blur the others.
        new = vector - vector.mean(axis=0)
        new /= np.linalg.norm(new) or 1.0
        for _ in range(2):
            for known in self.directions:
                new = new - np.vdot(known, new) * known
        if np.linalg.norm(new) < NEW_PART:
            return False
        new = new / np.linalg.norm(new)
        self.directions.append(new)
        self.products.append(self._product(new))
        return True

    def _product(self, direction: Floats) -> Floats:
        moved = self.atoms.copy()
        moved.calc = self.atoms.calc.__deepcopy__({})
        moved.positions += DISPLACEMENT * direction
        change = self.forces - moved.get_forces()
        if self.swap is not None and np.vdot(self.swap.vectors(direction), direction) < 0:
            # Odd direction: the swap gives the forces on the other side, a central difference.
            change = change - self.swap.vectors(change)
            change /= 2
        return np.asarray(change / DISPLACEMENT)

    def modes(self) -> tuple[Modes, list[Floats]]:
        """Ritz values and vectors, and what is left of each."""
        v = np.array([d.ravel() for d in self.directions])
        hv = np.array([p.ravel() for p in self.products])
        small = v @ hv.T
        values, weights = np.linalg.eigh((small + small.T) / 2)
        vectors = [(w @ v).reshape(-1, 3) for w in weights.T]
        rests = [
            (w @ hv - c * (w @ v)).reshape(-1, 3) for c, w in zip(values, weights.T, strict=True)
        ]
        return Modes(values.tolist(), vectors), rests


def across(direction: Floats, mover: int) -> list[Floats]:
    """Two directions of the mover alone, perpendicular to where it goes (n x 3 each)."""
    along = direction[mover] / np.linalg.norm(direction[mover])
    found = []
    for axis in np.linalg.svd(along[None])[2][1:]:
        vector = np.zeros_like(direction)
        vector[mover] = axis
        found.append(vector)
    return found


def lowest_modes(
    atoms: Atoms, directions: Sequence[Floats], swap: Swap | None = None, refinements: int = 4
) -> Modes:
    """Find the lowest curvatures in a space that starts from given directions.

    The space grows by what is left, H v - c v, of the lowest mode until its curvature is negative,
    then of the second until that is negative too or falls by less than its own value. A second
    negative curvature that is weak and spread over many atoms can be missed.

    Parameters
    ----------
    atoms
        At a point where forces are small; with a :class:`SharedCalculator`.
    directions
        n x 3 each, the hop's own first; one evaluation each.
    swap
        Operation under which the atoms stand as they are: directions are split into even and
        odd parts.
    refinements
        Most evaluations by which the space grows.
    """
    space, before = _Subspace(atoms, swap), np.inf
    for direction in directions:
        for part in _parts(direction, swap):
            space.add(part)
    modes, rests = space.modes()
    for _ in range(refinements):
        lowest, second = [*modes.curvatures, np.inf][:2]
        settled = modes.negative > 1 or before - second < second
        if lowest < -NOISE and (settled or len(rests) < 2):
            break
        if lowest < -NOISE:
            before = second
        if not space.add(rests[0 if lowest >= -NOISE else 1]):
            break
        modes, rests = space.modes()
    return modes


def _parts(direction: Floats, swap: Swap | None) -> list[Floats]:
    if swap is None:
        return [direction]
    carried = swap.vectors(direction)
    parts = [(direction - carried) / 2, (direction + carried) / 2]
    size = np.linalg.norm(direction)
    return [part for part in parts if np.linalg.norm(part) > NEW_PART * size]
