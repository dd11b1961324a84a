"""Calculators that share one model per process, count their evaluations and remember them.

A job that is killed loses nothing it has evaluated: every finished evaluation is appended
to a journal in the job's folder. When the job is started again there, its deterministic
optimizers walk the same path, find every evaluation they ask for in the journal, and only
go on to new ones where the kill came.

The journal belongs to the job that runs (jobflow's ``CURRENT_JOB``) and is deleted when the
block :func:`journal_until_done` of the job's maker ends without an exception. Outside a job
there is none, and ``MISEI_JOURNAL=0`` in the environment switches it off.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from atomate2.forcefields.utils import ase_calculator
from jobflow import CURRENT_JOB
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PROPERTIES = ["energy", "free_energy", "forces", "stress"]
# Key of the evaluation, CRC-32 and number of the 8-byte floats that follow.
_HEADER = struct.Struct("<16sII")


class UnknownEngineError(ValueError):
    """An engine name that neither misei nor atomate2 knows."""


@dataclass
class Journal:
    """Finished evaluations in an append-only binary file.

    Nothing is locked: a job runs in one process. The file is made by the first evaluation.

    Attributes
    ----------
    path
        The file. What an interrupted write left at its end is cut off.
    known
        Results by key: energy and free_energy in eV, forces (n x 3) in eV/angstrom, stress
        (6, Voigt) in eV/angstrom^3, what the model gave of them.
    """

    path: Path
    known: dict[bytes, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.path.exists():
            return
        content, good = self.path.read_bytes(), 0
        while len(content) >= good + _HEADER.size:
            key, checksum, count = _HEADER.unpack_from(content, good)
            payload = content[good + _HEADER.size : good + _HEADER.size + 8 * count]
            if len(payload) < 8 * count or zlib.crc32(payload) != checksum:
                break
            self.known[key] = _unpacked(np.frombuffer(payload))
            good += _HEADER.size + len(payload)
        if good < len(content):
            os.truncate(self.path, good)

    def append(self, key: bytes, results: dict[str, Any]) -> None:
        """Write an evaluation; it is safe from a kill of the process when this returns."""
        self.known[key] = results
        payload = _packed(results).tobytes()
        record = _HEADER.pack(key, zlib.crc32(payload), len(payload) // 8) + payload
        with self.path.open("ab", buffering=0) as file:
            file.write(record)


def _packed(results: dict[str, Any]) -> Floats:
    # NaN stands for what a model does not give.
    head = [results.get("energy", np.nan), results.get("free_energy", np.nan)]
    stress = results.get("stress", np.full(6, np.nan))
    return np.concatenate([head, stress, np.ravel(results["forces"])]).astype(np.float64)


def _unpacked(values: Floats) -> dict[str, Any]:
    results: dict[str, Any] = {
        "energy": float(values[0]),
        "free_energy": float(values[1]),
        "stress": values[2:8].copy(),
        "forces": values[8:].reshape(-1, 3).copy(),
    }
    return {name: value for name, value in results.items() if not np.any(np.isnan(value))}


def evaluation_key(atoms: Atoms, model: str) -> bytes:
    """Return the 16 bytes that name an evaluation: a hash of model and exact geometry."""
    digest = blake2b(model.encode(), digest_size=16)
    digest.update(np.asarray(atoms.numbers, dtype=np.int64).tobytes())
    for numbers in (atoms.positions, atoms.cell.array, atoms.pbc):
        digest.update(np.asarray(numbers, dtype=np.float64).tobytes())
    return digest.digest()


_open_journals: dict[Path, Journal] = {}


def _journal_path() -> Path | None:
    running = CURRENT_JOB.job
    if running is None or os.environ.get("MISEI_JOURNAL") == "0":
        return None
    return Path.cwd() / f"evaluations_{running.uuid}_{running.index}.bin"


def current_journal() -> Journal | None:
    """Journal of the job that runs in this process, read once; None outside a job."""
    path = _journal_path()
    if path is None:
        return None
    if path not in _open_journals:
        # A process runs one job at a time: what an earlier one left open is not needed.
        _open_journals.clear()
        _open_journals[path] = Journal(path)
    return _open_journals[path]


@contextmanager
def journal_until_done() -> Iterator[None]:
    """Delete the running job's journal when the block ends well; keep it for the next try if not.

    Put it around everything in a job that evaluates.
    """
    _open_journals.clear()
    yield
    _open_journals.clear()
    path = _journal_path()
    if path is not None:
        path.unlink(missing_ok=True)


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
    calculator = ase_calculator(name, **json.loads(kwargs_json))
    if calculator is None:
        raise UnknownEngineError(f"atomate2 has no calculator for the force field {name!r}")
    return calculator


def shared_force_field(name: str, kwargs: dict[str, Any]) -> SharedCalculator:
    """Return a counting calculator over the process's one copy of a force field."""
    kwargs_json = json.dumps(kwargs, sort_keys=True)
    return SharedCalculator(load_force_field(name, kwargs_json), f"{name} {kwargs_json}")
