"""Vineyard's prefactor of the fcc Cu vacancy, with EMT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixedPlane
from ase.data import atomic_masses, atomic_numbers
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE, LBFGS
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy import constants

from misei.screening.schemas_diffusion import PrefactorDoc, vineyard_prefactor
from misei.workflows import prefactors
from misei.workflows.prefactors import PrefactorError, PrefactorMaker

MOVER = 0
# Coordinates pass through fractional ones: rounding, amplified by the finite differences.
NUMERICAL = 1e-5
# One atom held in place takes the three translations out and little else.
ONE_HELD = 0.02
# Values of vacancies in metals lie within a factor of a few of 5 THz.
ORDER_OF_MAGNITUDE = (1.0, 20.0)
EVERYTHING = 100.0  # angstrom, beyond the cell


@pytest.fixture(scope="module")
def hop() -> tuple[Structure, Structure]:
    """Vacancy of a 2 x 2 x 2 cell and its saddle: the mover half way, in the plane between."""
    unit = bulk("Cu", cubic=True)
    unit.calc = EMT()
    FIRE(FrechetCellFilter(unit), logfile=None).run(1e-3)
    perfect = unit * (2, 2, 2)
    step = perfect.get_distance(0, 1, mic=True, vector=True)
    states = []
    for share in (0.0, 0.5):
        state: Atoms = perfect.copy()
        state.positions[1] -= share * step
        del state[0]
        state.calc = EMT()
        if share:
            state.set_constraint(FixedPlane(MOVER, step))
        LBFGS(state, logfile=None).run(1e-3)
        state.set_constraint()
        states.append(AseAtomsAdaptor.get_structure(state))
    return states[0], states[1]


def compute(states: tuple[Structure, Structure], radius: float) -> PrefactorDoc:
    maker = PrefactorMaker(engine="emt", radius=radius)
    document = PrefactorMaker.compute.original(maker, *states, MOVER, "")
    assert isinstance(document, PrefactorDoc)
    return document


@pytest.fixture(scope="module")
def whole(hop: tuple[Structure, Structure]) -> PrefactorDoc:
    return compute(hop, EVERYTHING)


def test_all_atoms(whole: PrefactorDoc) -> None:
    assert whole.converged
    assert (whole.imaginary_modes_initial, whole.imaginary_modes_saddle) == (0, 1)
    assert ORDER_OF_MAGNITUDE[0] < whole.attempt_frequency < ORDER_OF_MAGNITUDE[1]
    assert whole.attempt_frequency == whole.shell_frequencies[-1]
    # The translations are left out.
    assert len(whole.frequencies_initial) == len(whole.frequencies_saddle) == 3 * 31 - 3
    assert whole.force_evaluations == 2 * (1 + 6 * 31)
    assert whole.residual_force < 2e-3
    assert whole.warnings == []


def test_one_atom_held_changes_little(
    hop: tuple[Structure, Structure], whole: PrefactorDoc
) -> None:
    part = compute(hop, whole.radius - 0.05)
    assert len(part.atoms_moved) < 31
    assert part.attempt_frequency == pytest.approx(whole.attempt_frequency, rel=ONE_HELD)


def test_a_part_is_a_block_of_the_whole(
    hop: tuple[Structure, Structure], whole: PrefactorDoc
) -> None:
    radius = whole.shell_radii[1]
    part = compute(hop, radius)
    assert len(part.atoms_moved) < 31
    assert part.force_evaluations == 2 * (1 + 6 * len(part.atoms_moved))
    assert part.attempt_frequency == pytest.approx(whole.shell_frequencies[1], rel=NUMERICAL)
    low, high = part.attempt_frequency_interval
    assert low <= part.attempt_frequency <= high


def test_one_atom_by_hand(hop: tuple[Structure, Structure]) -> None:
    found = compute(hop, 0.1)
    assert found.atoms_moved == [MOVER]
    for state, frequencies in zip(
        hop, (found.frequencies_initial, found.frequencies_saddle), strict=True
    ):
        atoms = AseAtomsAdaptor.get_atoms(state, msonable=False)
        atoms.calc = EMT()
        assert frequencies == pytest.approx(frequencies_of_one(atoms), rel=NUMERICAL)


def frequencies_of_one(atoms: Atoms, step: float = 0.01) -> list[float]:
    """Frequencies of the mover alone in THz, by differences of its forces."""
    hessian = np.zeros((3, 3))
    for axis in range(3):
        for sign in (1, -1):
            displaced = atoms.copy()
            displaced.calc = EMT()
            displaced.positions[MOVER, axis] += sign * step
            hessian[axis] -= sign * displaced.get_forces()[MOVER] / (2 * step)
    ev_per_a2 = constants.elementary_charge / constants.angstrom**2
    mass = atomic_masses[atomic_numbers["Cu"]] * constants.atomic_mass
    squares = np.linalg.eigvalsh(0.5 * (hessian + hessian.T)) * ev_per_a2 / mass
    return list(np.sign(squares) * np.sqrt(np.abs(squares)) / (2 * np.pi) / constants.tera)


def test_vineyard_by_hand() -> None:
    assert vineyard_prefactor([2.0, 3.0, 4.0], [-1.0, 3.0, 4.0]) == pytest.approx(2.0)
    assert vineyard_prefactor([2.0, 3.0, 4.0], [1.0, 3.0, 4.0]) is None
    assert vineyard_prefactor([2.0, 3.0, 4.0], [-1.0, -3.0, 4.0]) is None
    assert vineyard_prefactor([-2.0, 3.0, 4.0], [-1.0, 3.0, 4.0]) is None


def test_two_minima_have_no_attempt_frequency(hop: tuple[Structure, Structure]) -> None:
    initial, _ = hop
    neighbour = initial.copy()
    # Another minimum: the same vacancy elsewhere, all atoms moved by a lattice vector.
    neighbour.translate_sites(list(range(len(neighbour))), [0.5, 0.0, 0.0], to_unit_cell=False)
    found = compute((initial, neighbour), 0.1)
    assert not found.converged
    assert found.attempt_frequency is None
    assert "0 at its saddle, not 0 and 1" in found.warnings[0]


def test_refused_structures(hop: tuple[Structure, Structure]) -> None:
    initial, saddle = hop
    with pytest.raises(PrefactorError, match="same state"):
        compute((initial, initial.copy()), 0.1)
    with pytest.raises(PrefactorError, match="Cu30"):
        compute((initial, Structure.from_sites(saddle[:-1])), 0.1)
    with pytest.raises(PrefactorError, match="valid: 0 to 30"):
        PrefactorMaker.compute.original(PrefactorMaker(engine="emt"), initial, saddle, 31, "")


@pytest.mark.parametrize("origin", ["in one job", "a job each"])
def test_job(
    origin: str,
    hop: tuple[Structure, Structure],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maker = PrefactorMaker(engine="emt", radius=0.1)
    job, again = maker.make(*hop, MOVER, "Cu"), maker.make(*hop, MOVER, "Cu")
    assert job.uuid == again.uuid
    assert job.uuid != PrefactorMaker(engine="emt", radius=0.2).make(*hop, MOVER, "Cu").uuid
    assert job.output_schema is PrefactorDoc
    direct = compute(hop, 0.1)
    if origin == "a job each":  # as for an engine without a calculator of ase
        monkeypatch.setattr(prefactors, "displacement_calculator", lambda engine: None)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(job, store=store, log=False, root_dir=tmp_path, ensure_success=True)
    document = PrefactorDoc.model_validate(store.get_output(job.uuid, load=True))
    assert document.attempt_frequency == pytest.approx(direct.attempt_frequency, rel=NUMERICAL)
    assert document.force_evaluations == 14
    assert document.engine == "emt"
    jobs = {"in one job": 1, "a job each": 1 + 14 + 2}  # and jobflow's reference to the output
    assert store.count() == jobs[origin]
