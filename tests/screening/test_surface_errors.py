"""What the measured errors of surface energies leave of a work of adhesion."""

from __future__ import annotations

import pytest

from misei.screening.surface_errors import (
    SURFACE_ENERGY_OVER_PBE,
    adhesion_interval,
    surface_error,
    wetting_interval,
)


def test_li_on_aluminium_holds_what_gpaw_gives():
    # Li | Al(100), 11 atoms: W_ad 1.44 J/m2 by SevenNet-0, 1.93 by GPAW on its geometry; over
    # 2 gamma of Li(100) 2.2 and 2.0.
    low, high = adhesion_interval("sevennet", "Li", "Al", 1.44)
    assert low <= 1.93 <= high
    assert high - low < 1.0  # and says something
    low, high = wetting_interval("sevennet", "Li", "Al", 2.2)
    assert low <= 2.0 <= high
    assert high - low < 0.4


def test_element_against_itself_by_hand():
    # r_film between 0.54 and 0.68, so is r_substrate: W / sqrt(0.54 * 0.54) at most.
    assert adhesion_interval("sevennet", "Li", "Li", 1.0) == pytest.approx((1.0, 1 / 0.54))
    ratio = (0.68 / 0.54) ** 0.5
    assert wetting_interval("sevennet", "Li", "Li", 1.0) == pytest.approx((1 / ratio, ratio))


def test_unmeasured_element_takes_the_whole_range():
    known = adhesion_interval("sevennet", "Li", "Ag", 1.0)
    unknown = adhesion_interval("sevennet", "Li", "P", 1.0)
    assert unknown[0] <= known[0] < known[1] < unknown[1]
    assert unknown == adhesion_interval("sevennet", "Li", "GeZn", 1.0)


def test_engine_with_lithium_alone_says_nothing_of_others():
    own = adhesion_interval("chgnet", "Li", "Li", 1.0)
    assert own == pytest.approx((1.0, 1 / 0.64))
    assert adhesion_interval("chgnet", "Li", "Al", 1.0)[1] > own[1]


def test_engine_without_measurements_has_no_interval():
    assert "emt" not in SURFACE_ENERGY_OVER_PBE
    assert adhesion_interval("emt", "Cu", "Ag", 1.0) is None
    assert wetting_interval("emt", "Cu", "Ag", 1.0) is None
    assert "the interval is unknown" in surface_error("emt", "Cu", "Ag")


def test_text_names_what_was_not_measured():
    text = surface_error("sevennet", "Li", "Li3P")
    assert "Li(100) 0.68" in text
    assert "no measured error for P" in text
    assert "0.48 to 1.39" in text


def test_dft_has_no_error_of_a_potential():
    text = surface_error("gpaw", "Li", "Li", "DFT on a potential's geometry")
    assert "DFT on a potential's geometry" in text
    assert "no measured error" not in text


def test_salt_has_its_own_error_not_that_of_its_elements():
    low, high = adhesion_interval("sevennet", "Li", "LiF", 1.0)
    assert (low, high) == pytest.approx((1.0, 1 / (0.54 * 0.94) ** 0.5))
    assert "LiF(100) 0.94" in surface_error("sevennet", "Li", "LiF")
    assert high < adhesion_interval("sevennet", "Li", "Li3N", 1.0)[1]
