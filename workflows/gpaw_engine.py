"""GPAW as an engine: atomate2's ASE makers with a calculator of one of the presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ase.calculators.calculator import Calculator
from atomate2.ase.jobs import AseRelaxMaker
from atomate2.ase.schemas import AseResult, AseStructureTaskDoc
from pymatgen.core import Structure

from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import Engine, make_engine, package_version
from misei.workflows.gpaw_calculator import PRESETS, RESTART_FILE, GpawModel
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.saddles import SaddleMaker


def _calculator(preset: str) -> SharedCalculator:
    return SharedCalculator(GpawModel(PRESETS[preset]), f"gpaw {PRESETS[preset].label()}")


@dataclass
class GpawRelaxMaker(AseRelaxMaker):  # type: ignore[misc]
    """atomate2's relaxation with GPAW; the k-points stay those of the first cell."""

    preset: str = "standard"

    def _get_calculator(self) -> Calculator:
        return _calculator(self.preset)

    def run_ase(self, mol_or_struct: Structure, prev_dir: Any = None) -> AseResult:
        """Relax as atomate2 does, then remove what only a restart would need."""
        self.calculator.model.fix_grid(mol_or_struct.to_ase_atoms())
        result = super().run_ase(mol_or_struct, prev_dir)
        RESTART_FILE.unlink(missing_ok=True)
        return result


@dataclass
class GpawSaddleMaker(SaddleMaker):
    """Saddles by GPAW."""

    preset: str = "standard"

    def _get_calculator(self) -> Calculator:
        return _calculator(self.preset)

    def run_ase(self, guess: PathGuess, prev_dir: str | None = None) -> PathDoc:
        """Search as for any engine, then remove what only a restart would need."""
        path = super().run_ase(guess, prev_dir)
        RESTART_FILE.unlink(missing_ok=True)
        return path


def gpaw_engine(preset: str, fmax: float, saddle: SaddleSettings | None) -> Engine:
    """Return the engine of a preset of :data:`PRESETS`.

    Parameters
    ----------
    preset
        ``fast`` or ``standard``.
    fmax, saddle
        As :func:`misei.workflows.engines.get_engine`.
    """
    packages = " ".join(f"{p} {package_version(p)}" for p in ("gpaw", "gpaw-data"))
    return make_engine(
        f"gpaw-{preset}",
        f"{packages}, {PRESETS[preset].label()}",
        GpawRelaxMaker,
        GpawSaddleMaker,
        AseStructureTaskDoc,
        "MP2020",
        fmax,
        saddle,
        energies_from="DFT",
        preset=preset,
    )
