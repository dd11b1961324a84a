"""GPAW as an engine: atomate2's ASE makers with a calculator of one of the presets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from ase.calculators.calculator import Calculator
from atomate2.ase.jobs import AseRelaxMaker
from atomate2.ase.schemas import AseResult, AseStructureTaskDoc
from jobflow import Maker
from pymatgen.core import Structure

from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.settings import Settings
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import Engine, make_engine, package_version
from misei.workflows.gpaw_calculator import PRESETS, GpawCalculator, GpawModel, kpoint_grid
from misei.workflows.gpaw_ranks import GpawRanks
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.saddles import SaddleMaker


def _calculator(preset: str) -> SharedCalculator:
    """Return a calculator on as many ranks as the settings say; asked for when a job runs."""
    settings, accuracy = Settings(), PRESETS[preset]  # type: ignore[call-arg]
    model: GpawCalculator = GpawModel(accuracy)
    if settings.gpaw_ranks > 1:
        model = GpawRanks(accuracy, settings.gpaw_ranks, settings.gpaw_mpi_command)
    # ASE makes folders of the slashes in a calculator's label.
    return SharedCalculator(model, f"gpaw {accuracy.label()}".replace("/", "|"))


def _model(calculator: Calculator) -> GpawCalculator:
    return cast(GpawCalculator, cast(SharedCalculator, calculator).model)


@dataclass
class GpawRelaxMaker(AseRelaxMaker):  # type: ignore[misc]
    """atomate2's relaxation with GPAW; the k-points stay those of the first cell.

    Attributes
    ----------
    preset
        One of :data:`PRESETS`.
    grid
        k-points of another cell instead, to which this one will be compared.
    """

    preset: str = "standard"
    grid: tuple[int, int, int] | None = None

    def _get_calculator(self) -> Calculator:
        return _calculator(self.preset)

    def run_ase(self, mol_or_struct: Structure, prev_dir: Any = None) -> AseResult:  # type: ignore[override]
        """Relax as atomate2 does, on one grid of k-points."""
        model = _model(self.calculator)
        model.fix_grid(mol_or_struct.to_ase_atoms())
        if self.grid is not None:
            i, j, k = self.grid
            model.grid = (i, j, k)
        with model.working():
            return super().run_ase(mol_or_struct, prev_dir)


@dataclass
class GpawSaddleMaker(SaddleMaker):
    """Saddles by GPAW."""

    preset: str = "standard"

    def _get_calculator(self) -> Calculator:
        return _calculator(self.preset)

    def run_ase(self, guess: PathGuess, prev_dir: str | None = None) -> PathDoc:  # type: ignore[override]
        """Search as for any engine."""
        with _model(self.calculator).working():
            return super().run_ase(guess, prev_dir)


def on_grid_of(maker: Maker, structure: Structure) -> Maker:
    """Return a maker of GPAW's that takes the k-points of a structure for every other.

    Parameters
    ----------
    maker
        A :class:`GpawRelaxMaker`.
    structure
        Cell whose k-points by the maker's preset count.
    """
    if not isinstance(maker, GpawRelaxMaker):
        raise TypeError(f"{type(maker).__name__} has no k-points of GPAW")
    grid = kpoint_grid(structure.to_ase_atoms(), PRESETS[maker.preset].kspacing)
    return replace(maker, grid=grid)


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
