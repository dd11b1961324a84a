"""Vibrations of fcc metals by EMT: thermodynamic identities, sum rule, stability, resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure
from scipy import constants
from scipy.interpolate import CubicSpline

from misei.launchers.local import run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.screening.results import find_documents
from misei.screening.schemas_vibrations import FreeEnergyRangeError, VibrationsDoc
from misei.structures.prototypes import load_prototypes
from misei.structures.supercells import primitive_cell
from misei.workflows.engines import get_engine
from misei.workflows.vibrations import VibrationsMaker

KB = constants.k / constants.e  # eV/K
HBAR = constants.hbar / constants.e  # eV s
MAKER = VibrationsMaker(engine="emt", min_length=9.0, mesh_length=40.0)
HOT = 1000.0  # K
# Of C_v / 3 kB: the next term of its high-temperature series is 2e-5 for Al, and the relaxation
# and the displacement leave 1e-4 in the force constant.
HEAT_CAPACITY_TOLERANCE = 2e-4
# THz; EMT forces are smooth, what is left is third order in the displacement.
SUM_RULE_TOLERANCE = 1e-3
# eV/K/atom; splines through points 20 K apart, above 100 K, where S is 1e-4 to 6e-4.
SPLINE_TOLERANCE = 2e-7
# eV/atom; cubics through points 40 K apart.
INTERPOLATION_TOLERANCE = 1e-5


def compute(maker: VibrationsMaker, crystal: Structure, folder: Path) -> VibrationsDoc:
    flow = maker.make(crystal)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(
        flow, store=store, log=False, create_folders=True, root_dir=folder, ensure_success=True
    )
    return VibrationsDoc.model_validate(store.get_output(flow.output.uuid, load=True))


@pytest.fixture(scope="module")
def aluminium(tmp_path_factory: pytest.TempPathFactory) -> VibrationsDoc:
    crystal = load_prototypes()["Al-225"].structure()
    return compute(MAKER, crystal, tmp_path_factory.mktemp("aluminium"))


def mean_square_energy(document: VibrationsDoc) -> float:
    """Mean of (h nu)^2 in eV^2, from the force on one atom displaced in ase alone."""
    lattice_constant = (4 * document.structure.volume) ** (1 / 3)
    atoms = bulk("Al", a=lattice_constant).repeat(document.supercell[0][0])
    atoms.calc = EMT()
    forces = []
    for step in (0.01, -0.02):
        atoms.positions[0, 0] += step
        forces.append(atoms.get_forces()[0, 0])
    force_constant = (forces[1] - forces[0]) / 0.02 * constants.e / constants.angstrom**2
    mass = atoms.get_masses()[0] * constants.atomic_mass
    return HBAR**2 * force_constant / mass


def test_the_heat_capacity_approaches_3_kb_as_the_mean_square_frequency_says(
    aluminium: VibrationsDoc,
) -> None:
    """C_v = 3 kB (1 - <(h nu)^2> / 12 (kB T)^2 + ...)."""
    heat_capacity = aluminium.heat_capacities[aluminium.temperatures_K.index(HOT)]
    quantum = mean_square_energy(aluminium) / (12 * (KB * HOT) ** 2)
    assert 0.003 < quantum < 0.01
    assert heat_capacity / (3 * KB) == pytest.approx(1 - quantum, abs=HEAT_CAPACITY_TOLERANCE)


def test_entropy_and_heat_capacity_are_derivatives(aluminium: VibrationsDoc) -> None:
    temperatures = np.array(aluminium.temperatures_K)
    warm = temperatures >= 100
    slope = CubicSpline(temperatures, aluminium.free_energies)(temperatures, 1)
    assert -slope[warm] == pytest.approx(
        np.array(aluminium.entropies)[warm], abs=SPLINE_TOLERANCE, rel=0
    )
    growth = temperatures * CubicSpline(temperatures, aluminium.entropies)(temperatures, 1)
    assert growth[warm] == pytest.approx(
        np.array(aluminium.heat_capacities)[warm], abs=SPLINE_TOLERANCE, rel=0
    )
    assert aluminium.entropies[0] == aluminium.heat_capacities[0] == 0


def test_the_free_energy_starts_at_the_zero_point_energy_and_falls(
    aluminium: VibrationsDoc,
) -> None:
    # At most 3/2 of the root mean square of h nu.
    assert 0 < aluminium.free_energies[0] < 1.5 * mean_square_energy(aluminium) ** 0.5
    assert aluminium.zero_point_energy == aluminium.free_energies[0]
    assert np.all(np.diff(aluminium.free_energies) <= 0)


def test_interpolated_free_energies(aluminium: VibrationsDoc) -> None:
    coarse = aluminium.model_copy(
        update={
            "temperatures_K": aluminium.temperatures_K[::2],
            "free_energies": aluminium.free_energies[::2],
            "entropies": aluminium.entropies[::2],
        }
    )
    for temperature, exact in zip(aluminium.temperatures_K, aluminium.free_energies, strict=True):
        assert aluminium.free_energy(temperature) == pytest.approx(exact, abs=1e-12)
        assert coarse.free_energy(temperature) == pytest.approx(exact, abs=INTERPOLATION_TOLERANCE)
    for outside in (-1.0, 1000.1):
        with pytest.raises(FreeEnergyRangeError, match="0 to 1000 K"):
            aluminium.free_energy(outside)


def test_the_sum_rule_holds_and_the_crystal_is_stable(aluminium: VibrationsDoc) -> None:
    assert aluminium.acoustic_residual < SUM_RULE_TOLERANCE
    assert aluminium.omitted_fraction == 0
    assert aluminium.imaginary_modes == 0
    assert aluminium.dynamically_stable
    assert 0 < aluminium.lowest_frequency < 10
    assert aluminium.converged
    assert aluminium.warnings == []
    assert aluminium.displacements == 1
    assert aluminium.supercell_natoms == 64


def test_bcc_copper_is_unstable(tmp_path: Path) -> None:
    crystal = Structure(Lattice.cubic(2.85), ["Cu", "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    document = compute(MAKER, crystal, tmp_path)
    assert not document.dynamically_stable
    assert document.lowest_frequency < -1
    assert document.imaginary_modes <= 3 * document.supercell_natoms
    assert 0 < document.omitted_fraction < 1


def test_a_supercell_that_would_be_too_large_is_smaller_and_says_so(tmp_path: Path) -> None:
    maker = VibrationsMaker(engine="emt", max_atoms=27, mesh_length=20.0)
    document = compute(maker, load_prototypes()["Ag-225"].structure(), tmp_path)
    assert document.supercell_natoms <= 27
    (warning,) = document.warnings
    assert "instead of 12: more than 27 atoms" in warning


def test_a_second_run_computes_nothing(tmp_path: Path) -> None:
    maker = VibrationsMaker(engine="emt", min_length=6.0, mesh_length=20.0)
    store = open_store(tmp_path / "results.sqlite")
    crystal = load_prototypes()["Cu-225"].structure()
    first = run_flows([maker.make(crystal, "Cu", "Cu-225")], store, tmp_path, InlinePool())
    assert first.failed == {}
    (document,) = find_documents(store, VibrationsDoc, entry_id="Cu-225", engine="emt")
    again = run_flows([maker.make(crystal, "Cu", "Cu-225")], store, tmp_path, InlinePool())
    assert (again.computed, again.failed) == ([], {})
    assert find_documents(store, VibrationsDoc)[0] == document
    # Other temperatures need no forces again.
    maker.temperatures_K = (0.0, 300.0, 600.0)
    warmer = run_flows([maker.make(crystal, "Cu", "Cu-225")], store, tmp_path, InlinePool())
    assert not [name for name in warmer.computed if "displacement" in name or "relax" in name]


def test_every_job_declares_its_schema_and_has_its_own_uuid() -> None:
    crystal = primitive_cell(load_prototypes()["Cu-225"].structure())
    flow, again = MAKER.make(crystal), MAKER.make(crystal)
    assert [job.uuid for job, _ in flow.iterflow()] == [job.uuid for job, _ in again.iterflow()]
    assert all(job.output_schema is not None for job, _ in flow.iterflow())
    assert get_engine("emt").name == MAKER.engine
