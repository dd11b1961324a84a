"""The facet arithmetic against pymatgen's own element profile, on made-up and real hulls."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pymatgen.core import Composition, Element

from misei.screening.entries import BundledSource
from misei.screening.formulas import parse_mixture
from misei.screening.hulls import find_hull
from misei.screening.lithiation import Breakpoint

LI = Element("Li")
# The benchmark's promise is 1 mV; the two differ by rounding only (pymatgen's profile steps off the
# critical composition by 1e-5 Li, the uptake is that of a balanced reaction).
POTENTIAL_TOLERANCE = 1e-5  # V
UPTAKE_TOLERANCE = 1e-4  # mol
BUNDLED = [
    "Li6PS5Cl", "Li10GeP2S12", "Li10SnP2S12", "Li3InCl6", "LiZnPS4", "MgPS3", "Ge", "Li2S", "LiCl",
    "4 Li6PS5Cl + Li10GeP2S12", "Li6PS5Cl + LiMg", "Li0.33Ge0.56S3", "InP",
]  # fmt: skip
TOY = ["Li6PS5Cl", "Li10GeP2S12", "GeS2", "P2S5", "LiS", "Ge", "LiGe", "Li7PS6", "Cu", "CuS"]


def steps_by_pymatgen(formula: str, source: BundledSource) -> list[tuple[float, float]]:
    """(low edge of the potential, uptake) from high to low potential."""
    mixture = parse_mixture(formula)
    diagram = find_hull(source, mixture.elements, ()).diagram
    rows = diagram.get_element_profile(LI, mixture.composition)
    reference = diagram.el_refs[LI].energy_per_atom
    return [(reference - row["chempot"], row["evolution"]) for row in reversed(rows)]


def steps_by_facets(formula: str, source: BundledSource) -> list[Breakpoint]:
    mixture = parse_mixture(formula)
    return find_hull(source, mixture.elements, ()).facets.lithiation(mixture.composition)


def check(formula: str, source: BundledSource) -> None:
    expected = steps_by_pymatgen(formula, source)
    found = steps_by_facets(formula, source)
    assert len(found) == len(expected)
    for breakpoint_, (potential, uptake) in zip(found, expected, strict=True):
        assert breakpoint_.potential_low == pytest.approx(potential, abs=POTENTIAL_TOLERANCE)
        assert breakpoint_.uptake == pytest.approx(uptake, abs=UPTAKE_TOLERANCE)


@pytest.mark.parametrize("formula", TOY)
def test_profile_is_pymatgens_on_the_toy_hulls(formula: str, toy_source: BundledSource) -> None:
    check(formula, toy_source)


@pytest.mark.parametrize("formula", BUNDLED)
def test_profile_is_pymatgens_on_the_bundled_set(formula: str) -> None:
    check(formula, BundledSource())


@pytest.mark.parametrize("formula", BUNDLED)
def test_hull_energy_is_pymatgens(formula: str) -> None:
    mixture = parse_mixture(formula)
    hull = find_hull(BundledSource(), mixture.elements, ())
    expected = hull.diagram.get_hull_energy(mixture.composition)
    assert hull.facets.hull_energy(mixture.composition) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("formula", BUNDLED)
def test_atoms_are_conserved_and_potentials_fall(formula: str) -> None:
    start = parse_mixture(formula).composition
    found = steps_by_facets(formula, BundledSource())
    for step in found:
        total = sum(
            (e.composition.fractional_composition * n for e, n in step.atoms), Composition()
        )
        assert total[LI] == pytest.approx(start[LI] + step.uptake, abs=1e-9 * start.num_atoms)
        for element in start:
            if element != LI:
                assert total[element] == pytest.approx(start[element], rel=1e-9)
    for above, below in pairwise(found):
        assert below.potential_high == above.potential_low
        assert below.potential_low < above.potential_low
        assert below.uptake > above.uptake
    assert found[-1].potential_low == 0
    assert not any(e.composition.reduced_formula == "Li" for e, _ in found[-1].atoms)


def test_larger_chemical_system_gives_the_same_profile(toy_source: BundledSource) -> None:
    # A hull with elements that the electrolyte lacks: the path runs along its boundary.
    composition = Composition("Li3PS4")
    own = find_hull(toy_source, ["Li", "P", "S"], ()).facets.lithiation(composition)
    wide = find_hull(toy_source, ["Li", "P", "S", "Ge", "Cl", "Cu"], ()).facets
    for a, b in zip(own, wide.lithiation(composition), strict=True):
        assert b.uptake == pytest.approx(a.uptake, abs=1e-9)
        assert b.potential_low == pytest.approx(a.potential_low, abs=1e-9)
