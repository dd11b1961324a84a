"""Expected values: hand arithmetic on the formation energies and volumes of conftest.py.

With Li at phi volts a phase counts Phi = E_f + phi N_Li (eV).
"""

from __future__ import annotations

import pytest
from pymatgen.core import Composition

from misei.screening.compatibility import compatibility, compatibility_table
from misei.screening.entries import BundledSource, MissingDataError
from misei.screening.formulas import FormulaError, parse_mixture
from misei.screening.schemas_compatibility import CompatibilityDoc, ContactDoc
from misei.screening.thermodynamics import PotentialError, reduce

# Energies, fractions and amounts carry the rounding of the documents, 1e-6.
TOLERANCE = 2e-6


def approx(value: float) -> object:
    return pytest.approx(value, abs=TOLERANCE)


def test_closed_reaction_of_two_salts(toy_source: BundledSource) -> None:
    # 3 Li2S + P2S5 -> 2 Li3PS4; the solids hold 9 + 7 atoms.
    contact = compatibility("Li2S", "P2S5", toy_source).closed
    assert contact.reacts
    assert contact.potential is None
    assert contact.energy_unit == "eV/atom"
    assert contact.mutual_energy == approx((-16 + 12 + 2) / 16)
    assert contact.mutual_energy_per_atom == contact.total_energy == contact.mutual_energy
    assert (contact.coating.energy, contact.electrolyte.energy) == (0.0, 0.0)
    assert contact.atomic_fraction == approx(9 / 16)
    assert contact.mole_fraction == approx(3 / 4)
    assert contact.products == {"Li3PS4": approx(2 / 4)}
    assert contact.metal_volume_fraction == 0.0
    assert contact.interface_type == "III-SEI"
    assert contact.li_uptake == approx(0)


def test_closed_reaction_that_leaves_metal(toy_source: BundledSource) -> None:
    # 4 LiGe + GeS2 -> 2 Li2S + 5 Ge; the solids hold 8 + 3 atoms.
    contact = compatibility("LiGe", "GeS2", toy_source).closed
    assert contact.mutual_energy == approx((-8 + 2 + 1.5) / 11)
    assert contact.mole_fraction == approx(4 / 5)
    assert contact.products == {"Ge": approx(1), "Li2S": approx(2 / 5)}
    assert contact.metallic_products == ["Ge"]
    assert contact.metal_volume_fraction == approx(5 * 20 / (5 * 20 + 2 * 47))
    assert contact.interface_type == "II-MCI"


def test_reaction_open_to_li(toy_source: BundledSource) -> None:
    # At 1.55 V Phi is -1.5 for GeS2, -0.9 for Li2S, -3.8 for Li4GeS4. GeS2 alone takes up 2 Li and
    # gives (Li4GeS4 + Ge) / 2; with 2 Li2S it is Li4GeS4 without any Li from outside.
    contact = compatibility("Li2S", "GeS2", toy_source, potential=1.55).open
    assert contact.potential == 1.55
    assert contact.energy_unit == "eV per atom other than Li"
    assert contact.coating.energy == 0.0
    assert contact.electrolyte.energy == approx((-3.8 / 2 + 1.5) / 3)
    assert contact.electrolyte.products == {"Li4GeS4": approx(0.5), "Ge": approx(0.5)}
    # 3 + 2 atoms other than Li, 3 + 6 atoms in all.
    assert contact.mutual_energy == approx((-3.8 + 3.8 / 2 + 2 * 0.9) / 5)
    assert contact.mutual_energy_per_atom == approx(-0.1 / 9)
    assert contact.total_energy == approx((-3.8 + 1.5 + 2 * 0.9) / 5)
    assert contact.atomic_fraction == approx(6 / 9)
    assert contact.mole_fraction == approx(2 / 3)
    assert contact.products == {"Li4GeS4": approx(1 / 3)}
    assert contact.li_uptake == approx(0)


def test_metastable_composite_keeps_its_own_energy_apart(toy_source: BundledSource) -> None:
    # Li2S + GeS2 reacts within itself to (Li4GeS4 + GeS2) / 2; one more Li2S makes it Li4GeS4.
    contact = compatibility("Li2S + GeS2", "Li2S", toy_source).closed
    assert contact.coating.energy == approx((-10 / 2 - 1.5 / 2 + 4 + 1.5) / 6)
    assert contact.mutual_energy == approx((-10 + 10 / 2 + 1.5 / 2 + 4) / 9)
    assert contact.total_energy == approx((-10 + 2 * 4 + 1.5) / 9)


def test_coating_against_li_metal(toy_source: BundledSource) -> None:
    salt = compatibility("LiCl", "Li6PS5Cl", toy_source)
    assert salt.stable_with_li
    assert salt.lithium_reaction_energy == 0.0
    # Ge -> Li15Ge4 / 4
    alloy = compatibility("Ge", "Li6PS5Cl", toy_source)
    assert not alloy.stable_with_li
    assert alloy.lithium.li_uptake_0V == approx(3.75)
    assert alloy.lithium.interface_type == "II-MCI"
    assert alloy.lithium_reaction_energy == approx(-1.0)
    assert "takes up Li (II-MCI, -1.000 eV/atom)" in alloy.verdict


def test_salt_of_the_electrolyte_itself_leaves_it_alone(toy_source: BundledSource) -> None:
    doc = compatibility("LiCl", "Li6PS5Cl", toy_source)
    assert doc.stable_with_electrolyte
    for contact in (doc.closed, doc.open):
        assert (contact.mutual_energy, contact.atomic_fraction) == (0.0, None)
        assert (contact.products, contact.interface_type) == ({}, None)
    # The electrolyte is 20 meV/atom above the hull, and Li reduces it all the same.
    assert doc.closed.total_energy == doc.closed.electrolyte.energy == approx(-0.02)
    assert doc.open.total_energy == doc.open.electrolyte.energy < -1
    assert "no mutual reaction (not stable there by themselves: Li6PS5Cl)" in doc.verdict


@pytest.mark.parametrize("formula", ["Li6PS5Cl", "Li10GeP2S12", "Ge", "LiGe", "LiCl", "P2S5"])
def test_nothing_reacts_with_itself(toy_source: BundledSource, formula: str) -> None:
    for partner in (formula, f"2 {formula}"):
        doc = compatibility(formula, partner, toy_source)
        assert doc.stable_with_electrolyte
        assert doc.closed.mutual_energy == doc.open.mutual_energy == 0.0


@pytest.mark.parametrize(
    ("coating", "electrolyte"),
    [("LiGe", "Li6PS5Cl"), ("LiCl", "Li10GeP2S12"), ("S", "Li2S"), ("LiGe + LiCl", "2 P2S5")],
)
def test_own_energies_open_to_li_metal_are_the_reduction_energies(
    toy_source: BundledSource, coating: str, electrolyte: str
) -> None:
    contact = compatibility(coating, electrolyte, toy_source).open
    for solid in (contact.coating, contact.electrolyte):
        composition = parse_mixture(solid.formula).composition
        others = composition.num_atoms - composition["Li"]
        reduction = reduce(solid.formula, toy_source)
        expected = reduction.reaction_energy_0V * composition.num_atoms / others
        assert solid.energy == pytest.approx(expected, abs=5 * TOLERANCE)
        assert solid.products == pytest.approx(reduction.products_0V, abs=TOLERANCE)


def _numbers(contact: ContactDoc) -> list[float]:
    energies = [contact.mutual_energy, contact.mutual_energy_per_atom, contact.total_energy]
    return [*energies, contact.metal_volume_fraction or 0.0]


@pytest.mark.parametrize("pair", [("LiGe", "Li3PS4"), ("Li2S", "GeS2"), ("Cu", "P2S5")])
def test_order_and_amounts_do_not_matter(toy_source: BundledSource, pair: tuple[str, str]) -> None:
    first, second = pair
    for one, other in [
        (compatibility(first, second, toy_source, 1.2), f"2 {first}"),
        (compatibility(second, first, toy_source, 1.2), first),
    ]:
        again = compatibility(other, second, toy_source, 1.2)
        for a, b in ((one.closed, again.closed), (one.open, again.open)):
            assert _numbers(a) == pytest.approx(_numbers(b), abs=TOLERANCE)


@pytest.mark.parametrize("potential", [0.0, 0.3, 1.55])
@pytest.mark.parametrize(
    ("coating", "electrolyte"), [("LiGe", "GeS2"), ("Li2S + LiGe", "P2S5"), ("Cu", "Li10GeP2S12")]
)
def test_products_conserve_all_elements_but_the_reservoir(
    toy_source: BundledSource, coating: str, electrolyte: str, potential: float
) -> None:
    doc = compatibility(coating, electrolyte, toy_source, potential)
    reacting = [contact for contact in (doc.closed, doc.open) if contact.reacts]
    assert doc.closed in reacting or coating == "Cu"
    for contact in reacting:
        share = contact.mole_fraction or 0.0
        start = parse_mixture(coating).composition * share
        start += parse_mixture(electrolyte).composition * (1 - share)
        end = sum((Composition(f) * n for f, n in contact.products.items()), Composition())
        for element in start.elements:
            change = contact.li_uptake if element.symbol == "Li" else 0.0
            assert end[element] - start[element] == pytest.approx(change, abs=1e-4)


def test_table_is_every_coating_with_every_electrolyte(toy_source: BundledSource) -> None:
    table = compatibility_table(["LiCl", "Ge"], ["P2S5", "GeS2"], toy_source, excluded=["Li2Ge"])
    pairs = [(doc.coating, doc.electrolyte) for doc in table]
    assert pairs == [("LiCl", "P2S5"), ("LiCl", "GeS2"), ("Ge", "P2S5"), ("Ge", "GeS2")]
    assert all(doc.excluded_phases == ["Li2Ge"] for doc in table)


def test_excluded_product_is_not_formed(toy_source: BundledSource) -> None:
    doc = compatibility("Li2S", "P2S5", toy_source, excluded=["Li3PS4"])
    assert doc.stable_with_electrolyte
    assert doc.excluded_phases == ["Li3PS4"]


def test_energy_within_the_error_is_said(toy_source: BundledSource) -> None:
    doc = compatibility("Li2S", "P2S5", toy_source)
    assert "within the error" not in doc.verdict
    doubtful = doc.model_copy(update={"energy_error": 0.2})
    assert "within the error of the energies" in doubtful.verdict


def test_document_survives_the_store(toy_source: BundledSource) -> None:
    doc = compatibility("LiGe", "GeS2", toy_source)
    assert CompatibilityDoc.model_validate(doc.model_dump(mode="json")) == doc
    assert doc.source["coating"] == "LiGe-88"


def test_bad_input(toy_source: BundledSource) -> None:
    with pytest.raises(PotentialError, match=r"-0\.1 V is below Li metal"):
        compatibility("LiCl", "P2S5", toy_source, potential=-0.1)
    with pytest.raises(FormulaError, match="is the reference itself"):
        compatibility("Li", "P2S5", toy_source)
    with pytest.raises(MissingDataError, match="no data for F"):
        compatibility("LiF", "P2S5", toy_source)


@pytest.mark.parametrize(
    ("coating", "electrolyte", "reacts", "product"),
    [
        ("LiCl", "Li6PS5Cl", False, None),
        # Li7P3S11 lies on the join of Li2S and P2S5, which Li2S takes to Li3PS4.
        ("Li2S", "Li7P3S11", True, "Li3PS4"),
        # Li3InCl6 goes to LiCl and In at the potential of Li-In, 0.62 V.
        ("LiIn", "Li3InCl6", True, "In"),
        ("LiIn", "Li6PS5Cl", True, "Li2S"),
        ("Mg", "Li6PS5Cl", True, "MgS"),
    ],
)
def test_known_pairs_with_the_bundled_set(
    coating: str, electrolyte: str, reacts: bool, product: str | None
) -> None:
    contact = compatibility(coating, electrolyte, BundledSource()).closed
    assert contact.reacts == reacts
    if product is not None:
        assert product in contact.products
