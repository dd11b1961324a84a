"""Expected values: hand arithmetic on the formation energies of conftest.py (V per Li)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from pymatgen.core import Composition, Element

from misei.screening.entries import BundledSource, MissingDataError
from misei.screening.formulas import FormulaError, parse_mixture
from misei.screening.hulls import phase_diagram
from misei.screening.thermodynamics import (
    PotentialError,
    products_at,
    reduce,
    voltage_profile,
)

# Formation energies and potentials carry the rounding of the profile, 1e-6.
TOLERANCE = 2e-6


def approx(value: float) -> object:
    return pytest.approx(value, abs=TOLERANCE)


def test_window_of_a_stable_sulfide(toy_source: BundledSource) -> None:
    doc = reduce("Li3PS4", toy_source)
    # Li3PS4 + 5 Li -> P + 4 Li2S, then P -> Li3P at 1 V; Li3PS4 -> P2S5/2 + 3/2 S + 3 Li.
    assert doc.reduction_potential == approx((16.0 - 8.0) / 5)
    assert doc.oxidation_potential == approx((8.0 - 1.0) / 3)
    assert doc.e_above_hull == 0.0
    assert doc.products_0V == {"Li2S": approx(4), "Li3P": approx(1)}
    assert doc.li_uptake_0V == approx(8)
    assert doc.reaction_energy_0V == approx((-16 - 3 + 8) / 8)
    assert doc.source["electrolyte"] == "Li3PS4-62"


def test_metastable_electrolyte_is_put_on_the_hull(toy_source: BundledSource) -> None:
    doc = reduce("Li6PS5Cl", toy_source)
    assert doc.e_above_hull == approx(0.02)
    # On the hull it is Li3PS4 + Li2S + LiCl: reduced like Li3PS4, oxidised like Li2S.
    assert doc.reduction_potential == approx(1.6)
    assert doc.oxidation_potential == approx(2.0)
    assert doc.products_0V == {"Li2S": approx(5), "Li3P": approx(1), "LiCl": approx(1)}
    # The real energy, not the hull's: E_D(Zhu) = E_D(hull) - E_hull.
    assert doc.reaction_energy_0V == approx((-20 - 3 - 4 + 16) / 13 - 0.02)


def test_profile_of_an_electrolyte_with_metal(toy_source: BundledSource) -> None:
    doc = reduce("Li10GeP2S12", toy_source)
    # LGPS + 10 Li -> Li4GeS4 + 2 P + 8 Li2S; Li4GeS4 -> Ge at 1.5 V; P -> Li3P at 1 V; LiGe at
    # 0.5 V; Li15Ge4 at 0.5/2.75 V.
    assert doc.reduction_potential == approx((10 + 32 - 26.25) / 10)
    below = [p for p in doc.voltage_profile if p.li_uptake > 0]
    assert [p.potential_high for p in below] == [
        approx(v) for v in (1.575, 1.5, 1.0, 0.5, 0.5 / 2.75)
    ]
    assert [p.li_uptake for p in below] == [approx(u) for u in (10, 14, 20, 21, 23.75)]
    assert doc.products_0V == {"Li2S": approx(12), "Li3P": approx(2), "Li15Ge4": approx(0.25)}


def test_plateaus_are_contiguous_and_end_at_0V(toy_source: BundledSource) -> None:
    profile = voltage_profile("Li10GeP2S12", toy_source)
    assert profile[0].potential_high is None
    assert profile[-1].potential_low == 0.0
    for upper, lower in pairwise(profile):
        assert lower.potential_high == upper.potential_low
        assert lower.li_uptake > upper.li_uptake


@pytest.mark.parametrize("formula", ["Li10GeP2S12", "4 Li6PS5Cl + Li10GeP2S12", "GeS2", "P2S5"])
def test_every_step_conserves_atoms(toy_source: BundledSource, formula: str) -> None:
    start = parse_mixture(formula).composition
    for step in voltage_profile(formula, toy_source):
        end = sum(
            (Composition(name) * n for name, n in step.named_products().items()), Composition()
        )
        assert end[Element("Li")] - start["Li"] == pytest.approx(step.li_uptake, abs=1e-4)
        for element in start.elements:
            if element.symbol != "Li":
                assert end[element] == pytest.approx(start[element], abs=1e-4)


def test_composite_is_the_sum_as_written(toy_source: BundledSource) -> None:
    doc = reduce("4 Li6PS5Cl + Li10GeP2S12", toy_source)
    assert doc.products_0V == {
        "Li2S": approx(32), "Li3P": approx(6), "LiCl": approx(4), "Li15Ge4": approx(0.25),
    }  # fmt: skip
    assert doc.li_uptake_0V == approx(4 * 8 + 23.75)
    assert doc.e_above_hull == approx(4 * 13 * 0.02 / (4 * 13 + 25))
    assert doc.source["electrolyte"] == "Li6PS5Cl-216; Li10GeP2S12-137"


def test_products_at_any_potential(toy_source: BundledSource) -> None:
    assert products_at("Ge", 0.6, toy_source) == {"Ge": approx(1)}
    assert products_at("Ge", 0.3, toy_source) == {"LiGe": approx(1)}
    assert products_at("Ge", 0.5, toy_source) == {"Ge": approx(1)}
    assert products_at("Ge", 0.0, toy_source) == {"Li15Ge4": approx(0.25)}
    assert products_at("LiCl", 4.5, toy_source) == {"Cl2": approx(0.5)}
    assert products_at("2 Li2S", 1.0, toy_source) == {"Li2S": approx(2)}
    with pytest.raises(PotentialError, match=r"-0\.1 V is below Li metal"):
        products_at("Ge", -0.1, toy_source)


def test_element_has_no_oxidation_potential(toy_source: BundledSource) -> None:
    doc = reduce("Ge", toy_source)
    assert doc.reduction_potential == approx(0.5)
    assert doc.oxidation_potential is None
    assert doc.products_0V == {"Li15Ge4": approx(0.25)}
    assert doc.reaction_energy_0V == approx(-1.0)


def test_stable_salt_is_not_reduced(toy_source: BundledSource) -> None:
    doc = reduce("LiCl", toy_source)
    assert (doc.reduction_potential, doc.li_uptake_0V, doc.reaction_energy_0V) == (0.0, 0.0, 0.0)
    assert doc.oxidation_potential == approx(4.0)


def test_composition_without_phase_takes_the_hull_energy(toy_source: BundledSource) -> None:
    doc = reduce("Li7PS6", toy_source)
    assert doc.e_above_hull is None
    assert "no phase in the source" in doc.source["electrolyte"]
    assert doc.reaction_energy_0V == approx((-24 - 3 + 8 + 8) / 14)


def test_inside_a_facet_the_window_closes(toy_source: BundledSource) -> None:
    # LiS is Li2S + S: Li is taken up and given off at the same 2 V.
    doc = reduce("LiS", toy_source)
    assert doc.reduction_potential == doc.oxidation_potential == approx(2.0)


@pytest.mark.parametrize("name", ["LiGe", "GeLi"])
def test_exclusion_by_formula(toy_source: BundledSource, name: str) -> None:
    doc = reduce("Ge", toy_source, excluded=[name])
    # Li2Ge, 30 meV above the hull with LiGe, takes its place.
    assert doc.reduction_potential == approx((0.5 + 0.5 / 2.75 - 0.03) / 2)
    assert doc.excluded_phases == [name]


def test_exclusion_by_id_keeps_the_polymorph(toy_source: BundledSource) -> None:
    # LiGe-polymorph, at -0.4 eV, takes the place of LiGe-88.
    assert reduce("Ge", toy_source, excluded=["LiGe-88"]).reduction_potential == approx(0.4)


def test_excluded_electrolyte_falls_back_to_the_hull(toy_source: BundledSource) -> None:
    doc = reduce("Li6PS5Cl", toy_source, excluded=["Li6PS5Cl"])
    assert doc.e_above_hull is None


def test_bad_input(toy_source: BundledSource) -> None:
    with pytest.raises(MissingDataError, match="cannot exclude 'LiGee'"):
        reduce("Ge", toy_source, excluded=["LiGee"])
    with pytest.raises(MissingDataError, match=r"no elemental phase of Ge .* exclusions"):
        reduce("Ge", toy_source, excluded=["Ge"])
    with pytest.raises(MissingDataError, match="no data for O"):
        reduce("Li2O", toy_source)
    with pytest.raises(FormulaError, match="is the reference itself"):
        reduce("Li", toy_source)


def test_phase_diagram_is_built_once(toy_source: BundledSource) -> None:
    assert phase_diagram(toy_source, ["Ge"]) is phase_diagram(toy_source, ["Li", "Ge"])
    assert phase_diagram(toy_source, ["Ge"], ["LiGe"]) is not phase_diagram(toy_source, ["Ge"])


def test_volume_change_is_that_of_the_crystals(toy_source: BundledSource) -> None:
    doc = reduce("Li6PS5Cl", toy_source)
    # 5 Li2S + Li3P + LiCl from Li6PS5Cl.
    assert doc.volume_change_0V == approx((5 * 47.0 + 58.0 + 34.0) / 240.0 - 1)
    composite = reduce("4 Li6PS5Cl + Li10GeP2S12", toy_source)
    assert composite.volume == approx(4 * 240.0 + 480.0)
    assert reduce("Li7PS6", toy_source).volume_change_0V is None


def test_errors_of_the_potentials(toy_source: BundledSource) -> None:
    source = replace(toy_source, energy_error=0.010)
    # Ge + Li -> LiGe, 2 atoms of a compound for one Li.
    assert reduce("Ge", source).reduction_potential_error == approx(0.010 * 2)
    # Li3PS4 + 5 Li -> P + 4 Li2S: 8 atoms out, 12 in, 5 Li; P is an element, without error.
    doc = reduce("Li3PS4", source)
    assert doc.reduction_potential_error == approx(0.010 * (8**2 + 12**2) ** 0.5 / 5)
    # Li3PS4 -> P2S5/2 + 3/2 S + 3 Li
    assert doc.oxidation_potential_error == approx(0.010 * (8**2 + 3.5**2) ** 0.5 / 3)
    assert doc.energy_error == 0.010
    # What takes part on both sides cancels: LGPS -> Li4GeS4 + 2 P + 8 Li2S, then Li4GeS4 + 4 Li ->
    # Ge + 4 Li2S
    lgps = reduce("Li10GeP2S12", source).voltage_profile
    second = next(p for p in lgps if p.potential_high == approx(1.5))
    assert second.potential_high_error == approx(0.010 * (9**2 + 12**2) ** 0.5 / 4)
    assert lgps[0].potential_high_error is None


def test_what_is_no_compound_gives_off_its_lithium_at_0V(toy_source: BundledSource) -> None:
    doc = reduce("LiCu", toy_source)
    assert (doc.reduction_potential, doc.oxidation_potential) == (0.0, 0.0)
    assert (doc.li_uptake_0V, doc.products_0V) == (-1.0, {"Cu": 1.0})
    assert doc.oxidation_potential_error is None


def test_reduction_within_the_error_is_marked(toy_source: BundledSource) -> None:
    # Ge is lithiated at 0.5 V; 2 atoms of LiGe for one Li.
    assert not reduce("Ge", replace(toy_source, energy_error=0.249)).reduction_within_error
    assert reduce("Ge", replace(toy_source, energy_error=0.251)).reduction_within_error
    assert not reduce("LiCl", replace(toy_source, energy_error=1.0)).reduction_within_error


def test_stable_salt_has_no_reduction_error(toy_source: BundledSource) -> None:
    assert reduce("LiCl", toy_source).reduction_potential_error is None


def test_results_name_their_temperature_and_error(toy_source: BundledSource) -> None:
    doc = reduce("LiCl", toy_source)
    assert doc.source["temperature"] == "0 K"
    assert "docs/accuracy.md" in doc.energy_error_source
