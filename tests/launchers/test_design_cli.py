"""The commands design and compatibility as users and other programs see them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from misei.launchers.cli import app


def misei(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answer(*arguments: str) -> Any:
    done = misei(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", ["design", "compatibility"])
def test_help_has_examples(command: str) -> None:
    done = misei(command, "--help")
    assert done.exit_code == 0
    assert f"misei {command}" in done.stdout.split("Examples")[1]


def test_design_finds_the_ratio_between_the_two_experiments() -> None:
    document = answer("design", "Li6PS5Cl", "Li10GeP2S12")
    assert (document["host"], document["additive"]) == ("Li6PS5Cl", "Li10GeP2S12")
    # Su et al., EES Batteries 2025, 1, 242: MI-SEI at 16 : 1, mixed conducting at 4 : 1.
    assert 4 < document["critical_ratio"] < 16
    low, high = document["critical_ratio_interval"]
    assert low < document["critical_ratio"] < high
    fractions = document["metal_volume_fraction"]
    assert len(fractions) == len(document["ratios"]) == len(document["interphase_classes"])
    assert fractions == sorted(fractions, reverse=True)
    assert "cherry-pit" in document["threshold_model"]
    assert document["source"]["name"]


def test_design_at_given_ratios() -> None:
    given = ("--ratio", "16", "--ratio", "4", "--grain-diameter", "3", "--exclude", "Li15Ge4")
    document = answer("design", "Li6PS5Cl", "Li10GeP2S12", *given)
    assert document["ratios"] == [4, 16]
    assert document["grains"]["grain_diameter_nm"] == 3
    assert document["excluded_phases"] == ["Li15Ge4"]
    assert all("Li15Ge4" not in point["products_0V"] for point in document["points"])


def test_design_table_names_the_critical_ratio() -> None:
    document = answer("design", "Li6PS5Cl", "Li10GeP2S12")
    done = misei("design", "Li6PS5Cl", "Li10GeP2S12")
    assert done.exit_code == 0
    assert "ratio (mol host / mol additive)" in done.stdout
    assert f"Critical ratio: {document['critical_ratio']:.3g} mol" in done.stdout
    assert "host alone" in done.stdout


def test_compatibility_of_several_pairs() -> None:
    documents = answer(
        "compatibility", "LiCl", "LiIn", "--with", "Li6PS5Cl", "--with", "Li3InCl6",
        "--potential", "0.5",
    )  # fmt: skip
    assert [(d["coating"], d["electrolyte"]) for d in documents] == [
        ("LiCl", "Li6PS5Cl"), ("LiCl", "Li3InCl6"), ("LiIn", "Li6PS5Cl"), ("LiIn", "Li3InCl6"),
    ]  # fmt: skip
    assert [d["stable_with_li"] for d in documents] == [True, True, False, False]
    assert [d["closed"]["reacts"] for d in documents] == [False, False, True, True]
    assert {d["open"]["potential"] for d in documents} == {0.5}
    assert documents[0]["source"]["name"]


def test_compatibility_tables() -> None:
    done = misei("compatibility", "LiIn", "--with", "Li6PS5Cl")
    assert done.exit_code == 0
    assert "reaction energy (eV/atom)" in done.stdout
    assert "LiIn: with Li: takes up Li" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["design", "Li6PS5Cl", "Xx2S"], "Xx"),
        (["design", "Li6PS5Cl", "Li10GeP2S12", "--ratio", "-4"], "-4"),
        (["design", "Li6PS5Cl", "Li10GeP2S12", "--grain-diameter", "0"], "0.0"),
        (["design", "Li6PS5Cl", "Li10GeP2S12", "--source", "nowhere"], "nowhere"),
        (["compatibility", "Li", "--with", "Li6PS5Cl"], "'Li'"),
        (["compatibility", "-1 LiCl", "--with", "Li6PS5Cl"], "-1"),
        (["compatibility", "LiCl", "--with", "Li6PS5Cl", "--potential", "-0.2"], "-0.2"),
        (["compatibility", "LiCl", "--with", "Li6PS5Cl", "--exclude", "LiXe"], "LiXe"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    done = misei(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert named in done.stderr


def test_design_says_what_other_grains_would_gain() -> None:
    document = answer("design", "Li6PS5Cl", "Li10GeP2S12", "--aspect-ratio", "3")
    changes = {variant["change"]: variant for variant in document["variants"]}
    assert set(changes) == {"larger: 3.5 nm", "rounder: spheres"}
    assert changes["rounder: spheres"]["critical_ratio"] < document["critical_ratio"]
    shown = misei("design", "Li6PS5Cl", "Li10GeP2S12").stdout
    assert "never percolates" in shown
    assert "larger: 3.5 nm" in shown
