"""Facets of a crystal and the ways to cut them.

Miller indices are those of the conventional cell; a facet is seen in a primitive cell whose
a and b lie in it, so that slabs have the smallest in-plane cell and repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.core.surface import get_symmetrically_distinct_miller_indices
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from misei.structures.polarity import (
    PLANE_TOLERANCE,
    POSITION_TOLERANCE,
    formal_charges,
    tasker_type,
)

Miller = tuple[int, int, int]
Array = NDArray[np.float64]

# Relaxed crystals are symmetric to their force tolerance only.
SYMMETRY_TOLERANCE = POSITION_TOLERANCE
# Heights along the normal, angstrom, that count as the same: below half of the narrowest cut.
HEIGHT_TOLERANCE = 2 * POSITION_TOLERANCE
# Components of a rotated unit normal that count as zero.
NORMAL_TOLERANCE = 1e-2


class SlabError(ValueError):
    """A slab that the crystal or the settings do not allow."""


@dataclass(frozen=True)
class Termination(MSONable):  # type: ignore[misc]
    """One way of cutting a facet.

    Attributes
    ----------
    height
        Of the cut along the normal in the cell of the facet, angstrom.
    spacing
        Distance between the atomic planes on both sides of the cut, angstrom.
    label
        Composition of the plane that the slab ends with and the cut as a fraction of the
        repeat, e.g. ``Li2Al2@0.25``.
    tasker
        Tasker's type of the face (1, 2 or 3 = polar); None for metals and alloys.
    """

    height: float
    spacing: float
    label: str
    tasker: int | None


@dataclass(frozen=True)
class OrientedCrystal:
    """A crystal seen along the normal of a facet.

    Attributes
    ----------
    miller
        In the conventional cell.
    cell
        Primitive cell, a and b in the facet, c one repeat away.
    keeping, reversing
        Symmetry operations that keep and that reverse the normal: they carry height h into
        h + keeping and reversing - h (angstrom, modulo the repeat).
    charges
        Formal charges of the elements in e; None for metals and alloys.
    """

    miller: Miller
    cell: Structure
    keeping: Array
    reversing: Array
    charges: dict[str, float] | None

    @property
    def normal(self) -> Array:
        """Unit vector out of the upper face."""
        normal = np.cross(*self.cell.lattice.matrix[:2])
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def repeat(self) -> float:
        """Distance of neighbouring lattice planes, angstrom."""
        return float(self.cell.lattice.matrix[2] @ self.normal)

    @property
    def period(self) -> float:
        """Least distance after which the stacking repeats, glides and screws included."""
        shifts = np.mod(self.keeping, self.repeat)
        apart = shifts[(shifts > HEIGHT_TOLERANCE) & (shifts < self.repeat - HEIGHT_TOLERANCE)]
        return float(apart.min()) if apart.size else self.repeat

    @property
    def heights(self) -> Array:
        """Heights of the atoms of the cell, angstrom, within one repeat."""
        return np.asarray(np.mod(self.cell.cart_coords @ self.normal, self.repeat))

    def same_height(self, first: Array, second: float) -> bool:
        """Whether one of the first heights is the second one, modulo the repeat."""
        apart = np.mod(first - second, self.repeat)
        return bool(
            np.min(np.minimum(apart, self.repeat - apart), initial=np.inf) < HEIGHT_TOLERANCE
        )


def conventional_cell(bulk: Structure) -> Structure:
    """Conventional standard cell, in which Miller indices are given."""
    cell = SpacegroupAnalyzer(
        bulk, symprec=SYMMETRY_TOLERANCE
    ).get_conventional_standard_structure()
    return cell.remove_site_property("wyckoff") if "wyckoff" in cell.site_properties else cell


def low_index_millers(bulk: Structure, max_index: int = 1) -> list[Miller]:
    """Symmetry-distinct facets up to a Miller index, those with the widest planes first.

    Parameters
    ----------
    bulk
        Any cell of the crystal.
    max_index
        Largest absolute Miller index, conventional cell.
    """
    cell = conventional_cell(bulk)
    millers = get_symmetrically_distinct_miller_indices(cell, max_index)
    return sorted(
        (_miller(m) for m in millers), key=lambda m: (-round(cell.lattice.d_hkl(m), 3), m)
    )


def _miller(indices: tuple[int, ...]) -> Miller:
    h, k, l = (int(i) for i in indices)  # noqa: E741
    return h, k, l


def oriented_crystal(bulk: Structure, miller: Miller) -> OrientedCrystal:
    """Crystal in a primitive cell whose a and b lie in a facet, and its symmetry.

    pymatgen's SlabGenerator, given the conventional cell or a plane of high index in the
    primitive one, repeats slabs by several times the least repeat (three times for bcc (111)).

    Parameters
    ----------
    bulk
        Any cell of the crystal.
    miller
        Miller indices in the conventional cell.

    Raises
    ------
    SlabError
        When all indices are zero.
    """
    if not any(miller):
        raise SlabError(f"Miller indices {miller} do not name a plane")
    conventional = conventional_cell(bulk)
    primitive = conventional.get_primitive_structure()
    # Rows of the primitive lattice in the conventional basis (eighths cover all centrings).
    basis = primitive.lattice.matrix @ np.linalg.inv(conventional.lattice.matrix)
    indices = np.rint(24 * basis @ np.array(miller)).astype(int)
    indices //= np.gcd.reduce(indices)
    cell = primitive.make_supercell(_facet_basis(primitive.lattice, indices), in_place=False)
    normal = np.cross(*cell.lattice.matrix[:2])
    normal /= np.linalg.norm(normal)
    operations = SpacegroupAnalyzer(cell, symprec=SYMMETRY_TOLERANCE).get_symmetry_operations(
        cartesian=True
    )
    keeping, reversing = (
        np.array(
            [
                float(op.translation_vector @ normal)
                for op in operations
                if np.allclose(op.rotation_matrix @ normal, sign * normal, atol=NORMAL_TOLERANCE)
            ]
        )
        for sign in (1, -1)
    )
    return OrientedCrystal(miller, cell, keeping, reversing, formal_charges(primitive))


def _facet_basis(lattice: Lattice, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    # Shortest basis of the lattice with a, b in the plane and c one plane further, right-handed.
    reach = range(-4, 5)
    vectors = np.array([(i, j, k) for i in reach for j in reach for k in reach if i or j or k])
    lengths = np.linalg.norm(vectors @ lattice.matrix, axis=1).round(6)
    vectors = vectors[np.argsort(lengths, kind="stable")]
    planes = vectors @ indices
    in_plane = vectors[planes == 0]
    a = in_plane[0]
    b = next(v for v in in_plane if np.cross(a, v).any())
    c = vectors[planes == 1][0]
    if np.linalg.det(np.array([a, b, c]) @ lattice.matrix) < 0:
        b = -b
    return np.array([a, b, c])


def cuts(crystal: OrientedCrystal) -> Array:
    """Heights (angstrom) halfway between all neighbouring atomic planes of one repeat.

    Where all atoms are closer than planes are to each other, between the farthest ones.
    """
    heights = np.sort(crystal.heights)
    gaps = np.diff(heights, append=heights[0] + crystal.repeat)
    narrowest = min(PLANE_TOLERANCE, gaps.max() - POSITION_TOLERANCE)
    return np.asarray((heights + gaps / 2)[gaps > narrowest])


def distinct_terminations(crystal: OrientedCrystal) -> list[Termination]:
    """Terminations of a facet that differ on the outer (upper) face.

    Polar ones (Tasker type 3) come last, and the widest cuts first. pymatgen merges slabs
    that are equal as a whole, and with them terminations that differ only in which of their
    faces points up: an Li-ended and an M-ended slab of LiM are one slab upside down. Here
    two cuts are the same only where an operation of the crystal that keeps the outward
    normal carries one into the other.
    """
    distinct: list[Termination] = []
    for cut in cuts(crystal):
        if not any(crystal.same_height(cut + crystal.keeping, t.height) for t in distinct):
            distinct.append(_termination(crystal, float(cut)))
    return sorted(distinct, key=lambda t: (t.tasker == 3, -round(t.spacing, 2), t.height))


def _termination(crystal: OrientedCrystal, cut: float) -> Termination:
    below = np.mod(cut - crystal.heights, crystal.repeat)
    above = np.mod(crystal.heights - cut, crystal.repeat)
    plane = Structure.from_sites(
        [
            site
            for site, depth in zip(crystal.cell, below, strict=True)
            if depth - below.min() <= PLANE_TOLERANCE
        ]
    ).composition
    tasker = None
    if crystal.charges is not None:
        charges = np.array([crystal.charges[site.specie.symbol] for site in crystal.cell])
        tasker = tasker_type(-below, charges)
    fraction = cut / crystal.repeat % 1.0
    return Termination(
        height=cut,
        spacing=float(below.min() + above.min()),
        label=f"{plane.formula.replace(' ', '')}@{fraction:.2f}",
        tasker=tasker,
    )
