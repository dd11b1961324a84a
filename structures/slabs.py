"""Slabs of a crystal: of one termination for an interface, symmetric for a surface energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Literal

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Composition, Element, Lattice, Structure
from pymatgen.core.surface import Slab

from misei.structures.facets import (
    HEIGHT_TOLERANCE,
    Miller,
    OrientedCrystal,
    SlabError,
    Termination,
    cuts,
    distinct_terminations,
    oriented_crystal,
)
from misei.structures.polarity import dipole

CubicLattice = Literal["bcc", "fcc"]

# Cells and coordinates are rounded, so that one slab has one job key on every machine.
COORDINATE_DECIMALS = 8
# A slab may be thicker than wanted by these factors to have equivalent faces (any crystal with
# a repeat up to the thickness that has such slabs at all), else whole formula units.
MAX_EQUIVALENT = 2.0
MAX_WHOLE = 1.5
# Dipoles per area, e/angstrom, are known no better: atoms are at their places to 0.05 A.
DIPOLE_DECIMALS = 4
# Atoms in excess of whole formula units that count as none.
EXCESS_TOLERANCE = 1e-6


@dataclass(frozen=True)
class SlabFacts(MSONable):  # type: ignore[misc]
    """What a reader of a slab's energy must know of its two faces.

    With equivalent faces the surface energy is that of this termination alone,
    gamma = (E_slab - n E_formula - sum_i excess_i 2A mu_i) / 2A, also where the slab is not
    stoichiometric: at 0 V Li metal and the Li-richest alloy, in equilibrium, fix every mu.

    Attributes
    ----------
    thickness
        Of the crystal, from cut to cut, angstrom.
    equivalent_faces
        Whether an operation of the crystal that reverses the normal carries one face into
        the other; the slab then has no dipole.
    stoichiometric
        Whether the slab is whole formula units of the crystal.
    tasker
        Tasker's type of the termination; None for metals and alloys.
    dipole_per_area
        Of the slab as cut, by formal charges, along the normal, e/angstrom (about the
        middle of the slab); None for metals and alloys.
    excess
        Atoms beyond whole formula units, per angstrom^2 of one face (mean of the two), by
        element; the most electronegative element is the reference and has none.
    """

    thickness: float
    equivalent_faces: bool
    stoichiometric: bool
    tasker: int | None
    dipole_per_area: float | None
    excess: dict[str, float]

    @property
    def polar(self) -> bool | None:
        """Whether the stoichiometric slab of this termination is polar (Tasker type 3)."""
        return None if self.tasker is None else self.tasker == 3

    @property
    def remarks(self) -> list[str]:
        """What makes the slab less than ideal, in words; empty for an ideal one."""
        remarks = []
        if self.polar:
            remarks.append("polar termination (Tasker type 3)")
        if not self.stoichiometric:
            excess = ", ".join(f"{n:+.3f} {e}" for e, n in self.excess.items() if n)
            remarks.append(f"not stoichiometric: {excess} per angstrom^2 of face")
        if not self.equivalent_faces:
            remarks.append("the two faces of the slab differ")
        return remarks


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
    return _cubic(spacegroup, a, element).copy()


@cache
def _cubic(spacegroup: str, a: float, element: str) -> Structure:
    # pymatgen takes a tenth of a second to make one, and every adhesion flow begins with two.
    crystal = Structure.from_spacegroup(spacegroup, Lattice.cubic(a), [element], [[0, 0, 0]])
    return crystal.get_primitive_structure()


def facet_slab(
    crystal: OrientedCrystal, termination: Termination, thickness: float, vacuum: float
) -> tuple[Slab, SlabFacts]:
    """Slab with a termination as its upper face, c along the normal, and the facts about it.

    The lower face is, where the crystal allows it within twice the thickness, equivalent to
    the upper one; else the slab is whole repeats of the crystal (stoichiometric, up to 1.5
    times the thickness); else it is the thinnest one that is thick enough.

    Parameters
    ----------
    crystal
        From :func:`misei.structures.facets.oriented_crystal`.
    termination
        One of :func:`misei.structures.facets.distinct_terminations`.
    thickness
        Least thickness of the crystal from cut to cut, angstrom.
    vacuum
        Angstrom.
    """
    alike = _equivalent_thickness(crystal, termination.height, thickness)
    whole = ceil((thickness - HEIGHT_TOLERANCE) / crystal.period) * crystal.period
    if alike is not None and alike <= MAX_EQUIVALENT * thickness:
        chosen = alike
    elif whole <= MAX_WHOLE * thickness:
        chosen = whole
    else:
        lower = termination.height - cuts(crystal)
        chosen = min(_at_least(float(t), thickness, crystal.repeat) for t in lower)
    return _slab(crystal, termination, chosen, vacuum)


def _equivalent_thickness(crystal: OrientedCrystal, cut: float, least: float) -> float | None:
    """Thickness of the thinnest slab whose lower face is the image of its upper one."""
    # The upper face at height h has its image, seen from below, at reversing - h.
    thicknesses = 2 * cut - crystal.reversing
    return min((_at_least(float(t), least, crystal.repeat) for t in thicknesses), default=None)


def _at_least(thickness: float, least: float, repeat: float) -> float:
    return thickness + ceil((least - HEIGHT_TOLERANCE - thickness) / repeat) * repeat


def _slab(
    crystal: OrientedCrystal, termination: Termination, thickness: float, vacuum: float
) -> tuple[Slab, SlabFacts]:
    cell, normal = crystal.cell, crystal.normal
    depths = np.mod(termination.height - crystal.heights, crystal.repeat)
    # Whole repeats downwards of every atom, as long as it lies in the slab.
    layers = [
        (site, depth + k * crystal.repeat)
        for site, depth in zip(cell, depths, strict=True)
        for k in range(ceil((thickness - depth) / crystal.repeat))
    ]
    below = np.array([depth for _, depth in layers])
    coords = np.array(
        [
            # The periodic image of the site at this depth: whole steps of c.
            site.coords
            + round((termination.height - depth - site.coords @ normal) / crystal.repeat)
            * cell.lattice.matrix[2]
            for site, depth in layers
        ]
    )
    slab = Slab(
        Lattice([*cell.lattice.matrix[:2], (thickness + vacuum) * normal]),
        [site.specie for site, _ in layers],
        coords - (termination.height - thickness) * normal,
        crystal.miller,
        cell,
        termination.height / crystal.repeat,
        np.eye(3),
        reorient_lattice=False,
        coords_are_cartesian=True,
    )
    return slab, _facts(crystal, termination, slab, below, thickness)


def _facts(
    crystal: OrientedCrystal,
    termination: Termination,
    slab: Slab,
    depths: NDArray[np.float64],
    thickness: float,
) -> SlabFacts:
    area = face_area(slab)
    excess = {
        element: atoms / (2 * area)
        for element, atoms in excess_atoms(slab.composition, crystal.cell.composition).items()
    }
    moment = None
    if crystal.charges is not None:
        charges = np.array([crystal.charges[site.specie.symbol] for site in slab])
        moment = (
            round(dipole(-depths, charges, origin=-thickness / 2) / area, DIPOLE_DECIMALS) + 0.0
        )
    image = 2 * termination.height - crystal.reversing
    return SlabFacts(
        thickness=thickness,
        equivalent_faces=crystal.same_height(image, thickness),
        stoichiometric=not any(excess.values()),
        tasker=termination.tasker,
        dipole_per_area=moment,
        excess=excess,
    )


def excess_atoms(slab: Composition, bulk: Composition) -> dict[str, float]:
    """Atoms beyond whole formula units, the most electronegative element being the reference.

    Parameters
    ----------
    slab, bulk
        Compositions of a slab and of its crystal, any number of formula units.
    """
    reference = max(bulk.elements, key=lambda element: (element.X, element.symbol))
    units = slab[reference] / bulk[reference]
    excess = {e.symbol: float(slab[e] - units * bulk[e]) for e in sorted(bulk.elements)}
    return {e: n if abs(n) > EXCESS_TOLERANCE else 0.0 for e, n in excess.items()}


def symmetric_slab(bulk: Structure, miller: Miller, thickness: float, vacuum: float) -> Structure:
    """Stoichiometric slab with two equivalent faces, for a surface energy.

    Parameters
    ----------
    bulk
        Any cell of the relaxed crystal.
    miller
        Miller indices in the conventional cell.
    thickness, vacuum
        Least thickness of the crystal from cut to cut and exact width of vacuum, angstrom.

    Returns
    -------
    Structure
        Slab centred in its cell, c along the normal, primitive in-plane cell.

    Raises
    ------
    SlabError
        When no termination gives a stoichiometric slab with equivalent faces.
    """
    crystal = oriented_crystal(bulk, miller)
    for termination in distinct_terminations(crystal):
        alike = _equivalent_thickness(crystal, termination.height, thickness)
        if alike is not None:
            slab, facts = _slab(crystal, termination, alike, vacuum)
            if facts.stoichiometric:
                return centred_in_vacuum(slab, vacuum)
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
