"""misei diffusivity and misei plot arrhenius, on a made-up document of barriers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from misei.launchers import prefactors
from misei.launchers.commands import diffusion as cli_diffusion
from misei.launchers.single import RunError
from misei.screening.schemas import Provenance
from misei.screening.schemas_diffusion import PrefactorDoc
from misei.screening.schemas_migration import HopDoc, MigrationDoc

PROVENANCE = Provenance(engine="toy", engine_version="1")
A = 4.0  # angstrom
RUN_PREFACTOR = prefactors.run_prefactor  # the real one
app = typer.Typer()
app.command()(cli_diffusion.diffusivity)
app.command()(cli_diffusion.arrhenius)


def migration(alloy: str, *choices: Any, **more: Any) -> MigrationDoc:
    """Simple cubic Li with one hop of 0.3 eV; LiAl by name has structural vacancies."""
    structural = alloy == "LiAl"
    hop = HopDoc(
        label="Li0-Li0 4.00 A", sites=(0, 0), distance=A, multiplicity=3,
        edges=[[0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], energies=[0.0, 0.3, 0.0],
        path_length=[0.0, 2.0, 4.0], residual_force=0.0, force_evaluations=1,
        converged=True, provenance=PROVENANCE,
    )  # fmt: skip
    return MigrationDoc(
        alloy=alloy, engine="toy", hops=[hop], barriers_by_dimension={"1": 0.3, "2": 0.3, "3": 0.3},
        crystal=Structure(Lattice.cubic(A), ["Li"], [[0, 0, 0]]), orbits=[[0]],
        mechanism=more["mechanism"], vacancy_energies=[-0.1 if structural else 0.5],
        supercell=np.eye(3, dtype=int).tolist(), natoms=1, force_evaluations=1,
        converged=True, provenance=PROVENANCE,
    )  # fmt: skip


def prefactor(found: MigrationDoc, label: str, *choices: Any) -> PrefactorDoc:
    assert label == found.hops[0].label
    return PrefactorDoc(
        hop=label, engine="toy", mover=0, radius=1.0, atoms_moved=[0], displacement=0.01,
        frequencies_initial=[2.0, 3.0, 4.0], frequencies_saddle=[-1.0, 3.0, 4.0], shell_radii=[],
        shell_frequencies=[], residual_force=0.0, force_evaluations=14, converged=True,
        provenance=PROVENANCE,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("misei.launchers.single.run_barrier", migration)
    monkeypatch.setattr(prefactors, "run_prefactor", prefactor)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_json_is_the_documents() -> None:
    code, text, errors = run("diffusivity", "Li", "--temperature", "400", "--json")
    assert code == 0, errors
    (document,) = json.loads(text)
    assert document["temperatures_K"] == [300.0, 400.0]
    # D = a^2 nu exp(-E_m / kT), cm2/s.
    expected = 1e-4 * A**2 * 5.0 * np.exp(-0.3 / (8.617333262e-5 * 300.0))
    assert document["defect_diffusivity_300K"] == pytest.approx(expected, rel=1e-8)
    assert document["attempt_frequency_origin"] == "stated"
    assert document["tracer_fit"]["activation_energy"] == pytest.approx(0.8, abs=1e-5)


def test_table_has_units_and_says_where_factors_come_from() -> None:
    code, text, errors = run("diffusivity", "Li", "LiAl")
    assert code == 0, errors
    for part in ("D* (cm2/s)", "nu* (THz)", "structural", "nu* stated", "barriers off by 0.15 eV"):
        assert part in text
    assert "Note: LiAl: its composition sets" in text


def test_options_reach_the_documents() -> None:
    options = ["--defect-fraction", "0.02", "--vibrations", "--barrier-error", "0.1", "--json"]
    (document,) = json.loads(run("diffusivity", "LiAl", *options)[1])
    assert document["defect_fractions"][0] == 0.02
    assert document["attempt_frequency"] == pytest.approx(2.0)
    assert document["attempt_frequency_origin"] == "vibrations"
    assert document["barrier_error"] == 0.1
    assert document["structural_vacancies"]


def test_a_hop_without_images_has_no_vibrations() -> None:
    with pytest.raises(RunError, match="images of Li Li0-Li0"):
        RUN_PREFACTOR(migration("Li", mechanism="vacancy"), "Li0-Li0 4.00 A", 1, None)


def test_arrhenius_writes_figures(tmp_path: Path) -> None:
    code, text, errors = run("arrhenius", "Li", "LiAl", "-o", "a.png", "-o", "a.html")
    assert code == 0, errors
    assert text.splitlines() == ["a.png", "a.html"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--attempt-frequency", "0"], "0 THz"),
        (["--attempt-frequency", "3", "--vibrations"], "not both"),
        (["--defect-fraction", "2"], "2 is no fraction"),
        (["--temperature", "-3"], "-3 K"),
    ],
)
def test_one_line_errors(arguments: list[str], said: str) -> None:
    code, text, errors = run("diffusivity", "Li", *arguments)
    assert code == 2
    assert text == ""
    assert len(errors.splitlines()) == 1
    assert said in errors
