"""Disordered crystals are ordered: distinct, complete, lowest electrostatic energy first."""

from __future__ import annotations

import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from misei.structures.ordering import ORDERING_RULE, OrderingError, electrostatic_orderings

ENERGY_TOLERANCE_EV = 1e-6


def lithium_layers() -> Structure:
    """Li half on, half off the sites of a row of cells, between sulfide ions: Li2S in the sum."""
    lattice = Lattice.tetragonal(4.0, 8.0)
    half = {"Li": 0.5}
    sites = [half, half, half, half, "S"]
    coords = [[0, 0, 0.15], [0.5, 0, 0.35], [0, 0.5, 0.65], [0.5, 0.5, 0.9], [0.5, 0.5, 0.5]]
    return Structure(lattice, sites, coords)


def ewald_energy(structure: Structure) -> float:
    charged = structure.copy()
    charged.add_oxidation_state_by_guess()
    return float(EwaldSummation(charged).total_energy)


def test_orderings_are_ordered_distinct_and_complete() -> None:
    orderings = electrostatic_orderings(lithium_layers(), 4)
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1, primitive_cell=False)
    assert len(orderings) == 4
    for number, structure in enumerate(orderings):
        assert structure.is_ordered
        assert structure.composition == Composition("Li2S")
        assert all(not hasattr(site.specie, "oxi_state") for site in structure)
        assert not any(matcher.fit(structure, other) for other in orderings[:number])


def test_the_lowest_electrostatic_energy_comes_first() -> None:
    """Of all two of four sites: six choices, counted out by hand."""
    energies = [
        ewald_energy(structure) for structure in electrostatic_orderings(lithium_layers(), 9)
    ]
    disordered = lithium_layers()
    by_hand = []
    for removed in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
        ordered = Structure(
            disordered.lattice,
            ["Li", "Li", "S"],
            [disordered[i].frac_coords for i in range(5) if i not in removed],
        )
        by_hand.append(ewald_energy(ordered))
    assert energies == sorted(energies)
    assert len(energies) <= 6
    assert energies[0] == pytest.approx(min(by_hand), abs=ENERGY_TOLERANCE_EV)
    for energy in energies:
        assert min(abs(energy - other) for other in by_hand) < ENERGY_TOLERANCE_EV


def test_images_of_one_ordering_are_one() -> None:
    """Li on one of the two tetrahedral sites of zinc-blende anions: zinc blende either way."""
    lattice = Lattice.cubic(5.7)
    disordered = Structure.from_spacegroup(
        225, lattice, [{"Li": 0.5}, "Cl"], [[0.25, 0.25, 0.25], [0, 0, 0]]
    )
    orderings = electrostatic_orderings(disordered, 5)
    assert len(orderings) == 1
    assert orderings[0].composition.reduced_formula == "LiCl"
    assert SpacegroupAnalyzer(orderings[0]).get_space_group_number() == 216


def test_half_an_atom_is_refused() -> None:
    structure = Structure(Lattice.cubic(4), [{"Li": 0.5}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(OrderingError, match=r"occupancies of Li add up to 0\.50 atoms"):
        electrostatic_orderings(structure, 2)


def test_the_rule_can_be_stated() -> None:
    assert "3 symmetry-distinct orderings of lowest Ewald energy" in ORDERING_RULE.format(count=3)
