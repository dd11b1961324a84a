"""GPAW as a calculator that many structures can share: k-points, slabs, convergence, restart.

GPAW (Mortensen et al., J. Chem. Phys. 160, 092503 (2024), 10.1063/5.0182685) in plane waves with
PBE. It is imported when something is evaluated, not before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.io.ase import AseAtomsAdaptor

from misei.structures.vacuum import slab_centre, vacuum_axis
from misei.workflows.gpaw_presets import PRESETS, GpawPreset
from misei.workflows.gpaw_restart import read_restart, remove_restart, write_restart
from misei.workflows.journal import current_journal

__all__ = [
    "PRESETS",
    "GpawCalculator",
    "GpawError",
    "GpawModel",
    "GpawNotInstalledError",
    "GpawPreset",
    "kpoint_grid",
]

PROPERTIES = ("energy", "free_energy", "forces", "stress")
LOG_FILE = "gpaw.txt"
# Evaluations shorter than this cost less than writing and reading their wave functions.
RESTART_AFTER_S = 30.0
# Atoms relaxed by another engine are this near to symmetric sites, angstrom; with GPAW's own 1e-7
# their symmetry is lost, and an evaluation takes several times as long.
SYMMETRY_TOLERANCE = 1e-3
# Iterations to self-consistency before a calculation starts anew with gentler mixing, and then.
ITERATIONS = 200
PATIENT_ITERATIONS = 600
GENTLE_MIXING = {"beta": 0.02, "nmaxold": 3, "weight": 100.0}
# With a dipole layer charge sloshes between two different faces: 18 atoms of Li on LiF (400 eV)
# took GPAW's own mixing 94 iterations, 35 without the layer, and Pulay's mixing 52 with it.
OPEN_SLAB = {
    "poissonsolver": {"dipolelayer": "xy"},
    "mixer": {"backend": "pulay", "beta": 0.05, "nmaxold": 5, "weight": 100.0},
}
# Elements whose crystals or ions carry a moment in PBE; their atoms start with it, Bohr magnetons.
START_MOMENTS = {"Cr": 3.0, "Mn": 4.0, "Fe": 3.0, "Co": 2.0, "Ni": 1.0}


class GpawNotInstalledError(ModuleNotFoundError):
    """GPAW or its PAW sets are missing."""


class GpawError(RuntimeError):
    """GPAW gave no result, in one line."""


def kpoint_grid(atoms: Atoms, kspacing: float) -> tuple[int, int, int]:
    """Return the grid whose points are at most a distance apart, one point across a vacuum.

    Parameters
    ----------
    atoms
        Crystal or slab.
    kspacing
        1/angstrom, factor 2 pi included.
    """
    # The slack keeps a grid where relaxations end a hair from a whole number.
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    grid = [max(1, math.ceil(length / kspacing - 1e-3)) for length in lengths]
    vacuum = vacuum_axis(AseAtomsAdaptor.get_structure(atoms))
    if vacuum is not None:
        grid[vacuum] = 1
    return grid[0], grid[1], grid[2]


class GpawCalculator(Calculator):  # type: ignore[misc]
    """What GPAW's calculators share, in this process or on ranks of their own.

    Parameters
    ----------
    preset
        Accuracy.
    """

    name = "gpaw"

    def __init__(self, preset: GpawPreset) -> None:
        super().__init__()
        self.implemented_properties = list(PROPERTIES)
        self.preset = preset
        self.grid: tuple[int, int, int] | None = None

    def fix_grid(self, atoms: Atoms | None) -> None:
        """Keep the k-points of a structure while its cell relaxes; None: by each structure."""
        self.grid = None if atoms is None else kpoint_grid(atoms, self.preset.kspacing)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate energy (eV), forces (eV/angstrom) and stress (eV/angstrom^3).

        Raises
        ------
        GpawError
            When the density does not become self-consistent, or the ranks end.
        """
        super().calculate(atoms, properties, system_changes)
        self.results = self._evaluate(cast(Atoms, self.atoms))

    def _evaluate(self, atoms: Atoms) -> dict[str, Any]:
        raise NotImplementedError

    def close(self) -> None:
        """End what was started for the evaluations."""

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work of a job; what only its restart would need is removed when it succeeds."""
        try:
            yield
        finally:
            self.close()
        if (folder := job_folder()) is not None:
            remove_restart(folder)


class GpawModel(GpawCalculator):
    """One GPAW calculation that is moved from structure to structure.

    Density and wave functions of the last structure start the next one. In a job's folder they
    are saved where an evaluation took long, and a job that is started again goes on from them.

    Attributes
    ----------
    folder
        Of the job; by default that of the job that runs in this process.
    """

    def __init__(self, preset: GpawPreset) -> None:
        super().__init__(preset)
        self.folder: Path | None = None
        self._dft: Any = None
        self._set_up: tuple[Any, ...] = ()

    def _evaluate(self, atoms: Atoms) -> dict[str, Any]:
        start = perf_counter()
        prepared = prepare(atoms)
        grid = self.grid or kpoint_grid(atoms, self.preset.kspacing)
        set_up = (tuple(prepared.numbers), tuple(prepared.pbc), grid)
        if set_up != self._set_up:
            self._dft, self._set_up = None, set_up
        with one_thread():
            results = self._converge(prepared, grid)
        folder = self.folder or job_folder()
        # All ranks must agree: their clocks do not.
        if folder and self._dft.comm.max_scalar(perf_counter() - start) > RESTART_AFTER_S:
            write_restart(self._dft, folder)
        return results

    def _converge(self, atoms: Atoms, grid: tuple[int, int, int]) -> dict[str, Any]:
        """Return the results of the first of three ways that leads to any."""
        from gpaw import KohnShamConvergenceError
        from gpaw.new.symmetry import SymmetryBrokenError

        for begin in (self._go_on, self._begin, self._begin_gently):
            if (dft := begin(atoms, grid)) is None:
                continue
            self._dft = None
            try:
                results = _results(dft, atoms)
            # A structure may have less symmetry than the one before.
            except (KohnShamConvergenceError, SymmetryBrokenError):
                continue
            self._dft = dft
            return results
        raise GpawError(
            f"GPAW: {atoms.get_chemical_formula(empirical=True)} ({len(atoms)} atoms) is not "
            f"self-consistent after {ITERATIONS} iterations, nor after {PATIENT_ITERATIONS} with "
            f"gentler mixing ({self.preset.label()})"
        )

    def _go_on(self, atoms: Atoms, grid: tuple[int, int, int]) -> Any:
        folder = self.folder or job_folder()
        if self._dft is not None or folder is None:
            return self._dft
        return read_restart(folder, atoms, self._new(atoms, grid, txt=None), str(folder / LOG_FILE))

    def _begin(self, atoms: Atoms, grid: tuple[int, int, int]) -> Any:
        return self._new(atoms, grid, _log(self.folder or job_folder()))

    def _begin_gently(self, atoms: Atoms, grid: tuple[int, int, int]) -> Any:
        patience = {"mixer": GENTLE_MIXING, "maxiter": PATIENT_ITERATIONS}
        return self._new(atoms, grid, _log(self.folder or job_folder()), **patience)

    def _new(
        self, atoms: Atoms, grid: tuple[int, int, int], txt: str | None, **patience: Any
    ) -> Any:
        GPAW, PW = import_gpaw()
        preset = self.preset
        slab = {} if all(atoms.pbc) else OPEN_SLAB
        return GPAW(
            mode=PW(preset.cutoff_eV(set(atoms.symbols))),
            xc="PBE",
            kpts={"size": grid, "gamma": True},
            occupations={"name": "fermi-dirac", "width": preset.smearing_eV},
            convergence={"density": preset.density_tolerance},
            symmetry={"tolerance": SYMMETRY_TOLERANCE},
            txt=txt,
            **{"maxiter": ITERATIONS, **slab, **patience},
        )


def import_gpaw() -> tuple[Any, Any]:
    """Return GPAW's calculator and its plane waves.

    Raises
    ------
    GpawNotInstalledError
        When it is not there.
    """
    try:
        from gpaw import GPAW, PW
    except ModuleNotFoundError as error:
        raise GpawNotInstalledError(
            "GPAW is not installed; `misei doctor --engine gpaw-fast` says how"
        ) from error
    return GPAW, PW


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread: ranks share out a calculation, threads only slow it down.

    Whatever ``OMP_NUM_THREADS`` says: its matrices are so small that threads wait for each other.
    """
    import_gpaw()
    import gpaw.cgpaw  # noqa: F401  loads the BLAS that GPAW is linked with
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def job_folder() -> Path | None:
    """Folder of the job that runs in this process, where its runner keeps journals."""
    journal = current_journal()
    return None if journal is None else journal.path.parent


def _log(folder: Path | None) -> str | None:
    return None if folder is None else str(folder / LOG_FILE)


def prepare(atoms: Atoms) -> Atoms:
    """Return a copy as GPAW wants it: slabs open across their vacuum, moments to start from.

    Only a slab whose vacuum lies along z is opened, for the dipole layer (Bengtsson, Phys. Rev. B
    59, 12301 (1999)); a vacuum elsewhere stays periodic. The layer is the top of the cell: a slab
    goes into the middle, or the layer would cut through the electrons of a face near the top.
    """
    prepared = atoms.copy()
    prepared.calc = None
    along_z = not np.any(np.abs([*atoms.cell[2, :2], *atoms.cell[:2, 2]]) > 1e-8)
    structure = AseAtomsAdaptor.get_structure(atoms)
    if along_z and vacuum_axis(structure) == 2:
        prepared.pbc = (True, True, False)
        scaled = prepared.get_scaled_positions(wrap=False)
        scaled[:, 2] = (scaled[:, 2] - slab_centre(structure, 2) + 0.5) % 1.0
        prepared.set_scaled_positions(scaled)
    moments = [START_MOMENTS.get(symbol, 0.0) for symbol in prepared.symbols]
    if any(moments):
        prepared.set_initial_magnetic_moments(moments)
    return prepared


def _results(dft: Any, atoms: Atoms) -> dict[str, Any]:
    return {
        "energy": dft.get_potential_energy(atoms),
        "free_energy": dft.get_potential_energy(atoms, force_consistent=True),
        "forces": dft.get_forces(atoms),
        "stress": dft.get_stress(atoms),
    }
