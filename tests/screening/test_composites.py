"""Expected values: hand arithmetic on the volumes of conftest.py."""

from __future__ import annotations

from math import inf, sqrt

import pytest

from misei.screening.composites import (
    DEFAULT_RATIOS,
    RatioError,
    composite_formula,
    find_crossings,
    scan_ratios,
)
from misei.screening.entries import BundledSource
from misei.screening.formulas import FormulaError, parse_mixture
from misei.screening.grains import Grains
from misei.screening.interphase import interphase
from misei.screening.schemas_composites import CompositeScanDoc

# Volumes of the products at 0 V, angstrom^3 per formula; see test_interphase.py.
LPSC = 5 * 47 + 58 + 34
METAL = 306 / 4
LGPS = 12 * 47 + 2 * 58 + METAL
TOLERANCE = 1e-5


def critical_ratio(threshold: float) -> float:
    """V_p = METAL / (r LPSC + LGPS), solved for r."""
    return (METAL / threshold - LGPS) / LPSC


@pytest.fixture(scope="module")
def scan(toy_source: BundledSource) -> CompositeScanDoc:
    return scan_ratios("Li6PS5Cl", "Li10GeP2S12", toy_source)


def test_metal_fraction_over_the_ratio(scan: CompositeScanDoc) -> None:
    assert scan.ratios == list(DEFAULT_RATIOS)
    assert (scan.ratios[0], scan.ratios[-1]) == (0.1, 1000.0)
    expected = [METAL / (ratio * LPSC + LGPS) for ratio in scan.ratios]
    assert scan.metal_volume_fraction == pytest.approx(expected, rel=TOLERANCE)
    assert scan.interphase_classes == [
        "MCI" if fraction >= scan.percolation_threshold else "MI-SEI" for fraction in expected
    ]


def test_ends_are_the_pure_solids(scan: CompositeScanDoc, toy_source: BundledSource) -> None:
    for point, formula in (
        (scan.host_alone, "Li6PS5Cl"), (scan.additive_alone, "Li10GeP2S12")
    ):  # fmt: skip
        pure = interphase(formula, toy_source)
        assert point.formula == formula
        assert point.metal_volume_fraction == pure.metal_volume_fraction
        assert point.interface_type == pure.interface_type
        assert point.products_0V == pure.products_0V
    assert scan.metal_volume_fraction[-1] < METAL / (1000 * LPSC)


def test_critical_ratio_and_its_interval(scan: CompositeScanDoc, toy_source: BundledSource) -> None:
    assert scan.critical_ratio == pytest.approx(
        critical_ratio(scan.percolation_threshold), rel=1e-6
    )
    low, high = scan.percolation_threshold_interval
    assert scan.critical_ratio_interval == pytest.approx(
        (critical_ratio(high), critical_ratio(low)), rel=1e-6
    )
    at_critical = interphase(
        composite_formula(scan.host, scan.additive, scan.critical_ratio), toy_source
    )
    assert at_critical.metal_volume_fraction == pytest.approx(scan.percolation_threshold, rel=1e-9)
    assert (
        scan.summary == f"MCI at 0 to {scan.critical_ratio:.3g} moles of host per mole of additive"
    )


def test_one_ratio_is_the_interphase_of_that_composite(toy_source: BundledSource) -> None:
    scan = scan_ratios(
        "Li6PS5Cl", "Li10GeP2S12", toy_source, ratios=[16, 4], grains=Grains(grain_diameter_nm=3.0)
    )
    assert scan.ratios == [4, 16]
    for point in scan.points:
        same = interphase(
            f"{point.ratio:g} Li6PS5Cl + Li10GeP2S12", toy_source, Grains(grain_diameter_nm=3.0)
        )
        assert point.formula == same.formula
        for name in ("metal_volume_fraction", "interphase_class", "products_0V", "interface_type"):
            assert getattr(point, name) == getattr(same, name)
    # The critical ratio belongs to the pair, not to the ratios asked for.
    everywhere = scan_ratios(
        "Li6PS5Cl", "Li10GeP2S12", toy_source, grains=Grains(grain_diameter_nm=3.0)
    )
    assert scan.critical_ratio == pytest.approx(everywhere.critical_ratio, rel=1e-9)


def test_doped_host_is_a_composite_with_its_end_member(toy_source: BundledSource) -> None:
    # One mole of Li2GePS5Cl in four: Li5 Ge1/4 P S5 Cl.
    scan = scan_ratios("Li6PS5Cl", "Li2GePS5Cl", toy_source, ratios=[3])
    doped = interphase("Li5Ge0.25PS5Cl", toy_source)
    assert scan.metal_volume_fraction == pytest.approx([doped.metal_volume_fraction], rel=TOLERANCE)
    assert doped.metal_volume_fraction == pytest.approx(
        METAL / 4 / (LPSC + METAL / 4), rel=TOLERANCE
    )


def test_metal_in_the_host(toy_source: BundledSource) -> None:
    # r Ge + LiCl -> r/4 Li15Ge4 + LiCl: an MCI where there is enough of the host.
    scan = scan_ratios("Ge", "LiCl", toy_source)
    threshold = scan.percolation_threshold
    assert scan.critical_ratio == pytest.approx(threshold / (1 - threshold) * 34 / METAL, rel=1e-6)
    low, high = scan.critical_ratio_interval
    assert low is not None
    assert high is not None
    assert low < scan.critical_ratio < high
    assert scan.summary.startswith(f"MCI at {scan.critical_ratio:.3g} and more")


def test_no_crossing(toy_source: BundledSource) -> None:
    scan = scan_ratios("Li6PS5Cl", "Li3PS4", toy_source)
    assert scan.critical_ratio is None
    assert scan.critical_ratio_interval == (None, None)
    assert scan.summary == "V_f,M = V_p at no ratio: SEI throughout"
    assert scan_ratios("Ge", "LiGe", toy_source).summary.endswith("MCI throughout")


def test_interval_open_at_one_end(toy_source: BundledSource) -> None:
    # Grains of 5.5 nm: V_p above the 10 % of pure Li10GeP2S12, its lower limit below.
    scan = scan_ratios("Li6PS5Cl", "Li10GeP2S12", toy_source, grains=Grains(grain_diameter_nm=5.5))
    low, _ = scan.percolation_threshold_interval
    assert low < METAL / LGPS < scan.percolation_threshold
    assert scan.critical_ratio is None
    assert scan.critical_ratio_interval == (None, pytest.approx(critical_ratio(low), rel=1e-6))


def test_several_crossings_are_all_found(scan: CompositeScanDoc) -> None:
    def parabola(ratio: float) -> float:
        host = 1.0 if ratio == inf else ratio / (1 + ratio)
        return 0.4 * host * (1 - host)

    found = find_crossings(parabola, DEFAULT_RATIOS, 0.05)
    hosts = [(1 - sqrt(0.5)) / 2, (1 + sqrt(0.5)) / 2]
    assert found == pytest.approx([x / (1 - x) for x in hosts], rel=1e-9)
    several = scan.model_copy(update={"critical_ratios": found, "additive_alone": scan.host_alone})
    assert several.critical_ratio == found[-1]
    assert several.summary == (
        "MCI at 0.172 to 5.83 moles of host per mole of additive "
        "(2 critical ratios; the host-rich one is given)"
    )


@pytest.mark.parametrize(
    ("host", "ratio", "text"),
    [
        ("Li6PS5Cl", 16.0, "16 Li6PS5Cl + Ge"),
        ("2Li2S + 0.5 LiCl", 0.1, "0.2 Li2S + 0.05 LiCl + Ge"),
        ("(Li2S)2", 1e-7, "0.0000001 (Li2S)2 + Ge"),
        ("Li2S", 0.0, "Ge"),
        ("2 Li2S", None, "2 Li2S"),
    ],
)
def test_text_of_a_composite(host: str, ratio: float | None, text: str) -> None:
    assert composite_formula(host, "Ge", ratio) == text
    assert parse_mixture(text).composition


def test_json_has_the_keys_of_a_design(scan: CompositeScanDoc) -> None:
    dumped = scan.model_dump(mode="json")
    assert {
        "host", "additive", "critical_ratio", "critical_ratio_interval", "metal_volume_fraction",
        "ratios", "percolation_threshold", "threshold_model", "interphase_classes", "source",
    } <= set(dumped)  # fmt: skip
    assert CompositeScanDoc.model_validate(dumped) == scan


def test_bad_input(toy_source: BundledSource) -> None:
    for ratio in (0.0, -4.0, inf, float("nan")):
        with pytest.raises(RatioError, match="is not positive and finite"):
            scan_ratios("Li6PS5Cl", "Li10GeP2S12", toy_source, ratios=[ratio])
    with pytest.raises(FormulaError, match="is the reference itself"):
        scan_ratios("Li6PS5Cl", "Li", toy_source)


def test_experiment_with_the_bundled_set() -> None:
    # Su et al., EES Batteries 2025, 1, 242: MI-SEI at 16 : 1, mixed conducting at 4 : 1.
    scan = scan_ratios("Li6PS5Cl", "Li10GeP2S12", BundledSource(), ratios=[4, 16])
    assert scan.interphase_classes == ["MCI", "MI-SEI"]
    assert scan.critical_ratio is not None
    assert 4 < scan.critical_ratio < 16


def test_what_other_grains_would_gain(scan: CompositeScanDoc) -> None:
    found = {variant.change: variant for variant in scan.variants}
    larger, never, longer = (
        found[name]
        for name in (
            "larger: 3.5 nm", "enveloped in 1.25 nm of insulator", "less round: aspect ratio 3",
        )
    )  # fmt: skip
    for variant in (larger, longer):
        expected = critical_ratio(variant.percolation_threshold)
        assert variant.critical_ratio == pytest.approx(expected, rel=1e-6)
        assert not variant.never_percolates
    # Less host is needed where grains percolate later.
    assert larger.critical_ratio < scan.critical_ratio < longer.critical_ratio
    assert never.never_percolates
    assert (never.critical_ratio, never.critical_ratio_interval) == (None, (None, None))
    assert scan.as_given.critical_ratio == scan.critical_ratio
