"""A second engine for tests of the funnel: EMT with other energies and a larger lattice."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from atomate2.ase.jobs import EmtRelaxMaker
from atomate2.ase.schemas import AseStructureTaskDoc

from misei.workflows import engines
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import Engine, make_engine
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.saddles import SaddleMaker

NAME = "stand-in"
ENERGY, LENGTH = 1.1, 1.02
# What the crystals of these elements do under it; empty: all is well.
FAILS_FOR: set[str] = set()
REAL = engines.get_engine


class ScaledEMT(Calculator):
    """E(r) = ENERGY * E_EMT(r / LENGTH): barriers grow by ENERGY, the lattice by LENGTH."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def calculate(self, atoms: Any = None, properties: Any = None, _: Any = all_changes) -> None:
        """Compute everything on the shrunk crystal."""
        super().calculate(atoms, properties, all_changes)
        if FAILS_FOR & set(self.atoms.get_chemical_symbols()):
            raise RuntimeError("the stand-in gave up")
        shrunk = self.atoms.copy()
        shrunk.set_cell(shrunk.cell / LENGTH, scale_atoms=True)
        shrunk.calc = EMT()
        energy = ENERGY * shrunk.get_potential_energy()
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": ENERGY / LENGTH * shrunk.get_forces(),
            "stress": ENERGY / LENGTH**3 * shrunk.get_stress(),
        }


@dataclass
class ScaledRelaxMaker(EmtRelaxMaker):  # type: ignore[misc]
    """Relaxation with the stand-in."""

    def _get_calculator(self) -> Calculator:
        return SharedCalculator(ScaledEMT(), NAME)


@dataclass
class ScaledSaddleMaker(SaddleMaker):
    """Saddles of the stand-in."""

    def _get_calculator(self) -> Calculator:
        return SharedCalculator(ScaledEMT(), NAME)


def get_engine(
    name: str = "emt", fmax: float = 0.05, saddle: SaddleSettings | None = None
) -> Engine:
    """Engines of misei, and the stand-in, which says that it is DFT."""
    if name != NAME:
        return REAL(name, fmax, saddle)
    return make_engine(
        NAME, "1", ScaledRelaxMaker, ScaledSaddleMaker, AseStructureTaskDoc, "none", fmax, saddle,
        energies_from="DFT",
    )  # fmt: skip


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the stand-in known to all of misei."""
    for name, module in list(sys.modules.items()):
        if name.startswith("misei.") and getattr(module, "get_engine", None) is REAL:
            monkeypatch.setattr(module, "get_engine", get_engine)
