"""misei plot wetting, on a store with one result."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from jobflow import run_locally
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from misei.launchers.commands.wetting import wetting
from misei.launchers.machine import machine_settings
from misei.launchers.store import open_store
from misei.launchers.tables.campaigns import print_adhesion
from misei.screening.results import find_documents
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.structures.interfaces import InterfaceLimits
from misei.workflows.adhesion import AdhesionMaker


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    """Cu on Ag by EMT, finished, in the store of a run."""
    folder = tmp_path_factory.mktemp("run")
    limits = InterfaceLimits(max_atoms=30, max_strain=0.13, strain_step=0.13, film_thickness=6.0)
    maker = AdhesionMaker(
        engine="emt", film="Cu", film_lattices=("fcc",), limits=limits, candidates=1, relaxed=1
    )
    silver = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.06), ["Ag"], [[0, 0, 0]])
    store = open_store(machine_settings(None, folder).store_location)
    flow = maker.make(silver.get_primitive_structure(), "Ag")
    run_locally(flow, store=store, log=False, root_dir=folder, ensure_success=True)
    return folder


@pytest.fixture
def plot(monkeypatch, tmp_path):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(wetting)
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


def test_figure_of_a_finished_run(plot, run_dir):
    result = plot("Ag", "--engine", "emt", "--run-dir", str(run_dir), "-o", "a.png", "-o", "a.html")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["a.png", "a.html"]
    assert "complete wetting" in Path("a.html").read_text()


def test_missing_result_is_one_line(plot, run_dir):
    result = plot("LiF", "--engine", "emt", "--run-dir", str(run_dir), "-o", "a.png")
    assert result.exit_code != 0
    assert "no work of adhesion of 'LiF' by emt" in " ".join(result.stderr.split())
    assert not Path("a.png").exists()


def test_printed_result_has_units_and_verdict(run_dir, capsys):
    store = open_store(machine_settings(None, run_dir).store_location)
    (document,) = find_documents(store, AdhesionDoc, alloy="Ag")
    print_adhesion(document)
    printed = " ".join(capsys.readouterr().out.split())
    assert f"W_ad {document.work_of_adhesion:.3f} J/m2" in printed
    assert document.wetting_verdict in printed
    assert f"{document.force_evaluations} force evaluations" in printed
    assert "mV" in printed
