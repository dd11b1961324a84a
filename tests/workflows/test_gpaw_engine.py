"""GPAW as an engine: a static, a relaxation, a saddle, and jobs that are killed or do not end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from gpaw_systems import COARSE, aluminium_hop, displaced_lithium
from jobflow import CURRENT_JOB, JobStore
from maggma.stores import MemoryStore
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows import gpaw_calculator, journal
from misei.workflows.engines import Engine, force_evaluations, get_engine, is_converged
from misei.workflows.gpaw_calculator import PRESETS, GpawError
from misei.workflows.gpaw_engine import gpaw_engine
from misei.workflows.gpaw_ranks import GpawRanks
from misei.workflows.gpaw_restart import RESTART_FILE
from misei.workflows.journal import JOURNAL_FILES, JOURNAL_SWITCH
from misei.workflows.saddle_settings import SaddleSettings

SCRIPT = Path(__file__).parent / "run_gpaw_relaxation.py"

# docs/engines.md: bcc Li at 3.44 angstrom, converged with cut-off and k-points.
LITHIUM_EV = -1.901
# What the fast preset leaves there.
FAST_EV = 0.005
# PBE with all electrons and full potential: Haas, Tran and Blaha, Phys. Rev. B 79, 085104 (2009).
LITHIUM_A = 3.435
FAST_A = 0.015
# Densities to 1e-5 electrons per electron, and two ways to one minimum or saddle.
SAME_ENERGY_EV = 2e-4
SAME_SADDLE_EV = 0.01


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "coarse", COARSE)


def run(job: Any) -> Any:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    journal._open_journals.clear()  # as a new process would
    try:
        return job.run(store).output
    finally:
        CURRENT_JOB.reset()


def lithium(a: float) -> Any:
    return AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=a))


# Without GPAW


def test_an_engine_is_made_without_gpaw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpaw", None)
    engine = get_engine("gpaw-fast")
    assert isinstance(engine, Engine)
    assert engine.energies_from == "DFT"
    assert engine.corrections == "MP2020"
    assert PRESETS["fast"].label() in engine.version
    assert (
        engine.relax(lithium(3.4), "x").uuid
        != get_engine("gpaw-standard").relax(lithium(3.4), "x").uuid
    )


def test_ranks_are_no_part_of_a_jobs_content(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = get_engine("gpaw-fast").static(lithium(3.4), "x")
    monkeypatch.setenv("MISEI_GPAW_RANKS", "3")
    many = get_engine("gpaw-fast").static(lithium(3.4), "x")
    assert alone.uuid == many.uuid
    model = get_engine("gpaw-fast").get_calculator().model
    assert isinstance(model, GpawRanks)
    assert model.command == ["mpiexec", "-n", "3"]


# With GPAW


def test_a_static_of_lithium() -> None:
    pytest.importorskip("gpaw")
    document = run(get_engine("gpaw-fast").static(lithium(3.44), "Li"))
    assert document.output.energy == pytest.approx(LITHIUM_EV, abs=FAST_EV)
    assert np.abs(document.output.forces).max() < 1e-6, "symmetry forbids any"
    assert force_evaluations(document) == 1


@pytest.mark.slow
def test_a_relaxed_cell_of_lithium() -> None:
    pytest.importorskip("gpaw")
    document = run(get_engine("gpaw-fast", 0.01).relax(lithium(3.4), "Li"))
    assert is_converged(document)
    a = (2 * document.output.structure.volume) ** (1 / 3)
    assert a == pytest.approx(LITHIUM_A, abs=FAST_A)


@pytest.mark.slow
@pytest.mark.usefixtures("coarse")
def test_a_symmetric_hop_by_its_midpoint_and_by_a_climbing_image() -> None:
    pytest.importorskip("gpaw")
    guess = aluminium_hop()
    calculator = gpaw_engine("coarse", 0.05, None).get_calculator()
    atoms = AseAtomsAdaptor.get_atoms(guess.images[0], msonable=False)
    atoms.calc = calculator
    end = atoms.get_potential_energy()
    assert np.abs(atoms.get_forces()).max() < 1e-6, "symmetry forbids any"
    guess = guess.model_copy(update={"end_energies": (end, end)})
    climb = SaddleSettings(shortcut=False, check_modes=False)
    by_symmetry = run(gpaw_engine("coarse", 0.1, None).saddle(guess, "x"))
    climbing = run(gpaw_engine("coarse", 0.1, climb).saddle(guess, "x"))
    assert (by_symmetry.method, climbing.method) == ("midpoint", "one image")
    assert is_converged(by_symmetry)
    assert is_converged(climbing)
    assert [c < 0 for c in by_symmetry.curvatures] == [True, False, False]
    assert by_symmetry.provenance.energies_from == "DFT"
    assert climbing.saddle_energy == pytest.approx(by_symmetry.saddle_energy, abs=SAME_SADDLE_EV)
    assert by_symmetry.saddle_energy - end > 10 * SAME_SADDLE_EV


def relaxation(folder: Path, lives: int) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), str(folder), str(lives)],
        capture_output=True,
        text=True,
        env={**os.environ, JOURNAL_SWITCH: "1"},
    )


@pytest.mark.slow
def test_a_killed_relaxation_goes_on_from_journal_and_wave_functions(tmp_path: Path) -> None:
    pytest.importorskip("gpaw")
    whole = relaxation(tmp_path / "whole", 99)
    made, first, needed, energy = json.loads(whole.stdout.splitlines()[-1])
    assert made == needed > 2
    killed = relaxation(tmp_path / "killed", needed - 2)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "killed" / RESTART_FILE).is_file()
    again = relaxation(tmp_path / "killed", 99)
    made_again, first_again, needed_again, energy_again = json.loads(again.stdout.splitlines()[-1])
    assert needed_again == needed
    assert made_again == 2
    assert first_again < first, "iterations from the wave functions against those from nothing"
    assert energy_again == pytest.approx(energy, abs=SAME_ENERGY_EV)
    left = {path.suffix for path in (tmp_path / "killed").iterdir()}
    assert left == {".bin", ".txt"}


@pytest.mark.usefixtures("coarse")
def test_a_structure_that_does_not_converge_loses_no_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gpaw")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(JOURNAL_SWITCH, "1")
    original, made = gpaw_calculator.GpawModel.calculate, [0]

    def hopeless_later(self: Any, *args: Any, **kwargs: Any) -> None:
        if made[0] == 2:
            self._dft = None
            monkeypatch.setattr(gpaw_calculator, "ITERATIONS", 2)
            monkeypatch.setattr(gpaw_calculator, "PATIENT_ITERATIONS", 2)
        original(self, *args, **kwargs)
        made[0] += 1

    monkeypatch.setattr(gpaw_calculator.GpawModel, "calculate", hopeless_later)
    structure = AseAtomsAdaptor.get_structure(displaced_lithium())
    with pytest.raises(GpawError, match=r"Li .* not self-consistent"):
        run(gpaw_engine("coarse", 0.02, None).relax_ions(structure, "x"))
    (file,) = tmp_path.glob(JOURNAL_FILES)
    assert len(journal.Journal(file).known) == made[0] == 2
