"""`misei elasticity`: results, resume, errors."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from misei.launchers import single
from misei.launchers.cli import app
from misei.launchers.pools import InlinePool


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(single, "open_pool", lambda settings: nullcontext(InlinePool()))


def misei(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["elasticity", *arguments])


def test_a_metal_is_computed_once() -> None:
    first = misei("Al", "--engine", "emt", "--json")
    assert first.exit_code == 0, first.stderr
    (document,) = json.loads(first.stdout)
    assert document["entry_id"] == "Al-225"
    assert document["engine"] == "emt"
    assert document["mechanically_stable"]
    assert document["shear_modulus_reuss"] < document["shear_modulus"]
    assert "structure" not in document
    again = misei("Al", "--engine", "emt")
    assert again.exit_code == 0
    assert "0 computed" in again.stderr
    assert "GPa" in again.stdout
    assert f"{document['youngs_modulus']:.3f}" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("NoSuchPhase",), "no phase 'NoSuchPhase' in"),
        (("Al", "--engine", "emd"), "unknown engine 'emd'; valid: emt, sevennet"),
        (("missing.cif",), "no such structure file: missing.cif"),
        (("damaged.cif",), "damaged.cif is not a structure that pymatgen reads"),
        (("half.cif",), "Li0.5Mg0.5 has partial occupancies; order it first"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], problem: str) -> None:
    Path("damaged.cif").write_text("nothing of a crystal")
    Structure(Lattice.cubic(3.0), [{"Li": 0.5, "Mg": 0.5}], [[0, 0, 0]]).to("half.cif")
    result = misei(*arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert problem in line
    assert not Path("runs").exists()


def test_a_crystal_that_the_engine_cannot_compute_ends_with_1() -> None:
    result = misei("Li-229", "--engine", "emt")
    assert result.exit_code == 1
    assert "no result for Li-229" in result.stderr
