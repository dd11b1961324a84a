"""Engines: a named, versioned set of atomate2 makers for energies and forces.

A property flow takes an :class:`Engine` and never names a code. Calculators are loaded
once per process and count the force calls made through them. Nothing heavy (torch) is
imported before a job runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, cast

import numpy as np
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from atomate2.ase.jobs import AseMaker, AseRelaxMaker, EmtRelaxMaker
from atomate2.ase.schemas import AseStructureTaskDoc
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.schemas import ForceFieldTaskDocument
from atomate2.forcefields.utils import MLFF, ForceFieldMixin
from emmet.core.tasks import TaskDoc
from emmet.core.types.enums import TaskState
from jobflow import Job, Maker, OutputReference
from pydantic import BaseModel
from pymatgen.core import Structure

from misei.screening.schemas import EnergiesFrom, Provenance
from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.workflows.calculators import (
    SharedCalculator,
    UnknownEngineError,
    shared_force_field,
)
from misei.workflows.keys import keyed
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.saddle_steps import ScaledLBFGS
from misei.workflows.saddles import SaddleMaker

__all__ = [
    "DEFAULT_ENGINE",
    "Engine",
    "SaddleSettings",
    "UnknownEngineError",
    "engine_names",
    "force_evaluations",
    "get_engine",
    "is_converged",
]

Corrections = Literal["MP2020", "included", "none"]

# Forces read back from a document exceed fmax by a hair: coordinates were rounded, and symmetric
# crystals are relaxed on symmetrized forces.
ROUNDING = 1.02


@dataclass
class SharedForceFieldRelaxMaker(ForceFieldRelaxMaker):  # type: ignore[misc]
    """atomate2's force-field relaxation, with the model loaded once per process."""

    def _get_calculator(self) -> Calculator:
        return shared_force_field(str(self.force_field_name), self.calculator_kwargs)


@dataclass
class SharedEmtRelaxMaker(EmtRelaxMaker):  # type: ignore[misc]
    """atomate2's EMT relaxation."""

    def _get_calculator(self) -> Calculator:
        return SharedCalculator(EMT())


@dataclass
class SharedForceFieldSaddleMaker(ForceFieldMixin, SaddleMaker):  # type: ignore[misc]
    """Saddles by one of atomate2's force fields, with the model loaded once per process."""

    def _get_calculator(self) -> Calculator:
        return shared_force_field(str(self.force_field_name), self.calculator_kwargs)


@dataclass
class SharedEmtSaddleMaker(SaddleMaker):
    """Saddles by EMT."""

    def _get_calculator(self) -> Calculator:
        return SharedCalculator(EMT())


@dataclass(frozen=True)
class Engine:
    """A named set of makers. Flows call the methods, which return content-keyed jobs.

    Attributes
    ----------
    name
        As on the command line, e.g. ``sevennet``.
    version
        Packages and model, part of every job's key.
    relax_maker
        Relaxes cell and ions (bulk); ``relax_ions_maker`` keeps the cell (slabs, supercells).
    static_maker
        Energy, forces and stress.
    saddle_maker
        Saddle of a hop from a :class:`PathGuess`.
    task_schema
        Document that relaxations and statics return.
    corrections
        What its energies need before they stand beside MP2020-corrected ones on a hull:
        ``MP2020`` (trained on raw PBE), ``included`` (trained on corrected energies) or
        ``none`` (not a PBE energy at all).
    energies_from
        Whether its energies are a potential's or DFT.
    """

    name: str
    version: str
    relax_maker: Maker
    relax_ions_maker: Maker
    static_maker: Maker
    saddle_maker: Maker
    task_schema: type[BaseModel]
    corrections: Corrections
    energies_from: EnergiesFrom = "potential"

    def relax(self, structure: Structure | OutputReference, name: str) -> Job:
        """Job that relaxes cell and ions. Output: a task document of ``task_schema``."""
        return self._job(self.relax_maker, structure, name, self.task_schema)

    def relax_ions(self, structure: Structure | OutputReference, name: str) -> Job:
        """Job that relaxes the ions in a fixed cell. Output: ``task_schema``."""
        return self._job(self.relax_ions_maker, structure, name, self.task_schema)

    def static(self, structure: Structure | OutputReference, name: str) -> Job:
        """Job for energy, forces and stress as the structure stands. Output: ``task_schema``."""
        return self._job(self.static_maker, structure, name, self.task_schema)

    def saddle(self, guess: PathGuess | OutputReference, name: str) -> Job:
        """Job that searches the saddle of a hop. Output: :class:`PathDoc`."""
        return self._job(self.saddle_maker, guess, name, PathDoc)

    def provenance(self, settings: dict[str, Any]) -> Provenance:
        """Provenance of a document that rests on this engine; units in the settings' names."""
        return Provenance(
            engine=self.name,
            engine_version=self.version,
            energies_from=self.energies_from,
            settings=settings,
        )

    def get_calculator(self) -> SharedCalculator:
        """Return a calculator that counts and, in a job, keeps a journal (see calculators).

        Raises
        ------
        TypeError
            When the engine's makers do not work through an ASE calculator.
        """
        maker = self.static_maker
        calculator = maker._get_calculator() if isinstance(maker, AseMaker) else None
        if not isinstance(calculator, SharedCalculator):
            raise TypeError(f"the engine {self.name!r} has no ASE calculator")
        return calculator

    def _job(self, maker: Maker, argument: Any, name: str, schema: type[BaseModel]) -> Job:
        job = cast(Job, maker.make(argument))
        job.name = name
        return keyed(job, output_schema=schema, version=f"{self.name} {self.version}")


def is_converged(document: Any) -> bool:
    """Whether a task document or a path of an engine met its force tolerance.

    Parameters
    ----------
    document
        AseStructureTaskDoc, ForceFieldTaskDocument, TaskDoc (VASP) or PathDoc.
    """
    if isinstance(document, PathDoc):
        return document.converged
    if isinstance(document, TaskDoc):
        return _vasp_converged(document)
    # The state also knows the stress of a cell that is relaxed; of a static it says nothing.
    forces = np.linalg.norm(document.output.forces, axis=1)
    met = forces.max() <= ROUNDING * document.input.relax_kwargs["fmax"]
    return bool(met) and document.state is TaskState.SUCCESS


def _vasp_converged(document: Any) -> bool:
    # Electronic and ionic steps that ran out make the state a failure. A static has no tolerance
    # for its forces, a relaxation that of its own inputs (document.input is of the first run).
    tags = document.input.incar
    if document.state is not TaskState.SUCCESS or not tags.get("NSW"):
        return document.state is TaskState.SUCCESS
    forces = np.linalg.norm(document.output.forces, axis=1)
    return bool(forces.max() <= -ROUNDING * float(tags.get("EDIFFG", 0.0)))


def force_evaluations(document: Any) -> int:
    """Force calls behind a task document (from its trajectory) or a path (counted).

    Of VASP's documents the ionic steps, of our own also those of corrected and killed runs.
    """
    if isinstance(document, PathDoc):
        return document.force_evaluations
    if isinstance(document, TaskDoc):
        return _vasp_evaluations(document)
    # atomate2 appends the last frame of a relaxation once more, without a force call.
    return max(1, int(document.output.n_steps) - 1)


def _vasp_evaluations(document: Any) -> int:
    # Our own documents count; one by another maker of atomate2 holds all its steps.
    steps = sum(len(run.output.ionic_steps) for run in document.calcs_reversed)
    return int(getattr(document, "force_evaluations", steps))


def package_version(package: str) -> str:
    """Version of an installed package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def make_engine(
    name: str,
    engine_version: str,
    relax: type[AseRelaxMaker],
    saddle: type[SaddleMaker],
    task_schema: type[BaseModel],
    corrections: Corrections,
    fmax: float,
    saddle_settings: SaddleSettings | None,
    energies_from: EnergiesFrom = "potential",
    **maker_kwargs: Any,
) -> Engine:
    """Return an engine of atomate2's ASE makers.

    Parameters
    ----------
    name, engine_version, task_schema, corrections, energies_from
        As :class:`Engine` has them.
    relax, saddle
        Makers that know the calculator.
    fmax
        Force tolerance in eV/angstrom.
    saddle_settings
        How saddles are searched, but for ``fmax``.
    **maker_kwargs
        Fields of both makers.
    """
    common: dict[str, Any] = {"ionic_step_data": None, **maker_kwargs}
    relax_kwargs: dict[str, Any] = {"fmax": fmax, "final_atoms_object_file": None}
    # Measured on eight prototypes against FIRE: half the force calls, the same minima.
    lbfgs: dict[str, Any] = {"optimizer_kwargs": {"optimizer": "LBFGS"}, "steps": 1000}
    # Vacancies, 22 of them in 12 crystals: 4 to 11 force calls where LBFGS takes 3 to 35.
    scaled: dict[str, Any] = {"optimizer_kwargs": {"optimizer": ScaledLBFGS}, "steps": 1000}
    return Engine(
        name=name,
        version=engine_version,
        relax_maker=relax(relax_kwargs=relax_kwargs, fix_symmetry=True, **lbfgs, **common),
        relax_ions_maker=relax(relax_kwargs=relax_kwargs, relax_cell=False, **scaled, **common),
        static_maker=relax(relax_kwargs=relax_kwargs, relax_cell=False, steps=1, **common),
        saddle_maker=saddle(
            settings=replace(saddle_settings or SaddleSettings(), fmax=fmax),
            engine=name,
            engine_version=engine_version,
            energies_from=energies_from,
            **maker_kwargs,
        ),
        task_schema=task_schema,
        corrections=corrections,
        energies_from=energies_from,
    )


def _force_field_engine(
    name: str,
    package: str,
    mlff: str,
    corrections: Corrections,
    fmax: float,
    saddle_settings: SaddleSettings | None,
    **calculator_kwargs: Any,
) -> Engine:
    model = calculator_kwargs.get("model", mlff)
    return make_engine(
        name,
        f"{package} {package_version(package)}, {model}",
        SharedForceFieldRelaxMaker,
        SharedForceFieldSaddleMaker,
        ForceFieldTaskDocument,
        corrections,
        fmax,
        saddle_settings,
        force_field_name=mlff,
        calculator_kwargs=calculator_kwargs,
    )


# name: (package, atomate2 force field, corrections, calculator arguments)
_FORCE_FIELDS: dict[str, tuple[str, str, Corrections, dict[str, Any]]] = {
    "sevennet": ("sevenn", "SevenNet", "MP2020", {"model": "7net-0"}),
    "sevennet-l3i5": ("sevenn", "SevenNet", "MP2020", {"model": "7net-l3i5"}),
    # CHGNet's own package (weights inside) was trained on MP2020-corrected energies.
    "chgnet": ("chgnet", "CHGNet", "included", {}),
}
# What atomate2's other force fields were trained on; of a user's own model nothing is known.
_RAW_PBE = {
    "MACE", "MACE-MP-0", "MACE-MPA-0", "MACE-MP-0b3", "M3GNet", "SevenNet", "MatPES-PBE",
    "FAIRChem", "MatterSim",
}  # fmt: skip
DEFAULT_ENGINE = "sevennet"
DFT_ENGINES = ("gpaw-fast", "gpaw-standard", "vasp")


def engine_names() -> list[str]:
    """Names that :func:`get_engine` accepts: misei's own, DFT, atomate2's force fields."""
    atomate2_names = [m.value for m in MLFF if m is not MLFF.Forcefield]
    return ["emt", *_FORCE_FIELDS, *DFT_ENGINES, *atomate2_names]


def get_engine(
    name: str = DEFAULT_ENGINE, fmax: float = 0.05, saddle: SaddleSettings | None = None
) -> Engine:
    """Return an engine by name.

    Parameters
    ----------
    name
        One of :func:`engine_names`.
    fmax
        Force tolerance of relaxations and saddles in eV/angstrom.
    saddle
        How saddles are searched, but for ``fmax``.

    Raises
    ------
    UnknownEngineError
        When the name is not known.
    """
    if name == "emt":
        ase_version = f"ase {package_version('ase')}"
        return make_engine(
            name, ase_version, SharedEmtRelaxMaker, SharedEmtSaddleMaker, AseStructureTaskDoc,
            "none", fmax, saddle,
        )  # fmt: skip
    # The DFT codes come as they are asked for: their packages are many, or not installed.
    if name.startswith("gpaw-") and name in DFT_ENGINES:
        from misei.workflows.gpaw_engine import gpaw_engine

        return gpaw_engine(name.removeprefix("gpaw-"), fmax, saddle)
    if name == "vasp":
        from misei.workflows.vasp_engine import vasp_engine

        return vasp_engine(fmax, saddle)
    if name in _FORCE_FIELDS:
        package, mlff, corrections, kwargs = _FORCE_FIELDS[name]
        return _force_field_engine(name, package, mlff, corrections, fmax, saddle, **kwargs)
    if name in engine_names():
        trained_on: Corrections = "included" if name == "CHGNet" else "none"
        corrections = "MP2020" if name in _RAW_PBE else trained_on
        return _force_field_engine(name, "atomate2", name, corrections, fmax, saddle)
    raise UnknownEngineError(f"unknown engine {name!r}; valid: {', '.join(engine_names())}")
