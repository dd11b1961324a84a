"""Forces of cells with one atom displaced: tighter than energies need them, where a code iterates.

A displacement of 0.01 angstrom changes forces by some 10 meV/angstrom, and their errors are divided
by it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from typing import cast

from atomate2.ase.jobs import AseMaker
from jobflow import Job, Maker, OutputReference
from pymatgen.core import Structure

from misei.structures.supercells import bare
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import Engine
from misei.workflows.gpaw_calculator import GpawCalculator
from misei.workflows.gpaw_engine import GpawRelaxMaker
from misei.workflows.keys import keyed


@dataclass
class TightGpawMaker(GpawRelaxMaker):
    """Statics by a preset of GPAW whose density is converged further.

    Attributes
    ----------
    density_tolerance
        Electrons per valence electron. Al, 8 atoms, `fast` with few k-points: the acoustic modes at
        Gamma are 0.17 THz off zero with the preset's 1e-4 and 0.01 with this, for 20 % more time.
    """

    density_tolerance: float = 1e-7

    def _get_calculator(self) -> SharedCalculator:
        calculator = cast(SharedCalculator, super()._get_calculator())
        model = cast(GpawCalculator, calculator.model)
        model.preset = replace(model.preset, density_tolerance=self.density_tolerance)
        calculator.label += f", density to {self.density_tolerance:g}"
        return calculator


def displacement_maker(engine: Engine) -> Maker:
    """Return the maker of an engine's statics of displaced cells."""
    static = engine.static_maker
    if isinstance(static, GpawRelaxMaker):
        return TightGpawMaker(**{f.name: getattr(static, f.name) for f in fields(static) if f.init})
    if engine.name == "vasp":
        from misei.workflows.vasp_engine import vasp_phonon_maker

        return vasp_phonon_maker()
    return static


def displaced_static(engine: Engine, structure: Structure | OutputReference, name: str) -> Job:
    """Return the keyed job of a displaced cell. Output: a task document of the engine's schema."""
    cell = bare(structure) if isinstance(structure, Structure) else structure
    static = cast(Job, displacement_maker(engine).make(cell))
    static.name = name
    return keyed(static, engine.task_schema, f"{engine.name} {engine.version}")


def displacement_calculator(engine: Engine) -> SharedCalculator | None:
    """Return the ASE calculator of these statics; None for an engine that has none."""
    maker = displacement_maker(engine)
    calculator = maker._get_calculator() if isinstance(maker, AseMaker) else None
    return calculator if isinstance(calculator, SharedCalculator) else None


def working(calculator: SharedCalculator) -> AbstractContextManager[None]:
    """Return the context of a job's work with a calculator: GPAW tidies up after it."""
    model = calculator.model
    return model.working() if isinstance(model, GpawCalculator) else nullcontext()
