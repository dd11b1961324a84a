"""GPAW as a calculator that many structures can share: presets, k-points, restart.

GPAW (Mortensen et al., J. Chem. Phys. 160, 092503 (2024), 10.1063/5.0182685) in plane waves with
PBE. It is imported when something is evaluated, not before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.io.ase import AseAtomsAdaptor

from misei.structures.vacuum import vacuum_axis
from misei.workflows.journal import current_journal

RESTART_FILE = Path("restart.gpw")
# Evaluations shorter than this cost less than writing and reading their wave functions.
RESTART_AFTER_S = 30.0
# How fast the PAW sets of gpaw-data 1.2 converge with the cut-off, from crystals of each element
# (benchmarks/gpaw_convergence.py). Soft: 340 eV leave less than 25 meV/atom and 0.2 GPa. Semicore:
# 520 eV leave less than 15 meV/atom (Cu 43, Au 23) and 0.5 GPa. All others are taken as hard:
# O, N and F, of which 700 eV leave 5, 20 and 35 meV/atom and 1, 2.5 and 1 GPa.
SOFT = frozenset({"Li", "Al", "Si", "P", "S", "Cl", "Ga", "Ge", "As", "Se", "Br", "I"})
SEMICORE = frozenset(
    {"B", "C", "Mg", "Ca", "Cu", "Zn", "Ag", "Cd", "In", "Sn", "Sb", "Au", "Hg", "Pb", "Bi"}
)
# Elements whose crystals or ions carry a moment in PBE; their atoms start with it, Bohr magnetons.
START_MOMENTS = {"Cr": 3.0, "Mn": 4.0, "Fe": 3.0, "Co": 2.0, "Ni": 1.0}


@dataclass(frozen=True)
class GpawPreset:
    """How exact an evaluation is; what each costs and leaves is in docs/engines.md.

    Attributes
    ----------
    cutoffs_eV
        Of the plane waves, for soft, semicore and hard elements; the hardest element of a structure
        counts. What is left of an atom's error is the same in all cells that hold its element, and
        cancels where cells with the same hardest element are compared.
    kspacing
        Largest distance between k-points, 1/angstrom, factor 2 pi included (VASP's KSPACING);
        one point across a vacuum. Grids are centred on Gamma.
    smearing_eV
        Width of the Fermi-Dirac distribution; energies are extrapolated to zero width.
    density_tolerance
        Change of the density between the last iterations, electrons per valence electron.
    """

    cutoffs_eV: tuple[float, float, float]
    kspacing: float
    smearing_eV: float
    density_tolerance: float

    def cutoff_eV(self, elements: Iterable[str]) -> float:
        """Cut-off for a structure of these elements, eV."""
        hardness = [0 if e in SOFT else 1 if e in SEMICORE else 2 for e in elements]
        return self.cutoffs_eV[max(hardness)]

    def label(self) -> str:
        """Everything that changes a result, in words."""
        cutoffs = "/".join(f"{cutoff:g}" for cutoff in self.cutoffs_eV)
        return (
            f"PBE, plane waves to {cutoffs} eV, k-points {self.kspacing:g}/A apart, "
            f"Fermi-Dirac {self.smearing_eV:g} eV, density to {self.density_tolerance:g}"
        )


PRESETS = {
    "fast": GpawPreset(
        (340.0, 520.0, 700.0), kspacing=0.25, smearing_eV=0.2, density_tolerance=1e-4
    ),
    "standard": GpawPreset(
        (450.0, 600.0, 850.0), kspacing=0.15, smearing_eV=0.1, density_tolerance=1e-5
    ),
}


class GpawNotInstalledError(ModuleNotFoundError):
    """GPAW or its PAW sets are missing."""


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


class GpawModel(Calculator):  # type: ignore[misc]
    """One GPAW calculation that is moved from structure to structure.

    Density and wave functions of the last structure start the next one. In a job's folder they
    are saved where an evaluation took long, and a job that is started again goes on from them.

    Parameters
    ----------
    preset
        Accuracy.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress")
    name = "gpaw"

    def __init__(self, preset: GpawPreset) -> None:
        super().__init__()
        self.preset = preset
        self.grid: tuple[int, int, int] | None = None
        self._dft: Any = None
        self._set_up: tuple[Any, ...] = ()

    def fix_grid(self, atoms: Atoms | None) -> None:
        """Keep the k-points of a structure while its cell relaxes; None: by each structure."""
        self.grid = None if atoms is None else kpoint_grid(atoms, self.preset.kspacing)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate energy (eV), forces (eV/angstrom) and stress (eV/angstrom^3)."""
        super().calculate(atoms, properties, system_changes)
        start = perf_counter()
        prepared = _prepared(self.atoms)
        grid = self.grid or kpoint_grid(self.atoms, self.preset.kspacing)
        set_up = (tuple(prepared.numbers), tuple(prepared.pbc), grid)
        if set_up != self._set_up:
            self._dft, self._set_up = self._read_restart(set_up), set_up
        if self._dft is None:
            self._dft = self._new(prepared, grid)
        from gpaw.new.symmetry import SymmetryBrokenError

        try:
            self.results = _results(self._dft, prepared)
        except SymmetryBrokenError:
            self._dft = self._new(prepared, grid)
            self.results = _results(self._dft, prepared)
        if perf_counter() - start > RESTART_AFTER_S:
            self._write_restart()

    def _new(self, atoms: Atoms, grid: tuple[int, int, int]) -> Any:
        GPAW, PW = _import_gpaw()
        preset = self.preset
        slab = {} if all(atoms.pbc) else {"poissonsolver": {"dipolelayer": "xy"}}
        return GPAW(
            mode=PW(preset.cutoff_eV(atoms.symbols)),
            xc="PBE",
            kpts={"size": grid, "gamma": True},
            occupations={"name": "fermi-dirac", "width": preset.smearing_eV},
            convergence={"density": preset.density_tolerance},
            txt="gpaw.txt" if _in_job_folder() else None,
            **slab,
        )

    def _write_restart(self) -> None:
        if not _in_job_folder():
            return
        unfinished = RESTART_FILE.with_suffix(".part.gpw")
        self._dft.write(str(unfinished), mode="all", precision="single")
        os.replace(unfinished, RESTART_FILE)

    def _read_restart(self, set_up: tuple[Any, ...]) -> Any:
        if not (_in_job_folder() and RESTART_FILE.is_file()):
            return None
        GPAW, _ = _import_gpaw()
        dft = GPAW(str(RESTART_FILE), txt="gpaw.txt")
        grid = tuple(dft.params.kpts.size)
        same = (tuple(dft.atoms.numbers), tuple(dft.atoms.pbc), grid) == set_up
        return (
            dft
            if same and dft.params.mode.ecut == self.preset.cutoff_eV(dft.atoms.symbols)
            else None
        )


def _import_gpaw() -> tuple[Any, Any]:
    try:
        from gpaw import GPAW, PW
    except ModuleNotFoundError as error:
        raise GpawNotInstalledError(
            "GPAW is not installed; `misei doctor --engine gpaw-fast` says how"
        ) from error
    return GPAW, PW


def _in_job_folder() -> bool:
    return current_journal() is not None


def _prepared(atoms: Atoms) -> Atoms:
    """Return a copy as GPAW wants it: slabs open across their vacuum, moments to start from.

    Only a slab whose vacuum lies along z is opened, for the dipole layer (Bengtsson, Phys. Rev. B
    59, 12301 (1999)); a vacuum elsewhere stays periodic.
    """
    prepared = atoms.copy()
    prepared.calc = None
    along_z = not np.any(np.abs([*atoms.cell[2, :2], *atoms.cell[:2, 2]]) > 1e-8)
    if along_z and vacuum_axis(AseAtomsAdaptor.get_structure(atoms)) == 2:
        prepared.pbc = (True, True, False)
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
