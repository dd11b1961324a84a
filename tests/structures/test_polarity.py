"""Tasker types and dipoles of known faces."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from misei.structures.facets import distinct_terminations, low_index_millers, oriented_crystal
from misei.structures.polarity import formal_charges, tasker_type
from misei.structures.slabs import facet_slab

ZNS_A = 5.41
# Positions that symmetry fixes leave dipoles of rounding only, e/angstrom.
NO_DIPOLE = 1e-4


def rock_salt(anion: str = "F") -> Structure:
    """LiF and its like."""
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.08), ["Li", anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def antifluorite(anion: str = "O") -> Structure:
    """Li2O and its like."""
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.65), ["Li", anion], [[0.25, 0.25, 0.25], [0, 0, 0]]
    )


def nitride() -> Structure:
    """Li3N, P6/mmm: planes of Li2N and of Li."""
    return Structure.from_spacegroup(
        "P6/mmm",
        Lattice.hexagonal(3.65, 3.88),
        ["N", "Li", "Li"],
        [[0, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 0.5]],
    )


def sphalerite() -> Structure:
    """ZnS, F-43m."""
    return Structure.from_spacegroup(
        "F-43m", Lattice.cubic(ZNS_A), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )


def wurtzite() -> Structure:
    """ZnS, P63mc: buckled layers, each neutral, with their dipoles in one direction."""
    return Structure.from_spacegroup(
        "P6_3mc",
        Lattice.hexagonal(3.82, 6.26),
        ["Zn", "S"],
        [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.375]],
    )


def types(crystal: Structure, miller: tuple[int, int, int]) -> list[tuple[str, int | None]]:
    """Top plane and Tasker type of each termination."""
    found = distinct_terminations(oriented_crystal(crystal, miller))
    return [(t.label.split("@")[0], t.tasker) for t in found]


def test_tasker_types_of_rock_salt():
    assert types(rock_salt(), (1, 0, 0)) == [("Li1F1", 1)]
    assert types(rock_salt(), (1, 1, 0)) == [("Li1F1", 1)]
    assert sorted(types(rock_salt(), (1, 1, 1))) == [("F1", 3), ("Li1", 3)]


def test_tasker_types_of_antifluorite():
    assert types(antifluorite(), (1, 1, 0)) == [("Li2O1", 1)]
    assert sorted(types(antifluorite(), (1, 0, 0))) == [("Li2", 3), ("O1", 3)]
    # Planes Li O Li: non-polar between two Li planes, and that cut comes first.
    first, *others = types(antifluorite(), (1, 1, 1))
    assert first == ("Li1", 2)
    assert sorted(others) == [("Li1", 3), ("O1", 3)]


def test_tasker_types_of_other_crystals():
    assert {kind for _, kind in types(nitride(), (0, 0, 1))} == {3}
    assert types(nitride(), (1, 1, 0)) == [("Li3N1", 1)]
    assert types(sphalerite(), (1, 1, 0)) == [("Zn1S1", 1)]
    assert {kind for _, kind in types(sphalerite(), (1, 1, 1))} == {3}
    assert {kind for _, kind in types(wurtzite(), (0, 0, 1))} == {3}


def test_planes_of_one_height_are_neutral_together():
    heights = np.array([0.0, 0.1, 2.0, 2.1])
    assert tasker_type(heights, np.array([1.0, -1.0, -1.0, 1.0])) == 1
    assert tasker_type(np.array([0.0, 1.0, 2.0]), np.array([1.0, -2.0, 1.0])) == 2
    assert tasker_type(np.array([0.0, 1.0]), np.array([1.0, -1.0])) == 3


def test_metals_and_alloys_have_no_formal_charges():
    alloys = [rock_salt("Al"), antifluorite("Sb"), antifluorite("Si"), rock_salt("Li")]
    assert [formal_charges(alloy) for alloy in alloys] == [None] * 4
    assert {kind for _, kind in types(rock_salt("Ag"), (1, 1, 1))} == {None}


@pytest.mark.parametrize(
    ("crystal", "charges"),
    [
        (rock_salt(), {"Li": 1.0, "F": -1.0}),
        (rock_salt("H"), {"Li": 1.0, "H": -1.0}),
        (antifluorite("Te"), {"Li": 1.0, "Te": -2.0}),
        (nitride(), {"Li": 1.0, "N": -3.0}),
    ],
)
def test_formal_charges_of_salts(crystal, charges):
    assert formal_charges(crystal) == charges


@pytest.mark.parametrize("crystal", [rock_salt(), antifluorite(), nitride()])
def test_slabs_with_equivalent_faces_have_no_dipole(crystal):
    for miller in low_index_millers(crystal):
        facet = oriented_crystal(crystal, miller)
        for termination in distinct_terminations(facet):
            _, facts = facet_slab(facet, termination, 8.0, 12.0)
            assert facts.equivalent_faces
            assert facts.dipole_per_area == pytest.approx(0.0, abs=NO_DIPOLE)
            # Type 3 is a face whose alike slab is not whole formula units, and only that.
            assert facts.polar is not facts.stoichiometric


def test_dipole_of_a_polar_slab_is_that_of_its_bilayers():
    facet = oriented_crystal(sphalerite(), (1, 1, 1))
    termination = distinct_terminations(facet)[0]  # the wide cut, between bilayers
    slab, facts = facet_slab(facet, termination, 8.0, 12.0)
    bilayers = len(slab) / 2
    area = ZNS_A**2 * np.sqrt(3) / 4
    expected = bilayers * 2.0 * (ZNS_A * np.sqrt(3) / 12) / area
    assert facts.stoichiometric
    assert abs(facts.dipole_per_area) == pytest.approx(expected, rel=1e-3)
    assert "polar termination (Tasker type 3)" in facts.remarks
