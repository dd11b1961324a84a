from __future__ import annotations

import pytest
from pymatgen.core import Composition

from misei.screening.entries import BundledSource, is_metallic_composition
from misei.structures.reference_set import ReferenceSetError


def test_entries_of_a_chemical_system(toy_source: BundledSource) -> None:
    ids = {entry.entry_id for entry in toy_source.entries(["Li", "Ge"])}
    assert ids == {
        "Li-1", "Ge-1", "LiGe-88", "LiGe-polymorph", "Li2Ge-hull10meV", "Li15Ge4-220",
    }  # fmt: skip


def test_energy_holds_the_correction(toy_source: BundledSource) -> None:
    (entry,) = toy_source.find("Li2S-225")
    assert entry.energy == pytest.approx(-4.0 + 2 * -1.9 - 4.0)
    assert entry.correction == pytest.approx(-0.503)


def test_find_by_formula_gives_the_lowest_first(toy_source: BundledSource) -> None:
    assert [e.entry_id for e in toy_source.find("GeLi")] == ["LiGe-88", "LiGe-polymorph"]
    assert toy_source.find("Li7Ge") == []
    assert toy_source.find("mp-995393") == []
    # Its relaxation failed, so it does not exist for a consumer.
    assert toy_source.find("Li5Ge-failed") == []


@pytest.mark.parametrize(
    ("formula", "metallic"),
    [
        ("Li15Ge4", True),
        ("LiAl", True),
        ("Si", True),
        ("Li3Sb", True),
        ("Li3P", False),
        ("P", False),
        ("Li2S", False),
        ("GeS2", False),
        ("LiC6", False),
        ("Cl2", False),
    ],
)
def test_metallic_rule(formula: str, metallic: bool) -> None:
    assert is_metallic_composition(Composition(formula)) is metallic


def test_missing_file_is_one_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ReferenceSetError, match="no readable reference set"):
        BundledSource(tmp_path / "nothing.json.gz").entries(["Li"])


@pytest.mark.parametrize("formula", ["Li15Ge4", "Li5Sn2", "Li15Si4", "Li6PS5Cl"])
def test_find_does_not_take_a_neighbour_for_the_phase(formula: str) -> None:
    found = {e.composition.reduced_formula for e in BundledSource().find(formula)}
    assert found == {Composition(formula).reduced_formula}


@pytest.mark.parametrize("formula", ["Li7Ge3", "Li1.01Cl"])
def test_find_gives_nothing_for_a_phase_that_is_not_there(formula: str) -> None:
    assert BundledSource().find(formula) == []


@pytest.mark.parametrize(
    ("formula", "metallic"),
    # Ti6O: 12 electrons of Ti(II) against 2 of O; Ti3P: 6 against 3; Ca2N: 4 against 3.
    [
        *[(formula, True) for formula in ("Ti6O", "Ti3P", "Ca2N", "TiAl", "Li15Ge4")],
        *[(formula, False) for formula in ("TiO2", "Li3P", "Cu2S", "Li2B12H12", "LiC12")],
    ],
)
def test_metal_rich_compounds_count_as_metal(formula: str, metallic: bool) -> None:
    assert is_metallic_composition(Composition(formula)) is metallic
