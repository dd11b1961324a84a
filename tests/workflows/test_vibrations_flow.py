"""Vibrations of metals by EMT: identities, sum rule, stability and its modes, bands, resume."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT
from ase.vibrations import Vibrations
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure
from scipy import constants
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

from misei.launchers.local import run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.screening.results import find_documents
from misei.screening.schemas_vibrations import FreeEnergyRangeError, VibrationsDoc
from misei.structures.prototypes import load_prototypes
from misei.structures.supercells import primitive_cell
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import get_engine
from misei.workflows.vibrations import DisplacedCellMaker, VibrationsMaker

KB = constants.k / constants.e  # eV/K
HBAR = constants.hbar / constants.e  # eV s
MAKER = VibrationsMaker(engine="emt", min_length=9.0, mesh_length=40.0)
HOT = 1000.0  # K
# Of C_v / 3 kB: the next term of its high-temperature series is 2e-5 for Al, and the relaxation
# and the displacement leave 1e-4 in the force constant.
HEAT_CAPACITY_TOLERANCE = 2e-4
# THz; EMT forces are smooth, what is left is third order in the displacement.
SUM_RULE_TOLERANCE = 1e-3
# THz, of documents that keep four digits.
DEGENERATE = 2e-4
# THz; phonopy and ase differ in the third order of the displacement, and by the sum rule.
BY_HAND = 0.01
# eV/angstrom, below the force tolerance of the relaxation.
SKEW = 2e-4
# Of the integral over a density of states of 200 points.
SAMPLED = 0.01
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


def test_bands_meet_the_symmetry_of_the_crystal(aluminium: VibrationsDoc) -> None:
    bands = aluminium.bands
    assert bands is not None
    at = {segment.end_label: np.array(bands.frequencies[segment.end]) for segment in bands.segments}
    # Two transverse modes of one frequency and a longitudinal one; at W the other way round.
    for point in ("X", "L"):
        assert at[point][0] == pytest.approx(at[point][1], abs=DEGENERATE)
        assert at[point][2] > at[point][1] + 1
    assert at["W"][2] == pytest.approx(at["W"][1], abs=DEGENERATE)
    assert at["W"][1] > at["W"][0] + 1
    assert at["\\Gamma"] == pytest.approx(0.0, abs=DEGENERATE)
    assert aluminium.imaginary_on_path == []


def test_the_density_of_states_counts_the_modes(aluminium: VibrationsDoc) -> None:
    density = aluminium.density
    assert density is not None
    modes = trapezoid(density.densities, density.frequencies)
    assert modes == pytest.approx(3 * aluminium.natoms, rel=SAMPLED)


@pytest.fixture(scope="module")
def bcc_copper(tmp_path_factory: pytest.TempPathFactory) -> VibrationsDoc:
    crystal = Structure(Lattice.cubic(2.85), ["Cu", "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    maker = VibrationsMaker(engine="emt", min_length=7.2, mesh_length=30.0)
    return compute(maker, crystal, tmp_path_factory.mktemp("copper"))


def supercell_frequencies(document: VibrationsDoc) -> list[float]:
    """All modes of the supercell in THz, by differences of the forces in ase alone."""
    cell = np.array(document.supercell) @ document.structure.lattice.matrix
    atoms = make_supercell(document.structure.to_ase_atoms(msonable=False), document.supercell)
    assert atoms.cell.array == pytest.approx(cell)
    atoms.calc = EMT()
    with TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, name=folder)
        vibrations.run()
        energies = vibrations.get_energies()
    return np.sort((energies.real - np.abs(energies.imag)) / (HBAR * 2e12 * np.pi)).tolist()


def test_imaginary_modes_are_those_of_the_supercell(bcc_copper: VibrationsDoc) -> None:
    """A supercell's own modes are those at the q points that fit it."""
    assert not bcc_copper.dynamically_stable
    listed = [f for mode in bcc_copper.imaginary for f in [mode.frequency] * mode.count]
    direct = [f for f in supercell_frequencies(bcc_copper) if f < -bcc_copper.imaginary_tolerance]
    assert 0 < len(direct) == bcc_copper.imaginary_modes < 3 * bcc_copper.supercell_natoms
    assert listed == pytest.approx(direct, abs=BY_HAND)
    lowest = bcc_copper.imaginary[0]
    assert (lowest.q, lowest.frequency) == (
        bcc_copper.lowest_frequency_q,
        pytest.approx(bcc_copper.lowest_frequency, abs=DEGENERATE),
    )
    assert 0 < bcc_copper.omitted_fraction < 1


def test_interpolated_imaginary_modes_are_apart(bcc_copper: VibrationsDoc) -> None:
    bands = bcc_copper.bands
    assert bands is not None
    found = bcc_copper.imaginary_on_path
    assert found[0].frequency == np.min(bands.frequencies)
    assert len({mode.q for mode in found}) == len(found) <= len(bands.segments)
    for mode in found:
        values = np.array(bands.frequencies[bands.qpoints.index(mode.q)])
        assert mode.count == (values < -bcc_copper.imaginary_tolerance).sum()


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
    # Other temperatures or another name need no forces again.
    maker.temperatures_K = (0.0, 300.0, 600.0)
    warmer = run_flows([maker.make(crystal, "Cu", "Cu-other")], store, tmp_path, InlinePool())
    assert warmer.computed == ["vibrations of Cu-other"]


@pytest.mark.parametrize("engine", ["emt", "vasp"])
def test_the_jobs_of_a_flow_are_keyed_by_content(engine: str) -> None:
    crystal = primitive_cell(load_prototypes()["Cu-225"].structure())
    maker = VibrationsMaker(engine=engine)
    flow, again = maker.make(crystal), maker.make(crystal)
    uuids = [job.uuid for job, _ in flow.iterflow()]
    assert uuids == [job.uuid for job, _ in again.iterflow()]
    displaced = DisplacedCellMaker(engine=engine)
    static, same = displaced.make(crystal), displaced.make(crystal, prev_dir="elsewhere")
    assert static.uuid == same.uuid
    assert static.output_schema is get_engine(engine).task_schema


def test_forces_that_break_the_symmetry_cancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A potential's forces may lack the symmetry by which displacements are saved."""
    crystal = load_prototypes()["Cu-225"].structure()
    exact = compute(MAKER, crystal, tmp_path / "exact")
    evaluate = SharedCalculator.calculate

    def skewed(self: SharedCalculator, *args: Any, **kwargs: Any) -> None:
        evaluate(self, *args, **kwargs)
        push = np.zeros_like(self.results["forces"])
        push[:, 0] = SKEW * (-1.0) ** np.arange(len(push))
        self.results["forces"] = self.results["forces"] + push

    monkeypatch.setattr(SharedCalculator, "calculate", skewed)
    found = compute(MAKER, crystal, tmp_path / "skewed")
    assert found.residual_force == pytest.approx(SKEW, rel=1e-3)
    assert found.lowest_frequency == pytest.approx(exact.lowest_frequency, abs=1e-4)
