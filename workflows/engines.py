"""Engines: a named, versioned set of atomate2 makers for energies and forces.

A property flow takes an :class:`Engine` and never names a code. Calculators are loaded
once per process and count the force calls made through them. Nothing heavy (torch) is
imported before a job runs.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, cast

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.mep import NEBTools
from atomate2.ase.jobs import AseRelaxMaker, EmtRelaxMaker
from atomate2.ase.neb import AseNebFromImagesMaker, EmtNebFromImagesMaker
from atomate2.ase.schemas import AseStructureTaskDoc
from atomate2.ase.utils import AseNebInterface
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.neb import ForceFieldNebFromImagesMaker
from atomate2.forcefields.schemas import ForceFieldTaskDocument
from atomate2.forcefields.utils import MLFF, ase_calculator
from emmet.core.neb import NebResult
from emmet.core.types.enums import TaskState
from jobflow import Job, Maker, OutputReference
from pydantic import BaseModel
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows.keys import keyed

Corrections = Literal["MP2020", "included", "none"]

EVALUATIONS_TAG = "force evaluations"
RESIDUAL_TAG = "NEB residual force in eV/angstrom"
# Forces read back from a document exceed fmax by a hair: coordinates were rounded, and symmetric
# crystals are relaxed on symmetrized forces.
ROUNDING = 1.02
CLIMBING_NEB = {"climb": True, "method": "improvedtangent", "k": 0.5}


class UnknownEngineError(ValueError):
    """An engine name that neither misei nor atomate2 knows."""


class SharedCalculator(Calculator):  # type: ignore[misc]
    """A calculator with results of its own over a model that is shared and whose calls count.

    NEB images are deep copies of one calculator: here they share model and counter, so that
    the model is in memory once and every call by any copy is counted.
    """

    def __init__(self, model: Calculator, counter: list[int] | None = None) -> None:
        super().__init__()
        self.model = model
        self.counter = [0] if counter is None else counter
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]

    @property
    def name(self) -> str:
        """Name of the model's calculator, as it is written into task documents."""
        return str(getattr(self.model, "name", type(self.model).__name__))

    @property
    def evaluations(self) -> int:
        """Force calls so far, of all copies together."""
        return self.counter[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedCalculator:
        return SharedCalculator(self.model, self.counter)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] | None = None,
    ) -> None:
        """Ask the model once for everything it has."""
        super().calculate(atoms, properties, system_changes)
        self.model.calculate(self.atoms, ["energy", "forces", "stress"], all_changes)
        self.results = dict(self.model.results)
        self.counter[0] += 1


@cache
def _load_force_field(name: str, kwargs_json: str) -> Calculator:
    calculator = ase_calculator(name, **json.loads(kwargs_json))
    if calculator is None:
        raise UnknownEngineError(f"atomate2 has no calculator for the force field {name!r}")
    return calculator


def _force_field(maker: ForceFieldRelaxMaker | ForceFieldNebFromImagesMaker) -> SharedCalculator:
    kwargs = json.dumps(maker.calculator_kwargs, sort_keys=True)
    return SharedCalculator(_load_force_field(str(maker.force_field_name), kwargs))


@dataclass
class SharedForceFieldRelaxMaker(ForceFieldRelaxMaker):  # type: ignore[misc]
    """atomate2's force-field relaxation, with the model loaded once per process."""

    def _get_calculator(self) -> Calculator:
        return _force_field(self)


@dataclass
class SharedEmtRelaxMaker(EmtRelaxMaker):  # type: ignore[misc]
    """atomate2's EMT relaxation."""

    def _get_calculator(self) -> Calculator:
        return SharedCalculator(EMT())


@dataclass
class CheckedNebMixin:
    """Run atomate2's band, then decide convergence from the forces of the final band.

    NebResult.state as atomate2 sets it can be 'successful' although forces are not
    converged; and it does not count force calls, nor pass on an optimizer.
    """

    # Force calls of vacancy hops with 3 images (EMT Cu, Al; SevenNet-0 fcc Li, LiAl, LiMg) down
    # to 0.02 eV/angstrom: MDMin 29 to 47, BFGS 38 to 107, saddles alike within 0.01 eV; FIRE needs
    # twice MDMin's. Spring constants of 0.1 to 2 eV/angstrom^2 make no difference.
    optimizer: str = "MDMin"

    def run_ase(self, images: list[Structure], prev_dir: str | None = None) -> NebResult:
        """Run the band; state, residual force and force calls are set from what it reached."""
        maker = cast(AseNebFromImagesMaker, self)
        calculator = cast(SharedCalculator, maker.calculator)
        before = calculator.evaluations
        result = AseNebInterface(calculator, optimizer=self.optimizer).run_neb(
            list(images),
            steps=maker.steps,
            neb_doc_kwargs=maker.neb_doc_kwargs,
            neb_kwargs=maker.neb_kwargs,
            optimizer_kwargs=maker.optimizer_kwargs,
            **maker.relax_kwargs,
        )
        evaluations = calculator.evaluations - before
        final = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in result.images or []]
        for image in final:
            image.calc = deepcopy(calculator)
        residual = float(NEBTools(final).get_fmax(**maker.neb_kwargs))
        converged = residual <= ROUNDING * maker.relax_kwargs["fmax"]
        result.state = TaskState.SUCCESS if converged else TaskState.FAILED
        result.tags = [
            *(result.tags or []),
            f"{EVALUATIONS_TAG}: {evaluations}",
            f"{RESIDUAL_TAG}: {residual:.6f}",
        ]
        return result


@dataclass
class SharedForceFieldNebMaker(CheckedNebMixin, ForceFieldNebFromImagesMaker):  # type: ignore[misc]
    """atomate2's force-field band, with the model loaded once per process."""

    name: str = "Force field CI-NEB"

    def _get_calculator(self) -> Calculator:
        return _force_field(self)


@dataclass
class SharedEmtNebMaker(CheckedNebMixin, EmtNebFromImagesMaker):  # type: ignore[misc]
    """atomate2's EMT band."""

    name: str = "EMT CI-NEB"

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
    neb_maker
        Climbing-image band from a list of images.
    task_schema
        Document that relaxations and statics return.
    corrections
        What its energies need before they stand beside MP2020-corrected ones on a hull:
        ``MP2020`` (trained on raw PBE), ``included`` (trained on corrected energies) or
        ``none`` (not a PBE energy at all).
    """

    name: str
    version: str
    relax_maker: Maker
    relax_ions_maker: Maker
    static_maker: Maker
    neb_maker: Maker
    task_schema: type[BaseModel]
    corrections: Corrections

    def relax(self, structure: Structure | OutputReference, name: str) -> Job:
        """Job that relaxes cell and ions. Output: a task document of ``task_schema``."""
        return self._job(self.relax_maker, structure, name, self.task_schema)

    def relax_ions(self, structure: Structure | OutputReference, name: str) -> Job:
        """Job that relaxes the ions in a fixed cell. Output: ``task_schema``."""
        return self._job(self.relax_ions_maker, structure, name, self.task_schema)

    def static(self, structure: Structure | OutputReference, name: str) -> Job:
        """Job for energy, forces and stress as the structure stands. Output: ``task_schema``."""
        return self._job(self.static_maker, structure, name, self.task_schema)

    def neb(self, images: list[Structure] | OutputReference, name: str) -> Job:
        """Job that runs the climbing-image band. Output: emmet's NebResult."""
        return self._job(self.neb_maker, images, name, NebResult)

    def _job(self, maker: Maker, argument: Any, name: str, schema: type[BaseModel]) -> Job:
        job = cast(Job, maker.make(argument))
        job.name = name
        return keyed(job, output_schema=schema, version=f"{self.name} {self.version}")


def is_converged(document: Any) -> bool:
    """Whether a task document or a NebResult of an engine met its force tolerance.

    Parameters
    ----------
    document
        AseStructureTaskDoc, ForceFieldTaskDocument or NebResult.
    """
    if isinstance(document, NebResult):
        return document.state is TaskState.SUCCESS
    # The state also knows the stress of a cell that is relaxed; of a static it says nothing.
    forces = np.linalg.norm(document.output.forces, axis=1)
    met = forces.max() <= ROUNDING * document.input.relax_kwargs["fmax"]
    return bool(met) and document.state is TaskState.SUCCESS


def force_evaluations(document: Any) -> int:
    """Force calls behind a task document (from its trajectory) or a NebResult (counted)."""
    if isinstance(document, NebResult):
        return int(_tag(document, EVALUATIONS_TAG))
    # atomate2 appends the last frame of a relaxation once more, without a force call.
    return max(1, int(document.output.n_steps) - 1)


def residual_force(document: NebResult) -> float:
    """Largest NEB force of the final band in eV/angstrom."""
    return _tag(document, RESIDUAL_TAG)


def _tag(document: NebResult, tag: str) -> float:
    return next(float(t.split(": ")[1]) for t in document.tags or [] if t.startswith(tag))


def _package_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _make_engine(
    name: str,
    engine_version: str,
    relax: type[AseRelaxMaker],
    neb: type[AseNebFromImagesMaker],
    task_schema: type[BaseModel],
    corrections: Corrections,
    fmax: float,
    **maker_kwargs: Any,
) -> Engine:
    common: dict[str, Any] = {"ionic_step_data": None, **maker_kwargs}
    relax_kwargs: dict[str, Any] = {"fmax": fmax, "final_atoms_object_file": None}
    # Measured on eight prototypes against FIRE: half the force calls, the same minima.
    lbfgs: dict[str, Any] = {"optimizer_kwargs": {"optimizer": "LBFGS"}, "steps": 1000}
    return Engine(
        name=name,
        version=engine_version,
        relax_maker=relax(relax_kwargs=relax_kwargs, fix_symmetry=True, **lbfgs, **common),
        relax_ions_maker=relax(relax_kwargs=relax_kwargs, relax_cell=False, **lbfgs, **common),
        static_maker=relax(relax_kwargs=relax_kwargs, relax_cell=False, steps=1, **common),
        neb_maker=neb(
            neb_kwargs=CLIMBING_NEB, relax_kwargs={"fmax": fmax}, steps=300, **maker_kwargs
        ),
        task_schema=task_schema,
        corrections=corrections,
    )


def _force_field_engine(
    name: str,
    package: str,
    mlff: str,
    corrections: Corrections,
    fmax: float,
    **calculator_kwargs: Any,
) -> Engine:
    model = calculator_kwargs.get("model", mlff)
    return _make_engine(
        name,
        f"{package} {_package_version(package)}, {model}",
        SharedForceFieldRelaxMaker,
        SharedForceFieldNebMaker,
        ForceFieldTaskDocument,
        corrections,
        fmax,
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


def engine_names() -> list[str]:
    """Names that :func:`get_engine` accepts: misei's own, then atomate2's force fields."""
    atomate2_names = [m.value for m in MLFF if m is not MLFF.Forcefield]
    return ["emt", *_FORCE_FIELDS, *atomate2_names]


def get_engine(name: str = DEFAULT_ENGINE, fmax: float = 0.05) -> Engine:
    """Return an engine by name.

    Parameters
    ----------
    name
        One of :func:`engine_names`.
    fmax
        Force tolerance of relaxations and bands in eV/angstrom.

    Raises
    ------
    UnknownEngineError
        When the name is not known.
    """
    if name == "emt":
        ase_version = f"ase {_package_version('ase')}"
        return _make_engine(
            name, ase_version, SharedEmtRelaxMaker, SharedEmtNebMaker, AseStructureTaskDoc,
            "none", fmax,
        )  # fmt: skip
    if name in _FORCE_FIELDS:
        package, mlff, corrections, kwargs = _FORCE_FIELDS[name]
        return _force_field_engine(name, package, mlff, corrections, fmax, **kwargs)
    if name in engine_names():
        trained_on: Corrections = "included" if name == "CHGNet" else "none"
        corrections = "MP2020" if name in _RAW_PBE else trained_on
        return _force_field_engine(name, "atomate2", name, corrections, fmax)
    raise UnknownEngineError(f"unknown engine {name!r}; valid: {', '.join(engine_names())}")
