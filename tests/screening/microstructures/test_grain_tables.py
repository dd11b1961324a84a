"""The shipped table of spherical grains is what its makers make, and what theory wants."""

from __future__ import annotations

import json
from math import pi

import numpy as np
import pytest

from misei.screening.microstructures import grain_tables
from misei.screening.microstructures.grain_tables import (
    COMMAND,
    SEED,
    TABLE_PATH,
    Mixture,
    equal_grains,
    make_table,
    percolating_gap,
    sample_gap,
    table_text,
    two_sizes,
)
from misei.screening.microstructures.grains import grain_diameters, settling_sweeps

# Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001).
EXACT_OVERLAPPING = 0.341889
EXACT_TOLERANCE = 0.01  # relative, what the project asks for
STANDARD_ERRORS = 3.0
# What finite-size scaling from small systems misses: a thousand equal grains alone are 0.4 % off.
SMALL_SYSTEMS = 0.004
PRINTED = 0.5e-6  # rounding of errors in the table
LITTLE = Mixture(1, 0.0, (60, 200), (0.05, 0.1), 0.05)


@pytest.fixture(scope="module")
def table():
    return json.loads(TABLE_PATH.read_text())


def rows(table, size_ratio, small_share):
    return next(
        mixture["points"]
        for mixture in table["mixtures"]
        if (mixture["size_ratio"], mixture["small_share"]) == (size_ratio, small_share)
    )


def test_the_table_says_how_it_was_made(table):
    assert (table["command"], table["seed"]) == (COMMAND, SEED)
    for mixture, wanted in zip(table["mixtures"], [equal_grains(), *two_sizes()], strict=True):
        assert mixture["size_ratio"] == wanted.size_ratio
        assert mixture["small_share"] == wanted.small_share
        assert mixture["grains"] == list(wanted.counts)
        assert mixture["tolerance"] == wanted.tolerance
        assert [point["core_fraction"] for point in mixture["points"]] == list(wanted.fractions)
        for point in mixture["points"]:
            assert point["sweeps"] == settling_sweeps(point["core_fraction"])
            assert min(point["samples"]) >= grain_tables.BATCH


def test_errors_are_as_small_as_promised(table):
    for mixture in table["mixtures"]:
        for point in mixture["points"]:
            promised = mixture["tolerance"] * point["gap"]
            assert 0 < point["standard_error"] <= promised + PRINTED


def test_more_metal_percolates_at_a_smaller_gap(table):
    for mixture in table["mixtures"]:
        gaps = [point["gap"] for point in mixture["points"]]
        assert gaps == sorted(gaps, reverse=True)


def test_small_grains_bring_the_gap_down(table):
    # At equal metal volume: more grains, closer together.
    for others in zip(*(rows(table, 2, share) for share in (0.25, 0.5, 0.75)), strict=True):
        gaps = [point["gap"] for point in others]
        assert gaps == sorted(gaps, reverse=True)
    for two, four in zip(rows(table, 2, 0.5), rows(table, 4, 0.5), strict=True):
        assert four["gap"] < two["gap"]


def test_thin_cores_percolate_as_overlapping_spheres_do(table):
    point = rows(table, 1, 0.0)[0]
    density = point["core_fraction"] * (1.0 + point["gap"]) ** 3
    assert point["core_fraction"] == 0.001
    assert density == pytest.approx(EXACT_OVERLAPPING, rel=EXACT_TOLERANCE)


@pytest.mark.parametrize(
    ("mixture", "fraction"),
    [
        (Mixture(1, 0.0, (216, 1000), (), 0.01), 0.003),
        (Mixture(1, 0.0, (216, 1000), (), 0.01), 0.1),
        (Mixture(1, 0.0, (216, 1000), (), 0.02), 0.4),
        (Mixture(2, 0.5, (900, 3600), (), 0.015), 0.03),
    ],
)
def test_points_come_out_again(table, mixture, fraction):
    point = next(
        point
        for point in rows(table, mixture.size_ratio, mixture.small_share)
        if point["core_fraction"] == fraction
    )
    gap, _ = percolating_gap(mixture, fraction, np.random.default_rng(11))
    error = np.hypot(gap.standard_error, point["standard_error"])
    assert abs(gap.value - point["gap"]) < STANDARD_ERRORS * error + SMALL_SYSTEMS * point["gap"]


def test_sampling_ends_at_the_tolerance():
    for tolerance in (0.05, 0.02):
        mixture = Mixture(1, 0.0, (60, 200), (), tolerance)
        gap, samples = percolating_gap(mixture, 0.1, np.random.default_rng(12))
        assert gap.standard_error <= tolerance * min(gap.value, (1.0 + gap.value) / 3.0)
        assert samples[0] == 2 * samples[1]
    assert samples[1] > grain_tables.BATCH


def test_a_sample_is_a_gap_in_diameters_of_the_large_grains():
    # 300 grains at 5 % are about 0.8 D apart, whatever D is in cube edges.
    gaps = [
        sample_gap(grain_diameters(0.05, count), 10, np.random.default_rng(13))
        for count in (300, 2400)
    ]
    expected = (EXACT_OVERLAPPING / 0.05) ** (1.0 / 3.0) - 1.0
    assert gaps == pytest.approx([expected] * 2, rel=0.2)  # single samples scatter


def test_a_table_repeats_with_its_seed():
    once = make_table([LITTLE])
    assert make_table([LITTLE]) == once
    assert make_table([LITTLE], seed=2) != once
    assert [point["core_fraction"] for point in once["mixtures"][0]["points"]] == [0.05, 0.1]


def test_text_is_json_with_a_point_in_a_line():
    made = make_table([LITTLE])
    made["mixtures"] *= 2
    text = table_text(made)
    assert json.loads(text) == made
    assert sum("core_fraction" in line for line in text.splitlines()) == 4
    assert max(map(len, text.splitlines())) < 200


@pytest.mark.parametrize("options", [[], ["--write"]])
def test_command_prints_or_writes(options, monkeypatch, tmp_path, capsys):
    path = tmp_path / "table.json"
    monkeypatch.setattr(grain_tables, "TABLE_PATH", path)
    monkeypatch.setattr(grain_tables, "equal_grains", lambda: LITTLE)
    monkeypatch.setattr(grain_tables, "two_sizes", list)
    monkeypatch.setattr("sys.argv", ["grain_tables", *options])
    grain_tables.main()
    printed = capsys.readouterr().out
    text = path.read_text() if options else printed
    assert path.exists() == bool(options)
    assert bool(printed) != bool(options)
    assert json.loads(text) == make_table([LITTLE])


def test_mixtures_have_whole_numbers_of_grains():
    for mixture in two_sizes():
        for count in mixture.counts:
            diameters = grain_diameters(0.1, count, mixture.size_ratio, mixture.small_share)
            small = pi / 6.0 * (diameters[diameters < diameters.max()] ** 3).sum()
            assert small == pytest.approx(0.1 * mixture.small_share, rel=1e-9)
