from __future__ import annotations

import numpy as np
import pytest

from misei.screening.conductivity import mixing_rule
from misei.screening.entries import BundledSource
from misei.screening.grains import Grains
from misei.screening.schemas_transport import TransportDoc
from misei.screening.transport import Transport, TransportInputError, interphase_transport

COMPOSITES = (
    "Li6PS5Cl", "16 Li6PS5Cl + Li10GeP2S12", "4 Li6PS5Cl + Li10GeP2S12", "Li10GeP2S12",
)  # fmt: skip
INPUTS = Transport(sigma_metal=1e3, sigma_insulator=1e-12, sigma_lithium=1e-7, time_h=10.0)


@pytest.fixture(scope="module")
def documents(toy_source: BundledSource) -> list[TransportDoc]:
    return [interphase_transport(formula, toy_source, INPUTS) for formula in COMPOSITES]


def test_metal_below_the_threshold_hardly_conducts(documents: list[TransportDoc]) -> None:
    sei, below, above, alone = (doc.sigma_electronic for doc in documents)
    assert sei == pytest.approx(INPUTS.sigma_insulator, rel=1e-6)
    # MI-SEI: within an order of magnitude of the insulator. MCI: of the metal, ten orders above.
    assert sei < below < 10 * sei
    assert 1e8 * below < above < alone < INPUTS.sigma_metal
    assert [doc.interphase_class for doc in documents] == ["SEI", "MI-SEI", "MCI", "MCI"]


def test_laws_beside_the_network(documents: list[TransportDoc]) -> None:
    for doc in documents:
        low, high = doc.sigma_electronic_interval
        assert low <= doc.sigma_electronic <= high <= doc.sigma_mixing_rule * (1 + 1e-9)
        excess = max(doc.metal_volume_fraction - doc.percolation_threshold, 0.0)
        assert doc.sigma_percolation_law == pytest.approx(
            doc.sigma_0 * excess**doc.percolation_exponent
        )
        assert doc.sigma_mixing_rule == pytest.approx(
            float(mixing_rule(doc.metal_volume_fraction, 1e3, 1e-12))
        )
    # 2 in three dimensions at the threshold; what is fitted reaches to several V_p.
    assert 1.5 < documents[0].percolation_exponent < 2.5


def test_thickness_follows_the_slower_carrier(documents: list[TransportDoc]) -> None:
    sei, _, _, alone = documents
    # Electrons limit the SEI, Li ions the MCI: d^2 goes as sigma_e there, as sigma_Li here.
    for doc, carrier in ((sei, sei.sigma_electronic), (alone, 1e-7)):
        assert doc.volume_per_electron is not None
        square = 2 * doc.volume_per_electron * carrier * doc.driving_voltage * 36000.0 / 96485.33
        assert doc.thickness_nm == pytest.approx(1e7 * np.sqrt(square), rel=1e-4)
        assert doc.area_specific_resistance == pytest.approx(doc.thickness_nm * 1e-7 / 1e-7)


def test_volume_per_electron_is_that_of_the_products(documents: list[TransportDoc]) -> None:
    # Li6PS5Cl + 8 Li: 5 Li2S + Li3P + LiCl of conftest.py, angstrom^3 to cm3/mol.
    expected = (5 * 47 + 58 + 34) / 8 * 0.602214
    assert documents[0].volume_per_electron == pytest.approx(expected, rel=1e-4)


def test_no_ion_conductivity_no_thickness(toy_source: BundledSource) -> None:
    doc = interphase_transport("Li10GeP2S12", toy_source)
    assert doc.thickness_nm is None
    assert doc.area_specific_resistance is None
    assert TransportDoc.model_validate(doc.model_dump(mode="json")) == doc


def test_what_does_not_react_grows_nothing(toy_source: BundledSource) -> None:
    doc = interphase_transport("LiCl", toy_source, INPUTS)
    assert (doc.thickness_nm, doc.area_specific_resistance) == (0.0, 0.0)
    assert doc.volume_per_electron is None


def test_larger_grains_conduct_less(toy_source: BundledSource) -> None:
    given, larger = (
        interphase_transport("4 Li6PS5Cl + Li10GeP2S12", toy_source, INPUTS, grains)
        for grains in (Grains(), Grains(grain_diameter_nm=4.0))
    )
    assert larger.sigma_electronic < 1e-6 * given.sigma_electronic


@pytest.mark.parametrize("name", ["sigma_metal", "sigma_insulator", "sigma_lithium", "time_h"])
def test_bad_input(name: str) -> None:
    for value in (0.0, -1.0, float("nan")):
        with pytest.raises(TransportInputError, match=f"{name} .* is not positive"):
            Transport().changed(**{name: value})
