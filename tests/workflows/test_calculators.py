"""Calculators: shared models, counted evaluations, and a journal that outlives a kill."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize import LBFGS
from jobflow import CURRENT_JOB, Job, JobStore
from maggma.stores import MemoryStore
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows import journal
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import force_evaluations, get_engine
from misei.workflows.journal import (
    JOURNAL_FILES,
    JOURNAL_SWITCH,
    Journal,
    current_journal,
    evaluation_key,
)

# A walk that is replayed and goes on may differ in the last bits of EMT's sums.
SAME_ENERGY_EV = 1e-9


class Killed(BaseException):
    """A kill that no job catches."""


class Mortal(EMT):
    """EMT that is killed once its lives are used up."""

    def __init__(self, lives: float = np.inf) -> None:
        super().__init__()
        self.lives, self.made = lives, 0

    def calculate(self, *args: Any, **kwargs: Any) -> None:
        if self.made >= self.lives:
            raise Killed
        super().calculate(*args, **kwargs)
        self.made += 1


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A job that runs in a folder of its own, under a runner that keeps journals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(JOURNAL_SWITCH, "1")
    CURRENT_JOB.job = Job(print)
    yield tmp_path
    CURRENT_JOB.reset()


def copper(scale: float = 1.0) -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    return atoms


def relax(model: EMT) -> tuple[float, SharedCalculator]:
    atoms = copper()
    atoms.calc = SharedCalculator(model, "EMT")
    LBFGS(atoms, logfile=None).run(fmax=0.001)
    return float(atoms.get_potential_energy()), atoms.calc


def evaluate(model: EMT, scale: float = 1.0) -> dict[str, Any]:
    atoms = copper(scale)
    atoms.calc = SharedCalculator(model, "EMT")
    atoms.get_forces()
    return dict(atoms.calc.results)


def new_process() -> None:
    """Forget what this process read of journals, as a new one would not know it."""
    journal._open_journals.clear()


def test_copies_of_a_calculator_share_model_and_counter() -> None:
    first = SharedCalculator(EMT())
    second = deepcopy(first)
    assert second.model is first.model
    atoms = copper()
    for calculator, scale in ((first, 1.0), (second, 1.1)):
        atoms.calc = calculator
        atoms.set_cell(copper().cell * scale, scale_atoms=True)
        atoms.get_forces()
        atoms.get_potential_energy()
        atoms.get_stress()
    assert first.evaluations == second.evaluations == first.fresh == 2
    assert first.results["energy"] != second.results["energy"]
    assert first.name == "emt"


def test_there_is_no_journal_outside_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evaluate(EMT())
    assert current_journal() is None
    assert list(tmp_path.iterdir()) == []


def test_a_journal_can_be_switched_off(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISEI_JOURNAL", "0")
    evaluate(EMT())
    assert list(running.iterdir()) == []


def test_a_replayed_evaluation_is_the_same_bit_by_bit(running: Path) -> None:
    fresh, replayed = evaluate(EMT()), evaluate(Mortal(lives=0))
    assert fresh.keys() == replayed.keys() == {"energy", "free_energy", "forces", "stress"}
    assert all(np.array_equal(fresh[name], replayed[name]) for name in fresh)
    # Results are the caller's own: spoiling them leaves the journal alone.
    replayed["forces"][:] = 0.0
    assert np.array_equal(evaluate(Mortal(lives=0))["forces"], fresh["forces"])


def test_every_part_of_the_geometry_and_the_model_make_the_key() -> None:
    keys = [evaluation_key(copper(), "EMT"), evaluation_key(copper(), "other")]
    for change in ("numbers", "positions", "cell", "pbc"):
        atoms = copper()
        if change == "numbers":
            atoms.numbers[0] = 47
        elif change == "positions":
            atoms.positions[0, 0] = np.nextafter(atoms.positions[0, 0], 1.0)
        elif change == "cell":
            atoms.cell[0, 0] = np.nextafter(atoms.cell[0, 0], 9.0)
        else:
            atoms.pbc = (True, True, False)
        keys.append(evaluation_key(atoms, "EMT"))
    assert len(set(keys)) == len(keys)
    assert evaluation_key(copper(), "EMT") == keys[0]


@pytest.mark.parametrize("lives", [0, 1, 4])
def test_a_killed_relaxation_goes_on_where_it_was(running: Path, lives: int) -> None:
    whole, calculator = relax(Mortal())
    needed = calculator.evaluations
    for file in running.glob(JOURNAL_FILES):
        file.unlink()
    new_process()
    with pytest.raises(Killed):
        relax(Mortal(lives))
    new_process()
    energy, calculator = relax(Mortal())
    assert energy == pytest.approx(whole, abs=SAME_ENERGY_EV)
    # Counted as if it had not been killed; none was made twice.
    assert calculator.evaluations == needed
    assert calculator.fresh == needed - lives


@pytest.mark.parametrize("lost", [1, 20, 183])
def test_a_record_that_a_kill_cut_off_is_left_out(running: Path, lost: int) -> None:
    first, second = evaluate(EMT()), evaluate(EMT(), 1.1)
    (path,) = running.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    assert len(Journal(path).known) == 1
    # What is appended afterwards is found again.
    new_process()
    evaluate(Mortal(lives=1), 1.1)
    assert len(path.read_bytes()) == len(content)
    energies = sorted(results["energy"] for results in Journal(path).known.values())
    expected = sorted([first["energy"], second["energy"]])
    assert energies == pytest.approx(expected, abs=SAME_ENERGY_EV)


def test_a_damaged_record_is_not_believed(running: Path) -> None:
    evaluate(EMT())
    (path,) = running.iterdir()
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    assert Journal(path).known == {}


def test_a_killed_job_is_replayed_to_the_same_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(JOURNAL_SWITCH, "1")
    structure = AseAtomsAdaptor.get_structure(copper())
    calls, deadly = [0], [np.inf]
    original = EMT.calculate

    def counted(self: EMT, *args: Any, **kwargs: Any) -> None:
        if calls[0] >= deadly[0]:
            raise Killed
        original(self, *args, **kwargs)
        calls[0] += 1

    monkeypatch.setattr(EMT, "calculate", counted)

    def run() -> Any:
        store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        store.connect()
        new_process()
        try:
            return get_engine("emt", 0.001).relax(structure, "x").run(store).output
        finally:
            CURRENT_JOB.reset()

    whole, needed = run(), calls[0]
    # The runner deletes it once the result is stored.
    (file,) = tmp_path.iterdir()
    file.unlink()
    calls[0], deadly[0] = 0, 4
    with pytest.raises(Killed):
        run()
    deadly[0] = np.inf
    again = run()
    assert calls[0] == needed == force_evaluations(whole) == force_evaluations(again)
    assert again.output.energy == pytest.approx(whole.output.energy, abs=SAME_ENERGY_EV)
