"""Slabs of a crystal: facets, terminations and the symmetric slab of a surface energy.

Miller indices are those of the conventional cell; slabs are cut from the primitive cell,
so that their thickness grows in the smallest steps that the crystal allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure
from pymatgen.core.surface import (
    Slab,
    SlabGenerator,
    get_symmetrically_distinct_miller_indices,
)
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

CubicLattice = Literal["bcc", "fcc"]
Miller = tuple[int, int, int]

# Relaxed crystals are symmetric to their force tolerance only.
SYMMETRY_TOLERANCE = 0.05
# Atoms within this height, angstrom, belong to one atomic plane.
PLANE_TOLERANCE = 0.25
# Cells and coordinates are rounded, so that one slab has one job key on every machine.
COORDINATE_DECIMALS = 8
# Heights along the normal, as a fraction of the repeat, that count as the same.
HEIGHT_TOLERANCE = 0.02


class SlabError(ValueError):
    """A slab that the crystal or the settings do not allow."""


@dataclass(frozen=True)
class Termination:
    """One way of cutting a facet.

    Attributes
    ----------
    shift
        Height of the cut in the oriented unit cell, fraction of its repeat.
    spacing
        Distance between the atomic planes on both sides of the cut, angstrom.
    label
        Composition of the plane that the slab ends with and the cut, e.g. ``Li2Al2@0.25``.
    """

    shift: float
    spacing: float
    label: str


def cubic_crystal(element: str, lattice: CubicLattice) -> Structure:
    """Primitive bcc or fcc crystal of an element, from its metallic radius, to be relaxed.

    Parameters
    ----------
    element
        Symbol of a metal.
    lattice
        ``bcc`` or ``fcc``.

    Raises
    ------
    SlabError
        When the lattice is neither, or the element has no metallic radius.
    """
    bond_per_a = {"bcc": np.sqrt(3) / 2, "fcc": 1 / np.sqrt(2)}
    if lattice not in bond_per_a:
        raise SlabError(f"unknown film lattice {lattice!r}; valid: {', '.join(bond_per_a)}")
    radius = Element(element).metallic_radius if Element.is_valid_symbol(element) else None
    if radius is None:
        raise SlabError(f"no metallic radius for {element!r}; the film must be a metal, e.g. Li")
    a = 2 * float(radius) / bond_per_a[lattice]
    spacegroup = "Im-3m" if lattice == "bcc" else "Fm-3m"
    crystal = Structure.from_spacegroup(spacegroup, Lattice.cubic(a), [element], [[0, 0, 0]])
    return crystal.get_primitive_structure()


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


def facet_generator(
    bulk: Structure, miller: Miller, thickness: float, vacuum: float
) -> SlabGenerator:
    """Return pymatgen's generator of one facet, on a primitive cell whose a and b lie in the plane.

    Given the conventional cell, or a plane of high index in the primitive one, pymatgen
    repeats slabs by several times the smallest repeat (three times for bcc (111)).

    Parameters
    ----------
    bulk
        Any cell of the crystal.
    miller
        Miller indices in the conventional cell.
    thickness, vacuum
        Least thickness of slab and vacuum, angstrom.

    Raises
    ------
    SlabError
        When all indices are zero.
    """
    if not any(miller):
        raise SlabError(f"Miller indices {miller} do not name a plane")
    cell = conventional_cell(bulk)
    primitive = cell.get_primitive_structure()
    # Rows of the primitive lattice in the conventional basis (eighths cover all centrings).
    basis = primitive.lattice.matrix @ np.linalg.inv(cell.lattice.matrix)
    indices = np.rint(24 * basis @ np.array(miller)).astype(int)
    indices //= np.gcd.reduce(indices)
    facet = primitive.make_supercell(_facet_basis(primitive.lattice, indices), in_place=False)
    return SlabGenerator(
        facet,
        (0, 0, 1),
        min_slab_size=thickness,
        min_vacuum_size=vacuum,
        primitive=False,
        reorient_lattice=False,
    )


def _facet_basis(lattice: Lattice, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    # Shortest basis of the lattice with a, b in the plane and c one plane further.
    reach = range(-4, 5)
    vectors = np.array([(i, j, k) for i in reach for j in reach for k in reach if i or j or k])
    lengths = np.linalg.norm(vectors @ lattice.matrix, axis=1).round(6)
    vectors = vectors[np.argsort(lengths, kind="stable")]
    planes = vectors @ indices
    in_plane = vectors[planes == 0]
    a = in_plane[0]
    b = next(v for v in in_plane if np.cross(a, v).any())
    c = vectors[planes == 1][0]
    if np.linalg.det([a, b, c]) < 0:
        b = -b
    return np.array([a, b, c])


def distinct_terminations(generator: SlabGenerator) -> list[Termination]:
    """Terminations of a facet that differ on the outer (upper) face, widest cut first.

    pymatgen merges slabs that are equal as a whole, and with them terminations that differ
    only in which of their faces points up: an Li-ended and an M-ended slab of LiM are one
    slab upside down. Here two cuts are the same only where an operation of the crystal
    that keeps the outward normal carries one into the other.
    """
    cell = generator.oriented_unit_cell
    normal = _unit_normal(cell.lattice)
    repeat = abs(float(cell.lattice.matrix[2] @ normal))
    translations = _heights_of_symmetry(cell, normal) / repeat
    heights = (cell.cart_coords @ normal / repeat) % 1.0
    distinct: list[Termination] = []
    for shift in generator.gen_possible_terminations(ftol=PLANE_TOLERANCE):
        images = (shift + translations) % 1.0
        if not any(_same_height(images, other.shift) for other in distinct):
            distinct.append(_termination(cell, heights, float(shift), repeat))
    return sorted(distinct, key=lambda t: (-round(t.spacing, 2), t.shift))


def _unit_normal(lattice: Lattice) -> NDArray[np.float64]:
    normal = np.cross(lattice.matrix[0], lattice.matrix[1])
    normal = normal / np.linalg.norm(normal)
    return normal * np.sign(normal @ lattice.matrix[2])


def _heights_of_symmetry(cell: Structure, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    analyzer = SpacegroupAnalyzer(cell, symprec=SYMMETRY_TOLERANCE)
    operations = analyzer.get_symmetry_operations(cartesian=True)
    kept = [op for op in operations if np.allclose(op.rotation_matrix @ normal, normal, atol=1e-2)]
    return np.array([float(op.translation_vector @ normal) for op in kept])


def _same_height(heights: NDArray[np.float64], other: float) -> bool:
    difference = np.abs(heights - other) % 1.0
    return bool(np.min(np.minimum(difference, 1.0 - difference)) < HEIGHT_TOLERANCE)


def _termination(
    cell: Structure, heights: NDArray[np.float64], shift: float, repeat: float
) -> Termination:
    below = (shift - heights) % 1.0
    above = (heights - shift) % 1.0
    top = [i for i, depth in enumerate(below) if (depth - below.min()) * repeat <= PLANE_TOLERANCE]
    plane = Structure.from_sites([cell[i] for i in top]).composition
    spacing = float(below.min() + above.min()) * repeat
    return Termination(shift, spacing, f"{plane.formula.replace(' ', '')}@{shift:.2f}")


def facet_slab(generator: SlabGenerator, termination: Termination, thickness: float) -> Slab:
    """Slab with the in-plane cell of its generator, c along the normal, cut back to a thickness.

    pymatgen stacks whole oriented cells, which for large alloys is far more than was asked
    for; what lies deeper than ``thickness`` below the upper face is taken off.

    Parameters
    ----------
    generator
        From :func:`facet_generator`.
    termination
        One of :func:`distinct_terminations`; it is the upper face.
    thickness
        Depth that is kept, angstrom.
    """
    slab = generator.get_slab(shift=termination.shift).get_orthogonal_c_slab()
    heights = slab.frac_coords[:, 2] * slab.lattice.c
    too_deep = np.flatnonzero(heights < heights.max() - thickness - PLANE_TOLERANCE)
    slab.remove_sites(too_deep.tolist())
    return slab


def symmetric_slab(bulk: Structure, miller: Miller, thickness: float, vacuum: float) -> Structure:
    """Stoichiometric slab with two equivalent faces, for a surface energy.

    Parameters
    ----------
    bulk
        Any cell of the relaxed crystal.
    miller
        Miller indices in the conventional cell.
    thickness, vacuum
        Least thickness of slab and exact width of vacuum, angstrom.

    Returns
    -------
    Structure
        Slab centred in its cell, c along the normal, primitive in-plane cell.

    Raises
    ------
    SlabError
        When no termination gives a stoichiometric slab with equivalent faces.
    """
    generator = facet_generator(bulk, miller, thickness, vacuum)
    for termination in distinct_terminations(generator):
        slab = generator.get_slab(shift=termination.shift)
        if slab.is_symmetric():
            return centred_in_vacuum(slab.get_orthogonal_c_slab(), vacuum)
    raise SlabError(
        f"{bulk.composition.reduced_formula} {miller} has no stoichiometric slab with equivalent "
        "faces; choose another facet"
    )


def centred_in_vacuum(slab: Structure, vacuum: float) -> Structure:
    """Put a slab into a cell with exactly this vacuum (angstrom): c along z, a and b in xy.

    ``slab`` must have c along its normal. A left-handed cell comes back as its mirror
    image, which has the same energy.
    """
    lattice = slab.lattice
    heights = slab.frac_coords[:, 2] * lattice.c
    c = float(np.ptp(heights)) + vacuum
    coords = slab.frac_coords.copy()
    coords[:, 2] = 0.5 + (heights - (heights.max() + heights.min()) / 2) / c
    box = Lattice.from_parameters(lattice.a, lattice.b, c, 90, 90, lattice.gamma)
    return Structure(
        np.round(box.matrix, COORDINATE_DECIMALS) + 0.0,
        slab.species,
        np.round(coords, COORDINATE_DECIMALS) + 0.0,
    )


def face_area(slab: Structure) -> float:
    """Area of one face, |a x b|, in angstrom^2."""
    a, b = slab.lattice.matrix[:2]
    return float(np.linalg.norm(np.cross(a, b)))
