"""Calculators that share one model per process, count their evaluations and remember them."""

from __future__ import annotations

import ctypes
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from atomate2.forcefields.utils import ase_calculator
from numpy.typing import NDArray

from misei.workflows.journal import current_journal, evaluation_key

Floats = NDArray[np.float64]

# Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
PROPERTIES = ["energy", "free_energy", "forces", "stress"]


class UnknownEngineError(ValueError):
    """An engine name that neither misei nor atomate2 knows."""


@dataclass
class Counter:
    """Evaluations by all copies of a calculator: all that were needed, and those made anew."""

    evaluations: int = 0
    fresh: int = 0


class SharedCalculator(Calculator):  # type: ignore[misc]
    """A calculator with results of its own over a model that is shared and whose calls count.

    NEB images are deep copies of one calculator: here they share model and counter, so that
    the model is in memory once and every call by any copy is counted.

    Parameters
    ----------
    model
        Calculator that does the work.
    label
        What names the model in journals, settings included; its class name by default.
    """

    def __init__(self, model: Calculator, label: str = "", counter: Counter | None = None) -> None:
        super().__init__()
        self.model = model
        self.label = label or type(model).__name__
        self.counter = counter or Counter()
        self.implemented_properties = list(PROPERTIES)

    @property
    def name(self) -> str:
        """Name of the model's calculator, as it is written into task documents."""
        return str(getattr(self.model, "name", type(self.model).__name__))

    @property
    def evaluations(self) -> int:
        """Force calls needed so far, of all copies together; replayed ones count."""
        return self.counter.evaluations

    @property
    def fresh(self) -> int:
        """Force calls made by the model, of all copies together."""
        return self.counter.fresh

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedCalculator:
        return SharedCalculator(self.model, self.label, self.counter)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] | None = None,
    ) -> None:
        """Take everything from the journal, or ask the model once for everything it has."""
        super().calculate(atoms, properties, system_changes)
        journal = current_journal()
        key = evaluation_key(cast(Atoms, self.atoms), self.label)
        known = journal.known.get(key) if journal else None
        if known is None:
            self.model.calculate(self.atoms, ["energy", "forces", "stress"], all_changes)
            known = {
                name: self.model.results[name] for name in PROPERTIES if name in self.model.results
            }
            self.counter.fresh += 1
            if journal:
                journal.append(key, known)
        self.results = {name: np.copy(value)[()] for name, value in known.items()}
        self.counter.evaluations += 1


def _keep_freed_memory() -> None:
    """Let glibc keep the large blocks that torch frees at every evaluation.

    Handed back to the system they are mapped and zeroed anew each time: SevenNet-0 saves 10 to
    30 % of its CPU time on 32 to 96 atoms, results bit by bit the same, peak memory alike.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


@cache
def load_force_field(name: str, kwargs_json: str) -> Calculator:
    """Load one of atomate2's force fields, once per process.

    Parameters
    ----------
    name
        As atomate2 knows it.
    kwargs_json
        Arguments of its calculator, as JSON with sorted keys.

    Raises
    ------
    UnknownEngineError
        When atomate2 has no calculator for it.
    """
    _keep_freed_memory()
    calculator = ase_calculator(name, **json.loads(kwargs_json))
    if calculator is None:
        raise UnknownEngineError(f"atomate2 has no calculator for the force field {name!r}")
    return calculator


def shared_force_field(name: str, kwargs: dict[str, Any]) -> SharedCalculator:
    """Return a counting calculator over the process's one copy of a force field."""
    kwargs_json = json.dumps(kwargs, sort_keys=True)
    return SharedCalculator(load_force_field(name, kwargs_json), f"{name} {kwargs_json}")
