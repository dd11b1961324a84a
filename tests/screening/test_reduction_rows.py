"""Rows of many reductions: one a formula, in order, bad ones included."""

from __future__ import annotations

import csv
import json
from itertools import islice

import pytest

from misei.screening.entries import BundledSource
from misei.screening.reduction_rows import (
    Failure,
    header,
    read_formulas,
    reduce_each,
    row,
)
from misei.screening.thermodynamics import reduce

FORMULAS = ["Li6PS5Cl", "Xx2S", "Li2WO4", "Ge"]


def test_csv_holds_units_and_errors(toy_source: BundledSource) -> None:
    results = reduce_each(FORMULAS, lambda f: reduce(f, toy_source, ["LiGe"]))
    lines = [header("csv"), *(row(result, "csv") for result in results)]
    rows = list(csv.DictReader("".join(lines).splitlines()))
    assert [r["formula"] for r in rows] == FORMULAS
    assert float(rows[0]["reduction_potential (V vs Li/Li+)"]) == pytest.approx(1.6, abs=1e-5)
    assert rows[0]["products_0V (mol/f.u.)"] == "5 Li2S + 1 Li3P + 1 LiCl"
    assert rows[0]["source_electrolyte"] == "Li6PS5Cl-216"
    assert "Xx" in rows[1]["error"]
    assert "W" in rows[2]["error"]
    assert rows[3]["excluded_phases"] == "LiGe"
    assert rows[3]["oxidation_potential (V vs Li/Li+)"] == rows[3]["error"] == ""


def test_json_lines_are_whole_documents(toy_source: BundledSource) -> None:
    documents = [
        json.loads(row(r, "jsonl")) for r in reduce_each(FORMULAS, lambda f: reduce(f, toy_source))
    ]
    assert [d["formula"] for d in documents] == FORMULAS
    assert documents[0]["voltage_profile"][-1]["potential_low"] == 0
    assert set(documents[1]) == {"formula", "error"}
    assert header("jsonl") == ""


def test_results_come_one_by_one(toy_source: BundledSource) -> None:
    def endless() -> object:
        while True:
            yield "Ge"
            yield "nonsense"

    first = list(islice(reduce_each(endless(), lambda f: reduce(f, toy_source)), 3))  # type: ignore[arg-type]
    assert [isinstance(result, Failure) for result in first] == [False, True, False]


def test_comments_and_empty_lines_are_skipped() -> None:
    text = "# electrolytes\nLi6PS5Cl  # argyrodite\n\n  4 Li6PS5Cl + Li10GeP2S12\n"
    assert list(read_formulas(text.splitlines())) == ["Li6PS5Cl", "4 Li6PS5Cl + Li10GeP2S12"]
