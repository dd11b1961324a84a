from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np
import pytest

from misei.screening.conductivity import (
    LI2S_CONDUCTIVITY,
    LITHIUM_CONDUCTIVITY,
    SUPERCONDUCTOR_EXPONENT,
    TABLE_PATH,
    ConductivityInputError,
    area_specific_resistance,
    electronic_conductivity,
    fitted_law,
    interphase_thickness,
    isolated_grains,
    mixing_rule,
    percolation_law,
    volume_per_electron,
)

TABLE = json.loads(TABLE_PATH.read_text())
ROWS = TABLE["grains"]
IDS = [f"D/delta {row['closeness']}" for row in ROWS]
# Fits against the points of the table, relative: one power law over V / V_p of 1.15 to 4; and
# the two branches meet by interpolation, which is low where the contrast is small.
ABOVE_TOLERANCE = 0.10
BELOW_TOLERANCE = 0.05
BETWEEN_TOLERANCE = 0.25
# The universal 2.00(1) (Clerc et al., Adv. Phys. 39, 191 (1990)) holds at the threshold; over a
# range above it the exponent is lower: on the simple cubic lattice 1.84 at p - p_c of 0.05 to 0.1.
EFFECTIVE_EXPONENTS = (1.65, 2.0)
# s fitted freely, to V / V_p of 0.85, against the universal 0.735 that the table uses.
FREE_EXPONENT_TOLERANCE = 0.12
SIGMA_0_ROUNDING = 1e-3  # of the table's five digits, to the power n
Row: TypeAlias = dict[str, Any]
FARADAY = 96485.332  # C/mol


def points(row: Row) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fractions = np.array([point["metal_fraction"] for point in row["points"]])
    values = np.array([point["conductivity"] for point in row["points"]])
    return fractions, values, fractions / row["threshold"]


def described(row: Row, fractions: np.ndarray, insulator: float) -> np.ndarray:
    return electronic_conductivity(fractions, row["threshold"], row["closeness"], 1.0, insulator)


def test_mixing_rule() -> None:
    # 0.25 x 8 + 0.75 x 4 = 5.
    assert mixing_rule(0.25, 8.0, 4.0) == pytest.approx(5.0)
    assert mixing_rule([0.0, 1.0], 8.0, 4.0).tolist() == [4.0, 8.0]


def test_percolation_law() -> None:
    # 1e4 x 0.03^2 = 9 above; nothing at and below the threshold.
    law = percolation_law([0.0, 0.02, 0.05], 0.02, 1e4, 2.0)
    assert law == pytest.approx([0.0, 0.0, 9.0])


def test_isolated_grains() -> None:
    # A perfect metal of 0.25: (1 + 0.5) / 0.75 = 2. Equal conductivities change nothing.
    assert isolated_grains(0.25, 1e20, 3.0) == pytest.approx(6.0)
    assert isolated_grains(0.6, 3.0, 3.0) == pytest.approx(3.0)
    assert isolated_grains([0.0, 1.0], 7.0, 3.0) == pytest.approx([3.0, 7.0])


def test_the_ends_are_the_two_phases() -> None:
    ends = electronic_conductivity([0.0, 1.0], 0.03, 0.7)
    assert ends == pytest.approx([LI2S_CONDUCTIVITY, LITHIUM_CONDUCTIVITY])


@pytest.mark.parametrize("closeness", [0.1, 0.7, 3.0, 30.0])
@pytest.mark.parametrize("insulator", [1e-20, 1e-5, 0.3, 1.0])
def test_conductivity_rises_between_the_bounds_of_any_mixture(
    closeness: float, insulator: float
) -> None:
    fractions = np.linspace(0.0, 1.0, 2001)
    values = electronic_conductivity(fractions, 0.04, closeness, 1.0, insulator)
    rounding = 1e-9
    assert (np.diff(values) >= -rounding * values[1:]).all()
    assert (values <= mixing_rule(fractions, 1.0, insulator) * (1 + rounding)).all()
    assert (values >= isolated_grains(fractions, 1.0, insulator) * (1 - rounding)).all()


def test_no_jump_at_the_threshold() -> None:
    # Ten orders of magnitude are crossed within 1e-8 of V_p.
    steps = 0.04 * (1.0 + np.array([-1e-11, 0.0, 1e-11]))
    below, at, above = electronic_conductivity(steps, 0.04, 0.7)
    assert below == pytest.approx(at, rel=0.01)
    assert above == pytest.approx(at, rel=0.01)


def test_contrast_at_the_threshold() -> None:
    # sigma ~ sigma_i^(n / (n + s)) where neither branch holds.
    row = ROWS[0]
    weak, strong = (float(described(row, row["threshold"], c)) for c in (1e-16, 1e-14))
    power = row["exponent"] / (row["exponent"] + SUPERCONDUCTOR_EXPONENT)
    assert np.log10(strong / weak) / 2.0 == pytest.approx(power, rel=1e-3)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_percolation_law_far_above_the_threshold(row: Row) -> None:
    threshold, fraction = row["threshold"], 1.6 * row["threshold"]
    sigma_0, exponent = fitted_law(threshold, row["closeness"], 1.0)
    assert exponent == pytest.approx(row["exponent"])
    assert sigma_0 == pytest.approx(row["sigma_0"], rel=SIGMA_0_ROUNDING)
    law = percolation_law(fraction, threshold, sigma_0, exponent)
    assert described(row, fraction, 1e-20) == pytest.approx(float(law))
    # In units of the metal's own conductivity.
    assert fitted_law(threshold, row["closeness"], 7.0)[0] == pytest.approx(7.0 * sigma_0)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_points_above_the_threshold(row: Row) -> None:
    fractions, values, ratios = points(row)
    # Where the network does not exceed the mixing rule, which bounds what is returned.
    above = (ratios > 1.29) & (values[:, 0] < fractions)
    assert above.sum() >= 3
    assert described(row, fractions[above], 1e-20) == pytest.approx(
        values[above, 0], rel=ABOVE_TOLERANCE
    )


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_points_below_the_threshold(row: Row) -> None:
    fractions, values, ratios = points(row)
    below = ratios < 0.81
    assert below.sum() >= 4
    insulator = TABLE["sigma_insulator"][1]
    assert described(row, fractions[below], insulator) == pytest.approx(
        values[below, 1], rel=BELOW_TOLERANCE
    )


@pytest.mark.parametrize("row", ROWS, ids=IDS)
@pytest.mark.parametrize("column", [2, 3])
def test_points_through_the_threshold_at_finite_contrast(row: Row, column: int) -> None:
    fractions, values, ratios = points(row)
    # From 1e-4 on the contrast, not the sample, limits how far correlations reach.
    through = (ratios > 0.6) & (ratios < 2.1)
    assert described(row, fractions[through], TABLE["sigma_insulator"][column]) == pytest.approx(
        values[through, column], rel=BETWEEN_TOLERANCE
    )


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_exponents_of_the_table(row: Row) -> None:
    low, high = EFFECTIVE_EXPONENTS
    assert low < row["exponent"] < high
    free = row["superconductor_exponent"]
    assert free == pytest.approx(SUPERCONDUCTOR_EXPONENT, abs=FREE_EXPONENT_TOLERANCE)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_nothing_conducts_far_below_the_threshold_without_an_insulator(row: Row) -> None:
    _, values, ratios = points(row)
    assert (values[ratios < 0.81, 0] == 0.0).all()
    assert (values[ratios > 1.29, 0] > 0.0).all()


def test_volume_per_electron() -> None:
    # 8 electrons in 400 A^3: 50 A^3 each, times Avogadro's number 30.11 cm3/mol.
    assert volume_per_electron(400.0, 8.0) == pytest.approx(50.0 * 0.602214076)
    with pytest.raises(ConductivityInputError, match="Li uptake of 0 makes no interphase"):
        volume_per_electron(400.0, 0.0)


def test_parabolic_law() -> None:
    # sigma = 1e-8 x 1e-8 / 2e-8 = 5e-9 S/cm; 2 x 30 cm3/mol x 5e-9 S/cm x 1.7 V x 3600 s / F =
    # 1.836e-3 / 96485 cm2 = 1.903e-8 cm2, so d = 1.379e-4 cm.
    thickness = interphase_thickness(1e-8, 1e-8, 30.0, 1.7, 3600.0)
    assert thickness == pytest.approx(np.sqrt(1.836e-3 / FARADAY))
    assert thickness == pytest.approx(1.379e-4, rel=1e-3)
    # Twice as thick after four times as long.
    assert interphase_thickness(1e-8, 1e-8, 30.0, 1.7, 4 * 3600.0) == pytest.approx(2 * thickness)


def test_the_slower_carrier_sets_the_thickness() -> None:
    slow, fast = interphase_thickness([1e-14, 1e4], 1e-6, 30.0, 1.7, 3600.0)
    assert slow**2 == pytest.approx(2 * 30.0 * 1e-14 * 1.7 * 3600.0 / FARADAY, rel=1e-6)
    assert fast**2 == pytest.approx(2 * 30.0 * 1e-6 * 1.7 * 3600.0 / FARADAY, rel=1e-6)


def test_area_specific_resistance() -> None:
    # 100 nm at 1e-6 S/cm: 1e-5 / 1e-6 = 10 Ohm cm2.
    assert area_specific_resistance([1e-5, 2e-5], 1e-6) == pytest.approx([10.0, 20.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.2, 0.03, 0.7, 1.0, 1e-9), "metal fraction 1.2 is not 0 to 1"),
        (([0.1, -0.1], 0.03, 0.7, 1.0, 1e-9), "metal fraction -0.1 is not 0 to 1"),
        ((float("nan"), 0.03, 0.7, 1.0, 1e-9), "metal fraction nan is not 0 to 1"),
        ((0.1, 0.0, 0.7, 1.0, 1e-9), "percolation threshold 0 is not in 0 to 1"),
        ((0.1, 0.03, 0.0, 1.0, 1e-9), "D / delta of 0 is not positive"),
        ((0.1, 0.03, 0.7, 1.0, 0.0), "the insulator conducts 0 S/cm"),
        ((0.1, 0.03, 0.7, 1.0, 2.0), "the metal's the larger one"),
    ],
)
def test_what_is_no_input(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ConductivityInputError, match=message):
        electronic_conductivity(*arguments)
