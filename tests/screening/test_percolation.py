"""The threshold as users look it up; the Monte Carlo behind it has tests of its own."""

from __future__ import annotations

import json
from math import log
from typing import Any

import numpy as np
import pytest

from misei.screening.grains import DEFAULT_GRAINS, ENVELOPES, Grains, GrainsError, variants
from misei.screening.percolation import (
    CLOSE_PACKING,
    NEVER,
    OVERLAPPING_DENSITY,
    SPHERES_PATH,
    SPHEROIDS_PATH,
    Curve,
    mean_volume_diameter,
    mixed,
    percolation_probability,
    percolation_threshold,
    sphere_curve,
    spheroid_curve,
    two_size_curve,
)

# Relative, of numbers that differ by rounding of the tables alone.
ROUNDING = 1e-4
# Relative: small shells of any grain are spheres, which the table's smallest fractions are near.
POINTLIKE_TOLERANCE = 0.02


def certain(**values: float) -> Grains:
    """Grains with no range of D / delta."""
    return Grains(spread=1.0, **values)


def value(**values: float) -> float:
    return percolation_threshold(certain(**values)).value


def mixtures() -> dict[tuple[float, float], list[dict[str, Any]]]:
    """Points of the table by size ratio and share of the small grains."""
    table = json.loads(SPHERES_PATH.read_text())
    return {(m["size_ratio"], m["small_share"]): m["points"] for m in table["mixtures"]}


def test_a_point_of_the_table_is_its_core_fraction() -> None:
    for row in mixtures()[1, 0]:
        threshold = percolation_threshold(
            certain(grain_diameter_nm=1.0, tunnelling_length_nm=row["gap"])
        )
        assert threshold.value == pytest.approx(row["core_fraction"], rel=ROUNDING)
        # V_p falls as at most the third power of 1 + gap.
        assert threshold.standard_error < 3 * row["standard_error"] * threshold.value / row["gap"]


def test_a_point_of_each_other_table() -> None:
    for row in json.loads(SPHEROIDS_PATH.read_text())["points"]:
        found = value(
            grain_diameter_nm=1.0, tunnelling_length_nm=row["gap"], aspect_ratio=row["aspect"]
        )
        assert found == pytest.approx(row["core_fraction"], rel=ROUNDING)
    for (size_ratio, small_share), rows in mixtures().items():
        for row in rows:
            found = value(
                grain_diameter_nm=1.0,
                tunnelling_length_nm=row["gap"],
                size_ratio=size_ratio,
                small_share=small_share,
            )
            assert found == pytest.approx(row["core_fraction"], rel=ROUNDING)


def test_ends_are_overlapping_spheres_and_close_packing() -> None:
    pointlike = value(grain_diameter_nm=1e-4, tunnelling_length_nm=1.0)
    assert pointlike == pytest.approx(OVERLAPPING_DENSITY * 1e-12, rel=1e-3)
    touching = value(grain_diameter_nm=1e9, tunnelling_length_nm=1.0)
    assert touching == pytest.approx(CLOSE_PACKING, rel=1e-6)


def test_threshold_rises_with_the_grains_and_only_their_ratio_to_delta_counts() -> None:
    values = [value(grain_diameter_nm=d) for d in np.geomspace(0.1, 100.0, 40)]
    assert values == sorted(values)
    assert value(grain_diameter_nm=4.0, tunnelling_length_nm=5.0) == pytest.approx(
        value(grain_diameter_nm=2.0, tunnelling_length_nm=2.5)
    )


def test_the_interval_is_that_of_the_range() -> None:
    threshold = percolation_threshold(Grains(grain_diameter_nm=2.0, spread=1.5))
    ends = [value(grain_diameter_nm=2.0 * factor) for factor in (1 / 1.5, 1.5)]
    assert threshold.interval == pytest.approx(ends)
    assert threshold.value == value(grain_diameter_nm=2.0)
    for text in ("cherry-pit", "2 nm (1.33-3)", "2.5 nm"):
        assert text in threshold.model


def test_default_threshold_lies_where_the_experiment_says() -> None:
    # Su et al., EES Batteries 2025, 1, 242: between 1.3 and 3.7 % of metal, over the whole range.
    threshold = percolation_threshold()
    assert 0.0129 < threshold.interval[0] < threshold.value < threshold.interval[1] < 0.0375
    assert 0 < threshold.standard_error < 0.01 * threshold.value


@pytest.mark.parametrize("aspect_ratio", [0.1, 0.2, 0.5, 2.0, 5.0, 10.0])
def test_round_grains_percolate_last(aspect_ratio: float) -> None:
    assert value(aspect_ratio=aspect_ratio) < value()


def test_between_aspect_ratios() -> None:
    values = [value(aspect_ratio=a) for a in np.geomspace(1.0, 10.0, 12)]
    assert values == sorted(values, reverse=True)
    # A sphere is an extremum: slightly long grains are as good as round.
    assert value(aspect_ratio=1.05) == pytest.approx(value(), rel=0.005)


def test_shape_and_sizes_do_not_matter_where_delta_is_large() -> None:
    ratio = np.array([1e-3])
    for curve in (sphere_curve(), spheroid_curve(5.0), two_size_curve(2.0, 0.5)):
        assert curve.threshold(ratio) == pytest.approx(OVERLAPPING_DENSITY * 1e-9, rel=1e-2)


def test_two_sizes_end_in_one() -> None:
    assert value(size_ratio=3.0, small_share=0.0) == value()
    all_small = value(size_ratio=2.0, small_share=1.0, grain_diameter_nm=3.0)
    assert all_small == pytest.approx(value(grain_diameter_nm=1.5))
    assert mean_volume_diameter(2.0, 1.0) == pytest.approx(0.5)
    # Half the volume in grains half as wide: eight of nine grains are small.
    assert mean_volume_diameter(2.0, 0.5) ** 3 == pytest.approx((8 * 0.5**3 + 1) / 9)


def test_small_grains_among_large_ones_lower_the_threshold() -> None:
    values = [value(size_ratio=2.0, small_share=s) for s in (0.0, 0.25, 0.4, 0.5, 0.75, 1.0)]
    assert values == sorted(values, reverse=True)


def test_envelope_of_half_the_gap_stops_percolation() -> None:
    assert value(envelope_nm=1.24) < NEVER
    for thickness in (1.25, 2.0):
        never = percolation_threshold(certain(envelope_nm=thickness))
        assert (never.value, never.interval) == (NEVER, (NEVER, NEVER))
    assert percolation_probability(0.9, Grains(envelope_nm=1.25)) == 0.0


def test_envelope_is_a_larger_hard_core() -> None:
    # D = 2, t = 0.5, delta = 2: cores of 3 within a gap of 1, of which (2 / 3)^3 is metal.
    enveloped = value(grain_diameter_nm=2.0, tunnelling_length_nm=2.0, envelope_nm=0.5)
    cores = value(grain_diameter_nm=3.0, tunnelling_length_nm=1.0)
    assert enveloped == pytest.approx(cores * (2 / 3) ** 3)


def test_halfway_between_two_curves() -> None:
    low = Curve(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([0.1, 0.1]))
    high = Curve(np.array([0.0, 0.5]), np.array([1.0, 3.0]), np.array([0.1, 0.3]))
    middle = mixed(low, high, 0.5)
    assert middle.ratio[-1] == 0.5
    assert middle.threshold(np.array([0.5])) == pytest.approx(2.0 * 0.5**3)
    assert middle.error(np.array([0.5])) == pytest.approx(0.2 * 0.5**3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grain_diameter_nm": 0.0}, "grain_diameter_nm 0.0: .*greater than 0"),
        ({"tunnelling_length_nm": -1.0}, "tunnelling_length_nm -1.0"),
        ({"grain_diameter_nm": float("nan")}, "grain_diameter_nm nan"),
        ({"aspect_ratio": 20.0}, "aspect_ratio 20.0: .*less than or equal to 10"),
        ({"spread": 0.5}, "spread 0.5"),
        ({"small_share": 1.5}, "small_share 1.5"),
    ],
)
def test_bad_grains(changes: dict[str, float], message: str) -> None:
    with pytest.raises(GrainsError, match=message):
        DEFAULT_GRAINS.changed(**changes)


def test_grains_that_no_table_covers() -> None:
    with pytest.raises(GrainsError, match="no table covers grains that are not round"):
        percolation_threshold(Grains(aspect_ratio=2.0, envelope_nm=0.5))
    with pytest.raises(GrainsError, match=r"D / delta of 1e\+03 .*outside the table"):
        value(aspect_ratio=10.0, grain_diameter_nm=1000.0, tunnelling_length_nm=1.0)


def test_changed_keeps_what_is_not_given() -> None:
    assert DEFAULT_GRAINS.changed(aspect_ratio=None) == DEFAULT_GRAINS
    assert DEFAULT_GRAINS.changed(aspect_ratio=2.0).grain_diameter_nm == 1.75


def test_probability_is_none_below_the_range_and_one_above() -> None:
    low, high = percolation_threshold().interval
    assert percolation_probability(0.0) == percolation_probability(low) == 0.0
    assert percolation_probability(high) == 1.0


def test_probability_at_the_threshold_is_one_half() -> None:
    assert percolation_probability(percolation_threshold().value) == pytest.approx(0.5, abs=0.01)


def test_probability_is_the_share_of_the_logarithm_of_the_range() -> None:
    # Grains up to 2 nm percolate: of the range 1.75 / 1.36 to 1.75 * 1.36 nm in its logarithm.
    share = (log(2.0 / 1.75) / log(1.36) + 1) / 2
    at_two = percolation_threshold(Grains(grain_diameter_nm=2.0)).value
    assert percolation_probability(at_two) == pytest.approx(share, abs=0.01)


def test_variants_raise_the_threshold_or_say_what_they_cost() -> None:
    given = percolation_threshold().value
    found = {name: percolation_threshold(grains).value for name, grains in variants(Grains())}
    names = list(found)
    assert names[0] == "larger: 3.5 nm"
    assert found["larger: 3.5 nm"] > 2 * given
    assert found["less round: aspect ratio 3"] < given
    enveloped = [v for name, v in found.items() if name.startswith("enveloped")]
    assert len(enveloped) == len(ENVELOPES)
    assert enveloped == sorted(enveloped)
    assert enveloped[-1] == NEVER


def test_variants_of_grains_that_are_not_ideal() -> None:
    names = [name for name, _ in variants(Grains(aspect_ratio=3.0))]
    assert names == ["larger: 3.5 nm", "rounder: spheres"]
    names = [name for name, _ in variants(Grains(size_ratio=2.0, small_share=0.5))]
    assert names == ["larger: 3.5 nm", "of one size, the large one"]
    for grains in (Grains(aspect_ratio=3.0), Grains(size_ratio=2.0, small_share=0.5)):
        given = percolation_threshold(grains).value
        assert all(percolation_threshold(other).value > given for _, other in variants(grains))
