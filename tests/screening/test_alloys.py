from __future__ import annotations

import pytest

from misei.screening.alloys import alloy_candidates
from misei.screening.entries import BundledSource, MissingDataError
from misei.screening.formulas import FormulaError

# Ge -> LiGe at 0.5 V, LiGe -> Li15Ge4 at 0.5 / 2.75 V (conftest.py).
LOWER_PLATEAU = pytest.approx(0.5 / 2.75, abs=2e-6)


def test_alloys_of_the_hull(toy_source: BundledSource) -> None:
    rich, poor = alloy_candidates("Ge", toy_source)
    assert (rich.alloy, rich.entry_id, rich.equilibrium_with_li) == (
        "Li15Ge4", "Li15Ge4-220", True,
    )  # fmt: skip
    assert (rich.potential_low, rich.potential_high) == (0.0, LOWER_PLATEAU)
    assert (poor.alloy, poor.equilibrium_with_li) == ("LiGe", False)
    assert (poor.potential_low, poor.potential_high) == (LOWER_PLATEAU, pytest.approx(0.5))
    assert rich.volume_per_atom == pytest.approx(306 / 19)


def test_near_hull_alloys_within_the_tolerance(toy_source: BundledSource) -> None:
    names = [c.alloy for c in alloy_candidates("Ge", toy_source, tolerance=0.009)]
    assert names == ["Li15Ge4", "LiGe"]
    _, near, _ = alloy_candidates("Ge", toy_source, tolerance=0.011)
    assert near.alloy == "Li2Ge"
    assert near.e_above_hull == pytest.approx(0.01)
    assert not near.equilibrium_with_li
    assert near.potential_low is None
    assert near.potential_high is None


def test_metal_that_forms_no_alloy(toy_source: BundledSource) -> None:
    assert alloy_candidates("Cu", toy_source) == []


@pytest.mark.parametrize("metal", ["Li", "S", "LiGe", "Xx"])
def test_not_a_metal(toy_source: BundledSource, metal: str) -> None:
    with pytest.raises(FormulaError):
        alloy_candidates(metal, toy_source)


def test_metal_without_data(toy_source: BundledSource) -> None:
    with pytest.raises(MissingDataError, match=r"no data for Al .* it has Cu, Ge, Li"):
        alloy_candidates("Al", toy_source)
