from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.optimize import FIRE
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.structures.defects import DefectCell, place_hops
from misei.structures.hop_symmetry import (
    SupercellSymmetry,
    Swap,
    carried,
    find_swap,
    symmetrized,
)
from misei.structures.hops import Hop, find_hops
from misei.structures.reference_set import load_reference_set
from misei.structures.supercells import primitive_cell, supercell_matrix

# Coordinates are rounded to 1e-8 of a cell of about 10 angstrom.
ROUNDING = 1e-6  # angstrom
# Force constants are below 10 eV/angstrom^2.
FORCE_ROUNDING = 10 * ROUNDING  # eV/angstrom
ENERGY_ROUNDING = 1e-6  # eV

CUBIC = Lattice.cubic(3.6)
FCC = primitive_cell(Structure.from_spacegroup(225, CUBIC, ["Cu"], [[0, 0, 0]]))
B2 = Structure(Lattice.cubic(3.0), ["Cu", "Au"], [[0, 0, 0], [0.5, 0.5, 0.5]])
HCP = Structure(
    Lattice.hexagonal(2.56, 4.18), ["Cu", "Cu"], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
)


def reference(name: str) -> Structure:
    phases = load_reference_set()["phases"]
    return Structure.from_dict(next(p["structure"] for p in phases if p["id"] == name))


class VacancyHop:
    """A vacancy hop of a crystal in a supercell of it."""

    def __init__(self, crystal: Structure, hop: Hop, matrix: list[list[int]]) -> None:
        element = crystal[hop.edges[0][0]].specie.symbol
        self.cell = DefectCell(crystal, matrix, mobile_species=element)
        self.sites, (self.ends,) = place_hops(self.cell, [hop], [hop.edges[0][0]])
        self.symmetry = SupercellSymmetry.of(self.cell.perfect)
        self.initial, self.final, self.mover = self.cell.ideal_ends(self.ends)

    def swap(self) -> Swap | None:
        return find_swap(self.symmetry, self.initial, self.final, self.mover)

    def midpoint(self, amplitude: float = 0.0) -> Structure:
        """Middle of the hop, its atoms displaced at random by up to an amplitude in angstrom."""
        rng = np.random.default_rng(1)
        noise = rng.uniform(-amplitude, amplitude, (len(self.initial), 3))
        coords = (self.initial.cart_coords + self.final.cart_coords) / 2 + noise
        return Structure(
            self.initial.lattice, self.initial.species, coords, coords_are_cartesian=True
        )


def hops_of(crystal: Structure, element: str, cutoff: float, reversible: bool = True) -> list[Hop]:
    return [h for h in find_hops(crystal, element, cutoff).hops if h.reversible is reversible]


def first_hop(crystal: Structure, element: str, cutoff: float, min_length: float) -> VacancyHop:
    hop = hops_of(crystal, element, cutoff)[0]
    return VacancyHop(crystal, hop, supercell_matrix(crystal, min_length))


def distances(first: Structure, second: Structure) -> NDArray[np.float64]:
    """Distance of each atom to itself in another structure, without periodic images."""
    return np.asarray(np.linalg.norm(first.cart_coords - second.cart_coords, axis=1))


def forces(structure: Structure) -> tuple[float, NDArray[np.float64]]:
    atoms = AseAtomsAdaptor.get_atoms(structure)
    atoms.calc = EMT()
    return float(atoms.get_potential_energy()), np.asarray(atoms.get_forces())


def relaxed(structure: Structure, fmax: float) -> Structure:
    atoms = AseAtomsAdaptor.get_atoms(structure)
    atoms.calc = EMT()
    FIRE(atoms, logfile=None).run(fmax=fmax, steps=300)
    return AseAtomsAdaptor.get_structure(atoms)


def cases() -> list[pytest.param]:
    crystals = [("fcc", FCC, "Cu"), ("B2", B2, "Cu"), ("hcp", HCP, "Cu")]
    crystals += [(name, reference(name), "Li") for name in ("Li2O-225", "Li3P-194", "LiAl-227")]
    return [
        pytest.param(crystal, hop, id=f"{name} {hop.label}")
        for name, crystal, element in crystals
        for hop in hops_of(crystal, element, 3.8)
    ]


@pytest.mark.parametrize(("crystal", "hop"), cases())
def test_swap_runs_the_hop_backwards(crystal: Structure, hop: Hop) -> None:
    placed = VacancyHop(crystal, hop, supercell_matrix(crystal, 8.0))
    swap = placed.swap()
    assert swap is not None
    # Relaxed crystals are symmetric to the tolerance of the symmetry search, 0.01 angstrom.
    assert distances(swap.image(placed.initial), placed.final).max() < 0.01
    assert distances(swap.image(placed.final), placed.initial).max() < 0.01
    middle = placed.midpoint(0.1)
    assert distances(swap.image(swap.image(middle)), middle).max() < ROUNDING
    vector = placed.final.cart_coords - placed.initial.cart_coords
    assert vector[placed.mover] @ np.array(swap.rotation) == pytest.approx(
        -vector[placed.mover], abs=0.01
    )


@pytest.mark.parametrize(
    ("crystal", "trace"),
    # Mirror normal to the hop in fcc and B2. In B32 the middle of the bond is -3m with the
    # bond along the threefold axis: twofold axes across it and an inversion.
    [(FCC, 1), (B2, 1), (reference("LiAl-227"), -1)],
)
def test_least_constraining_swap_is_taken(crystal: Structure, trace: int) -> None:
    element = "Li" if "Li" in crystal.composition else "Cu"
    swap = first_hop(crystal, element, 3.1, 7.0).swap()
    assert swap is not None
    assert np.trace(swap.rotation) == pytest.approx(trace)


@pytest.mark.parametrize(("crystal", "element"), [(FCC, "Cu"), (B2, "Cu"), (HCP, "Cu")])
def test_forces_at_a_symmetric_midpoint_are_symmetric(crystal: Structure, element: str) -> None:
    placed = first_hop(crystal, element, 3.1, 7.0)
    swap = placed.swap()
    assert swap is not None
    rattled = placed.midpoint(0.1)
    _, broken = forces(rattled)
    assert np.abs(swap.vectors(broken) - broken).max() > 0.1
    energy, at_image = forces(swap.image(rattled))
    assert energy == pytest.approx(forces(rattled)[0], abs=ENERGY_ROUNDING)
    assert at_image == pytest.approx(swap.vectors(broken), abs=FORCE_ROUNDING)
    middle = symmetrized(rattled, swap)
    assert distances(swap.image(middle), middle).max() < ROUNDING
    _, symmetric = forces(middle)
    assert swap.vectors(symmetric) == pytest.approx(symmetric, abs=FORCE_ROUNDING)


def test_half_a_path_gives_the_other_half() -> None:
    placed = first_hop(FCC, "Cu", 3.0, 7.0)
    swap = placed.swap()
    assert swap is not None
    # Not a straight path: the mover bows and the others give way.
    push = placed.midpoint(0.3).frac_coords - placed.midpoint().frac_coords
    step = placed.final.frac_coords - placed.initial.frac_coords
    lattice, species = placed.initial.lattice, placed.initial.species
    half = [
        Structure(lattice, species, placed.initial.frac_coords + x * (step + push))
        for x in (0.0, 0.25, 0.5)
    ]
    half[-1] = symmetrized(half[-1], swap)
    mirrored = swap.reversed_path(half)
    assert distances(mirrored[0], half[-1]).max() < ROUNDING
    assert distances(mirrored[-1], placed.final).max() < ROUNDING
    energies = [forces(structure)[0] for structure in half]
    assert [forces(structure)[0] for structure in mirrored] == pytest.approx(
        energies[::-1], abs=ENERGY_ROUNDING
    )
    # No atom jumps to another periodic image along the whole band.
    band = half + mirrored[1:]
    assert max(distances(a, b).max() for a, b in pairwise(band)) < 1.0


def test_path_may_lie_in_another_periodic_image() -> None:
    placed = first_hop(FCC, "Cu", 3.0, 7.0)
    swap = placed.swap()
    assert swap is not None
    cells = np.arange(3 * len(placed.initial)).reshape(-1, 3) % 3 - 1
    start = placed.initial
    elsewhere = Structure(start.lattice, start.species, start.frac_coords + cells)
    shifted = placed.final.frac_coords + cells
    assert swap.image(elsewhere).frac_coords == pytest.approx(shifted, abs=1e-7)
    (onto,) = swap.reversed_path([elsewhere], onto=placed.final)
    assert distances(onto, placed.final).max() < ROUNDING


def test_translation_by_half_the_supercell_is_no_swap() -> None:
    # Two cells along the hop: the translation by the hop's vector carries either end onto the
    # other, but runs the hop forwards.
    placed = VacancyHop(FCC, hops_of(FCC, "Cu", 3.0)[0], [[2, 0, 0], [0, 2, 0], [0, 0, 2]])
    swap = placed.swap()
    assert swap is not None
    assert np.trace(swap.rotation) == pytest.approx(1)
    vector = placed.final.cart_coords - placed.initial.cart_coords
    assert swap.vectors(vector) == pytest.approx(-vector, abs=ROUNDING)


def test_hop_longer_than_half_the_supercell_is_reversed_the_long_way() -> None:
    columns = Structure(Lattice.tetragonal(4.0, 9.0), ["Li"] * 2, [[0, 0, 0.35], [0, 0, 0.65]])
    hop = next(h for h in hops_of(columns, "Li", 6.5) if abs(h.distance - 6.3) < ROUNDING)
    placed = VacancyHop(columns, hop, [[2, 0, 0], [0, 2, 0], [0, 0, 1]])
    swap = placed.swap()
    assert swap is not None
    assert distances(swap.image(placed.initial), placed.final).max() < ROUNDING


def test_swap_survives_a_document() -> None:
    swap = first_hop(HCP, "Cu", 2.6, 7.0).swap()
    assert swap is not None
    assert Swap.from_dict(swap.as_dict()) == swap
    assert swap == first_hop(HCP, "Cu", 2.6, 7.0).swap()


def test_hop_between_different_sites_has_no_swap() -> None:
    crystal = reference("Li3P-194")
    hop = hops_of(crystal, "Li", 3.0, reversible=False)[0]
    assert hop.orbits == (0, 1)
    assert VacancyHop(crystal, hop, supercell_matrix(crystal, 8.0)).swap() is None


def test_supercell_that_breaks_the_symmetry_has_no_swap() -> None:
    hop = hops_of(HCP, "Cu", 2.6)[0]
    whole = VacancyHop(HCP, hop, [[3, 0, 0], [0, 3, 0], [0, 0, 2]])
    assert whole.swap() is not None
    # Sheared along c by a third of a layer: no mirror and no axis of the hop is left.
    sheared = VacancyHop(HCP, hop, [[3, 0, 1], [1, 3, 0], [0, 0, 2]])
    assert sheared.swap() is None


def test_solute_or_displaced_atom_beside_one_end_leaves_no_swap() -> None:
    placed = first_hop(FCC, "Cu", 3.0, 7.0)
    start, end = placed.cell.point(placed.ends.initial), placed.cell.point(placed.ends.final)
    lattice, hosts = placed.initial.lattice, placed.initial.frac_coords
    from_start, from_end = (lattice.get_all_distances(point, hosts)[0] for point in (start, end))
    solute = int(np.flatnonzero((from_start < 2.6) & (from_end > 3.0))[0])
    for structure in (placed.initial, placed.final):
        structure.replace(solute, "Au")
    assert placed.swap() is None
    # Nor has an atom there that is out of its place by 0.1 angstrom.
    for structure in (placed.initial, placed.final):
        structure.replace(solute, "Cu")
        structure.translate_sites([solute], [0.05, 0.05, 0.05], frac_coords=False)
    assert placed.swap() is None
    for structure in (placed.initial, placed.final):
        structure.translate_sites([solute], [-0.05, -0.05, -0.05], frac_coords=False)
    # A solute on the plane between the ends leaves the mirror.
    for structure in (placed.initial, placed.final):
        structure.replace(int(np.flatnonzero((from_start < 2.6) & (from_end < 2.6))[-1]), "Au")
    assert placed.swap() is not None


@pytest.mark.parametrize("crystal", [FCC, B2, HCP])
def test_relaxed_vacancy_is_carried(crystal: Structure) -> None:
    hop = hops_of(crystal, "Cu", 3.1)[-1]
    placed = VacancyHop(crystal, hop, supercell_matrix(crystal, 7.0))
    ends = (placed.ends.initial, placed.ends.final)
    (ideal, target), points = map(placed.cell.ideal, ends), [*map(placed.cell.point, ends)]
    found = relaxed(ideal, 0.02)
    there = carried(placed.symmetry, found, ideal, points[0], target, points[1])
    assert there is not None
    assert there.species == target.species
    # Neighbours of a vacancy relax by less than half an angstrom.
    assert distances(there, target).max() < 0.5
    energy, at_target = forces(there)
    assert energy == pytest.approx(forces(found)[0], abs=ENERGY_ROUNDING)
    assert np.linalg.norm(at_target, axis=1).max() < 0.02 + FORCE_ROUNDING


def test_relaxed_interstitial_is_carried() -> None:
    perfect = FCC.make_supercell(supercell_matrix(FCC, 7.0), in_place=False)
    symmetry = SupercellSymmetry.of(perfect)
    # Octahedral: half a cubic edge from an atom.
    points = [
        perfect.frac_coords[k] + perfect.lattice.get_fractional_coords(offset)
        for k, offset in [(0, [1.8, 0, 0]), (5, [0, 0, -1.8])]
    ]
    ideal, target = (perfect.copy().append("Cu", point) for point in points)
    found = relaxed(ideal, 0.05)
    there = carried(symmetry, found, ideal, points[0], target, points[1])
    assert there is not None
    assert distances(there, target)[-1] < 0.5
    assert forces(there)[0] == pytest.approx(forces(found)[0], abs=ENERGY_ROUNDING)


def test_defects_on_different_sites_are_not_carried() -> None:
    cell = DefectCell(B2, [[2, 0, 0], [0, 2, 0], [0, 0, 2]])
    copper, gold = (cell.ideal(site) for site in (0, 8))
    assert copper.composition != gold.composition
    symmetry = SupercellSymmetry.of(cell.perfect)
    assert carried(symmetry, copper, copper, cell.point(0), gold, cell.point(8)) is None


def test_every_operation_of_the_supercell_is_found() -> None:
    perfect = FCC.make_supercell([[-2, 2, 2], [2, -2, 2], [2, 2, -2]], in_place=False)
    # 48 operations of the point group, one translation per site.
    assert len(SupercellSymmetry.of(perfect).rotations) == 48 * len(perfect)
