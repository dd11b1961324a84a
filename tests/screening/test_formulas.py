from __future__ import annotations

import pytest
from pymatgen.core import Composition

from misei.screening.entries import BundledSource, MissingDataError, check_elements
from misei.screening.formulas import FormulaError, parse_mixture


@pytest.mark.parametrize(
    ("text", "amounts", "total"),
    [
        ("Li6PS5Cl", [1], "Li6PS5Cl"),
        ("4Li6PS5Cl", [4], "Li24P4S20Cl4"),
        ("16 Li6PS5Cl + Li10GeP2S12", [16, 1], "Li106Ge1P18S92Cl16"),
        (" 0.5Li2S+ 1.5  LiCl ", [0.5, 1.5], "Li2.5S0.5Cl1.5"),
        (".5 Li2S", [0.5], "Li1S0.5"),
        ("Li0.33La0.56TiO3", [1], "Li0.33La0.56Ti1O3"),
        ("Li10Ge(PS6)2", [1], "Li10Ge1P2S12"),
    ],
)
def test_amounts_and_total(text: str, amounts: list[float], total: str) -> None:
    mixture = parse_mixture(text)
    assert [amount for amount, _ in mixture.terms] == amounts
    assert mixture.composition.almost_equals(Composition(total))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Li6PQ5Cl", "unknown element 'Q'"),
        ("li2s", "not a formula"),
        ("", "not a formula"),
        ("hello world", "not a formula"),
        ("Li2S +", "not a formula"),
        ("Li2S - LiCl", "not a formula"),
        ("Li(2", "not a formula"),
        ("42", "not a formula"),
        ("-4 Li6PS5Cl + Li10GeP2S12", "ratio -4 .* not positive"),
        ("0 Li6PS5Cl", "ratio 0 .* not positive"),
        ("Li0", "holds no atoms"),
    ],
)
def test_bad_input_is_one_line(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message) as error:
        parse_mixture(text)
    assert "\n" not in str(error.value)


def test_missing_element_names_what_the_source_has(toy_source: BundledSource) -> None:
    with pytest.raises(MissingDataError, match=r"no data for La, O .* has Cl, Cu, Ge, Li, P, S"):
        check_elements(parse_mixture("LiCl + La2O3"), toy_source)
