"""GPAW as a calculator: k-points, slabs, forces, convergence, restarts, ranks."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bcc100, bulk
from gpaw_systems import COARSE, displaced_lithium, evaluate, iterations, running_job
from threadpoolctl import threadpool_info, threadpool_limits

from misei.workflows import gpaw_calculator
from misei.workflows.gpaw_calculator import (
    PRESETS,
    GpawError,
    GpawModel,
    GpawNotInstalledError,
    GpawPreset,
    kpoint_grid,
    prepare,
)
from misei.workflows.gpaw_ranks import GpawRanks, essence
from misei.workflows.gpaw_restart import RESTART_FILE, UNFINISHED_FILE

try:
    from gpaw import cgpaw
except ImportError:
    cgpaw = None

needs_gpaw = pytest.mark.skipif(cgpaw is None, reason="GPAW is not installed")
needs_mpi = pytest.mark.skipif(
    cgpaw is None or not cgpaw.have_mpi or shutil.which("mpiexec") is None,
    reason="GPAW was built without MPI, or there is no mpiexec",
)

# Densities to 1e-5 electrons per electron.
SAME_ENERGY_EV = 1e-4
SAME_FORCE = 5e-3  # eV/angstrom
# Central differences of 0.02 angstrom, and a real-space grid that does not move with the atoms.
DIFFERENCES = 5e-3  # eV/angstrom
# Tails of the densities that still meet across 10 angstrom of vacuum.
ACROSS_VACUUM_EV = 0.003
# Sums over two ranks are taken in another order.
SUMMED_EV = 1e-8


# k-points


@pytest.mark.parametrize("kspacing", [0.15, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("a", [3.0, 3.44, 6.0])
def test_no_k_points_are_farther_apart_than_asked(a: float, kspacing: float) -> None:
    crystal = bulk("Li", "bcc", a=a, cubic=True)
    grid = kpoint_grid(crystal, kspacing)
    apart = 2 * np.pi / a / np.array(grid)
    assert np.all(apart <= kspacing * 1.001)
    # And one point fewer would not do.
    assert all(n == 1 or 2 * np.pi / a / (n - 1) > kspacing for n in grid)


def test_one_k_point_across_a_vacuum_wherever_it_lies() -> None:
    slab = bcc100("Li", (1, 1, 5), a=3.44, vacuum=5.0)
    grid = kpoint_grid(slab, 0.25)
    assert grid == (8, 8, 1)
    turned = Atoms(slab.symbols, slab.positions[:, [2, 0, 1]], cell=slab.cell.lengths()[[2, 0, 1]])
    turned.pbc = True
    assert kpoint_grid(turned, 0.25) == (1, 8, 8)


def test_a_grid_stays_while_its_cell_relaxes() -> None:
    model = GpawModel(COARSE)
    crystal = bulk("Li", "bcc", a=3.44)
    model.fix_grid(crystal)
    assert model.grid == kpoint_grid(crystal, COARSE.kspacing)
    model.fix_grid(None)
    assert model.grid is None


def test_slabs_are_opened_across_their_vacuum() -> None:
    slab = bcc100("Li", (1, 1, 3), a=3.44, vacuum=4.0)
    slab.pbc = True
    assert prepare(slab).pbc.tolist() == [True, True, False]
    assert prepare(bulk("Li")).pbc.all()
    assert slab.pbc.all(), "a copy was changed"


def test_a_slab_goes_into_the_middle_of_its_cell() -> None:
    slab = bcc100("Li", (1, 1, 3), a=3.44, vacuum=4.0)
    slab.pbc = True
    for shift in (-3.0, 2.5, 6.0):
        moved = slab.copy()
        moved.positions[:, 2] += shift
        heights = prepare(moved).positions[:, 2]
        assert heights == pytest.approx(slab.positions[:, 2], abs=1e-9)
        assert moved.positions[0, 2] == pytest.approx(slab.positions[0, 2] + shift)


def test_magnetic_atoms_start_with_a_moment() -> None:
    assert prepare(bulk("Fe")).get_initial_magnetic_moments().tolist() == [3.0]
    assert not prepare(bulk("Al")).has("initial_magmoms")


def test_gpaw_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "gpaw", None)
    with pytest.raises(GpawNotInstalledError, match="misei doctor --engine gpaw-fast"):
        GpawModel(COARSE).calculate(bulk("Li"))


# Energies and forces


@needs_gpaw
def test_forces_are_the_slope_of_the_free_energy() -> None:
    """Of the energy extrapolated to zero width they are not, but nearly."""
    exact, h = replace(COARSE, density_tolerance=1e-7), 0.02
    before, here, after = (evaluate(displaced_lithium(0.1 + step), exact) for step in (-h, 0.0, h))
    force = here["forces"][0, 0]
    assert abs(force) > 20 * DIFFERENCES
    slope = (after["free_energy"] - before["free_energy"]) / (2 * h)
    assert force == pytest.approx(-slope, abs=DIFFERENCES)
    assert np.abs(here["forces"].sum(axis=0)).max() < DIFFERENCES
    assert here["free_energy"] < here["energy"]


@needs_gpaw
def test_a_slab_of_two_faces_does_not_feel_its_images() -> None:
    energies, faces = [], []
    for vacuum in (10.0, 14.0):
        slab = bcc100("Li", (1, 1, 3), a=3.44, vacuum=vacuum / 2)
        slab.symbols[-1] = "Al"
        model = GpawModel(COARSE)
        model.calculate(slab)
        energies.append(model.results["energy"])
        faces.append(model._dft.dft.workfunctions())
    assert energies[0] == pytest.approx(energies[1], abs=ACROSS_VACUUM_EV)
    # Without a dipole layer both sides would have one vacuum level.
    assert all(abs(bottom - top) > 0.5 for bottom, top in faces)


@needs_gpaw
def test_a_slab_is_the_same_wherever_it_lies_in_its_cell() -> None:
    slab = bcc100("Li", (1, 1, 3), a=3.44, vacuum=4.0)
    slab.symbols[-1] = "Al"
    slab.pbc = True
    moved = slab.copy()
    moved.positions[:, 2] += 3.0  # one face is 1 angstrom below the top of the cell
    here, there = evaluate(slab), evaluate(moved)
    assert here["energy"] == pytest.approx(there["energy"], abs=ACROSS_VACUUM_EV)
    assert here["forces"] == pytest.approx(there["forces"], abs=DIFFERENCES)


@needs_gpaw
def test_symmetry_survives_the_noise_of_another_engine_s_relaxation() -> None:
    perfect = bulk("Al", cubic=True)
    noisy = perfect.copy()
    noisy.positions += 1e-4 * np.random.default_rng(0).uniform(-1, 1, (4, 3))
    counts = []
    for atoms in (perfect, noisy):
        model = GpawModel(COARSE)
        model.calculate(atoms)
        counts.append(len(model._dft.dft.ibzwfs.ibz.symmetries))
    assert counts[0] == counts[1] > 40


@needs_gpaw
def test_a_structure_that_loses_symmetry_is_begun_anew() -> None:
    model = GpawModel(COARSE)
    model.calculate(displaced_lithium(0.0))
    assert np.abs(model.results["forces"]).max() < SAME_FORCE
    model.calculate(displaced_lithium())
    alone = evaluate(displaced_lithium())
    assert model.results["energy"] == pytest.approx(alone["energy"], abs=SAME_ENERGY_EV)
    assert model.results["forces"] == pytest.approx(alone["forces"], abs=SAME_FORCE)


@needs_gpaw
def test_a_second_try_is_more_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    sure = evaluate(bulk("Li", "bcc", a=3.44))
    monkeypatch.setattr(gpaw_calculator, "ITERATIONS", 2)
    again = evaluate(bulk("Li", "bcc", a=3.44))
    assert again["energy"] == pytest.approx(sure["energy"], abs=SAME_ENERGY_EV)


@needs_gpaw
def test_what_never_converges_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpaw_calculator, "ITERATIONS", 2)
    monkeypatch.setattr(gpaw_calculator, "PATIENT_ITERATIONS", 3)
    model = GpawModel(COARSE)
    with pytest.raises(GpawError) as caught:
        model.calculate(displaced_lithium())
    message = str(caught.value)
    assert "\n" not in message
    assert "Li (2 atoms)" in message
    assert COARSE.label() in message
    # The calculator is not spoilt.
    monkeypatch.undo()
    model.calculate(bulk("Li", "bcc", a=3.44))
    assert model.results["energy"] < 0


# Restarts


@needs_gpaw
def test_a_restart_saves_iterations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_job(tmp_path, monkeypatch):
        first = GpawModel(COARSE)
        first.calculate(displaced_lithium(0.1))
        assert (tmp_path / RESTART_FILE).is_file()
        goes_on, anew = GpawModel(COARSE), GpawModel(COARSE)
        goes_on.calculate(displaced_lithium(0.1))
        assert iterations(goes_on) == 0
        assert goes_on.results["energy"] == first.results["energy"]
        goes_on.calculate(displaced_lithium(0.101))
        goes_on = GpawModel(COARSE)
        goes_on.calculate(displaced_lithium(0.102))
        (tmp_path / RESTART_FILE).unlink()
        anew.calculate(displaced_lithium(0.102))
    assert iterations(goes_on) < iterations(anew)
    assert goes_on.results["energy"] == pytest.approx(anew.results["energy"], abs=SAME_ENERGY_EV)
    assert goes_on.results["forces"] == pytest.approx(anew.results["forces"], abs=SAME_FORCE)


def goes_on(atoms: Atoms, preset: GpawPreset) -> bool:
    """Whether a calculation of these atoms would start from the file in the job's folder."""
    grid = kpoint_grid(atoms, preset.kspacing)
    return GpawModel(preset)._go_on(prepare(atoms), grid) is not None


@needs_gpaw
def test_only_ones_own_whole_restart_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = displaced_lithium()
    with running_job(tmp_path, monkeypatch):
        assert not goes_on(atoms, COARSE)
        GpawModel(COARSE).calculate(atoms)
        assert goes_on(atoms, COARSE)
        assert goes_on(displaced_lithium(0.2), COARSE)
        for other in (bulk("Al"), bulk("Al", cubic=True), atoms * (2, 1, 1)):
            assert not goes_on(other, COARSE)
        for change in (
            {"cutoffs_eV": (250.0, 250.0, 250.0)},
            {"kspacing": 0.8},
            {"smearing_eV": 0.1},
            {"density_tolerance": 1e-6},
        ):
            assert not goes_on(atoms, replace(COARSE, **change)), change
        file = tmp_path / RESTART_FILE
        content = file.read_bytes()
        for part in (0.0, 0.001, 0.5, 0.99):
            file.write_bytes(content[: int(part * len(content))])
            assert not goes_on(atoms, COARSE), part
        again = GpawModel(COARSE)
        again.calculate(atoms)
        assert iterations(again) > 0
        assert goes_on(atoms, COARSE)


@needs_gpaw
def test_a_job_that_ends_well_leaves_no_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_job(tmp_path, monkeypatch):
        model = GpawModel(COARSE)

        def job(ends_well: bool) -> None:
            with model.working():
                (tmp_path / UNFINISHED_FILE).touch()
                (tmp_path / RESTART_FILE).touch()
                if not ends_well:
                    raise GpawError("x")

        with pytest.raises(GpawError):
            job(ends_well=False)
        assert (tmp_path / RESTART_FILE).exists()
        job(ends_well=True)
        assert list(tmp_path.iterdir()) == []


# Ranks


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open MPI wants to be told twice."""
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        monkeypatch.setenv(name, "1")


@needs_mpi
@pytest.mark.usefixtures("as_root")
def test_ranks_give_the_same_and_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = evaluate(displaced_lithium())
    with running_job(tmp_path, monkeypatch):
        ranks = GpawRanks(COARSE, 2, "mpiexec --oversubscribe -n {ranks}")
        with ranks.working():
            ranks.calculate(displaced_lithium())
        process = ranks._server
    assert process is None
    assert ranks.results.keys() == alone.keys()
    for name, value in alone.items():
        assert ranks.results[name] == pytest.approx(value, abs=SUMMED_EV)
    assert [path.name for path in tmp_path.iterdir()] == ["gpaw.txt"]


@needs_mpi
@pytest.mark.usefixtures("as_root")
def test_what_goes_wrong_on_the_ranks_comes_back() -> None:
    ranks = GpawRanks(COARSE, 2, "mpiexec --oversubscribe -n {ranks}")
    touching = Atoms("Li2", positions=[[0, 0, 0], [0, 0, 0.01]], cell=[4, 4, 4], pbc=True)
    with pytest.raises(GpawError, match=r"on 2 ranks ended with .*[Aa]toms"):
        ranks.calculate(touching)
    # The next evaluation has processes of its own.
    ranks.calculate(bulk("Li", "bcc", a=3.44))
    ranks.close()
    assert ranks.results["energy"] < 0


@needs_gpaw
def test_ranks_without_mpi_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Build:
        have_mpi = False

    import gpaw

    monkeypatch.setattr(gpaw, "cgpaw", Build)
    ranks = GpawRanks(PRESETS["fast"], 2, "mpiexec -n {ranks}")
    with pytest.raises(GpawError, match="built without MPI") as caught:
        ranks.calculate(bulk("Li"))
    assert "\n" not in str(caught.value)
    Build.have_mpi = True
    ranks = GpawRanks(PRESETS["fast"], 2, "mpiexec-of-nowhere -n {ranks}")
    with pytest.raises(GpawError, match=r"'mpiexec-of-nowhere' .* not on the PATH"):
        ranks.calculate(bulk("Li"))


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("", "it said nothing"),
        ("-----\nmpiexec has detected an attempt to run as root.\nWe advise", "mpiexec has detec"),
        ("Traceback\n  File x\ngpaw.Error: no setup\nmpiexec ended", "gpaw.Error: no setup"),
    ],
)
def test_what_a_failed_program_says(messages: str, said: str) -> None:
    assert essence(messages).startswith(said)


def test_ranks_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = GpawRanks(COARSE, 4, "mpiexec -n {ranks}")
    assert ranks.command == ["mpiexec", "-n", "4"]
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert ranks._environment()["OMP_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "8"


def test_an_evaluation_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gpaw")
    converge, inside = GpawModel._converge, []

    def look(model: GpawModel, *arguments: Any) -> dict[str, Any]:
        results = converge(model, *arguments)
        inside.extend(blas_threads())  # of all that was loaded on the way, too
        return results

    monkeypatch.setattr(GpawModel, "_converge", look)
    with threadpool_limits(3):
        GpawModel(COARSE).calculate(bulk("Li", "bcc", a=3.44))
        assert set(blas_threads()) == {3}
    assert set(inside) == {1}


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
