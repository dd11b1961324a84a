"""Finished evaluations of a running job on disk, so that a kill loses none of them.

Every evaluation is appended to a journal in the job's folder as it ends. When the job is
started again there, its deterministic optimizers walk the same path, find every evaluation
they ask for in the journal, and only go on to new ones where the kill came.

The runner of the jobs decides: it gives a job the same folder each time, sets
``MISEI_JOURNAL=1`` in the environment, and deletes the journal (:data:`JOURNAL_FILES`) once
the job's result is in the store. Elsewhere no journal is kept.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jobflow import CURRENT_JOB
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

Floats = NDArray[np.float64]

JOURNAL_SWITCH = "MISEI_JOURNAL"
JOURNAL_FILES = "evaluations_*.bin"
# Key of the evaluation, CRC-32 and number of the 8-byte floats that follow.
_HEADER = struct.Struct("<16sII")


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
            # A count of zero: a file system that went down leaves zeros at the end.
            if not count or len(payload) < 8 * count or zlib.crc32(payload) != checksum:
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
            written = file.write(record)
            if written < len(record):  # the disk is full: what would follow could not be read
                file.truncate(file.tell() - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


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
    if running is None or os.environ.get(JOURNAL_SWITCH) != "1":
        return None
    return Path.cwd() / f"evaluations_{running.uuid}_{running.index}.bin"


def current_journal() -> Journal | None:
    """Journal of the job that runs in this process, read once; None where none is kept."""
    path = _journal_path()
    if path is None:
        return None
    if path not in _open_journals:
        # A process runs one job at a time: what an earlier one left open is not needed.
        _open_journals.clear()
        _open_journals[path] = Journal(path)
    return _open_journals[path]
