from __future__ import annotations

import pytest

from misei.screening.entries import BundledSource
from misei.screening.grains import Grains
from misei.screening.interphase import interphase, interphase_class

# Volumes of conftest.py in angstrom^3 per formula: at 0 V Li6PS5Cl gives 5 Li2S + Li3P + LiCl,
# Li10GeP2S12 gives 12 Li2S + 2 Li3P + 1/4 Li15Ge4.
LPSC_VOLUME = 5 * 47 + 58 + 34
METAL_VOLUME = 306 / 4
LGPS_VOLUME = 12 * 47 + 2 * 58 + METAL_VOLUME


@pytest.mark.parametrize(
    ("formula", "fraction", "expected"),
    [
        ("Li6PS5Cl", 0.0, "SEI"),
        ("16 Li6PS5Cl + Li10GeP2S12", METAL_VOLUME / (16 * LPSC_VOLUME + LGPS_VOLUME), "MI-SEI"),
        ("4 Li6PS5Cl + Li10GeP2S12", METAL_VOLUME / (4 * LPSC_VOLUME + LGPS_VOLUME), "MCI"),
        ("Li10GeP2S12", METAL_VOLUME / LGPS_VOLUME, "MCI"),
    ],
)
def test_composites_of_the_experiment(
    toy_source: BundledSource, formula: str, fraction: float, expected: str
) -> None:
    doc = interphase(formula, toy_source)
    assert doc.metal_volume_fraction == pytest.approx(fraction, rel=1e-5)
    assert doc.interphase_class == expected
    assert doc.metallic_products == (["Li15Ge4"] if fraction else [])


def test_larger_grains_raise_the_threshold(toy_source: BundledSource) -> None:
    doc = interphase("4 Li6PS5Cl + Li10GeP2S12", toy_source, Grains(grain_diameter_nm=5.0))
    assert doc.interphase_class == "MI-SEI"
    low, high = doc.percolation_threshold_interval
    assert low < doc.percolation_threshold < high
    assert "5 nm" in doc.threshold_model


def test_pure_alloy_is_all_metal(toy_source: BundledSource) -> None:
    assert interphase("Ge", toy_source).metal_volume_fraction == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.0, "SEI"), (0.0299, "MI-SEI"), (0.03, "MCI"), (0.5, "MCI")]
)
def test_class_boundaries(fraction: float, expected: str) -> None:
    assert interphase_class(fraction, 0.03) == expected


@pytest.mark.parametrize(
    ("formula", "uptake", "expected"),
    [
        ("LiCl", 0.0, "I"),
        ("Cu", 0.0, "I"),  # no Li-Cu phase in the set: metal, but no reaction
        ("Li15Ge4", 0.0, "I"),
        ("Li6PS5Cl", 8.0, "III-SEI"),
        ("16 Li6PS5Cl + Li10GeP2S12", 16 * 8.0 + 23.75, "III-MI-SEI"),
        ("Li10GeP2S12", 23.75, "II-MCI"),
    ],
)
def test_interface_types(
    toy_source: BundledSource, formula: str, uptake: float, expected: str
) -> None:
    doc = interphase(formula, toy_source)
    assert doc.li_uptake_0V == pytest.approx(uptake, abs=1e-5)
    assert doc.interface_type == expected
    assert doc.model_dump()["interface_type"] == expected
