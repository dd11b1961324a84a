from __future__ import annotations

import pytest

from misei.screening.calibration import (
    SU_2025,
    CalibrationError,
    Observation,
    calibrate,
    read_observation,
)
from misei.screening.entries import BundledSource
from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.interphase import interphase
from misei.screening.percolation import percolation_threshold


@pytest.fixture(scope="module")
def bundled() -> BundledSource:
    return BundledSource()


def test_defaults_are_what_the_experiment_leaves(bundled: BundledSource) -> None:
    found = calibrate(bundled)
    assert found.grains.grain_diameter_nm == pytest.approx(
        DEFAULT_GRAINS.grain_diameter_nm, rel=0.005
    )
    low, high = found.closeness_interval
    assert low < DEFAULT_GRAINS.closeness / DEFAULT_GRAINS.spread
    assert high > DEFAULT_GRAINS.closeness * DEFAULT_GRAINS.spread
    # Not narrower than it need be.
    assert found.grains.spread == pytest.approx(DEFAULT_GRAINS.spread, abs=0.011)


def test_all_four_classes_come_out_with_certainty(bundled: BundledSource) -> None:
    for one in SU_2025:
        doc = interphase(one.formula, bundled)
        assert doc.interphase_class == one.seen
        assert doc.class_probabilities[one.seen] == 1.0
    assert all(one.agrees for one in calibrate(bundled).observations)


def test_bracket_is_that_of_the_metal_fractions(toy_source: BundledSource) -> None:
    found = calibrate(toy_source)
    fractions = [one.interphase.metal_volume_fraction for one in found.observations]
    assert found.threshold_bracket == (fractions[1], fractions[2])
    for closeness, fraction in zip(found.closeness_interval, fractions[1:3], strict=True):
        grains = Grains(grain_diameter_nm=closeness, tunnelling_length_nm=1.0)
        assert percolation_threshold(grains).value == pytest.approx(fraction, rel=1e-6)
    low, high = percolation_threshold(found.grains).interval
    assert fractions[1] < low < high < fractions[2]


def test_tunnelling_length_scales_the_grains_alone(toy_source: BundledSource) -> None:
    one, two = (calibrate(toy_source, tunnelling_length_nm=length) for length in (1.0, 2.0))
    assert two.grains.grain_diameter_nm == pytest.approx(2 * one.grains.grain_diameter_nm)
    assert two.closeness_interval == pytest.approx(one.closeness_interval)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ([("Li10GeP2S12", "MCI")], "no MI-SEI among"),
        ([("Li10GeP2S12", "MI-SEI")], "no MCI among"),
        ([("Li10GeP2S12", "MI-SEI"), ("16 Li6PS5Cl + Li10GeP2S12", "MCI")], "no threshold"),
        ([("Li6PS5Cl", "MI-SEI"), ("Li10GeP2S12", "MCI")], "Li6PS5Cl \\(MI-SEI\\) has 0.00 %"),
    ],
)
def test_observations_without_a_bracket(
    toy_source: BundledSource, seen: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(CalibrationError, match=message):
        calibrate(toy_source, [Observation(*pair) for pair in seen])


def test_reading_an_observation() -> None:
    read = read_observation("16 Li6PS5Cl + Li10GeP2S12 = MI-SEI")
    assert read == Observation("16 Li6PS5Cl + Li10GeP2S12", "MI-SEI")
    for text in ("Li6PS5Cl", "=MCI", "Li6PS5Cl=short", ""):
        with pytest.raises(CalibrationError, match="SEI, MI-SEI, MCI"):
            read_observation(text)
