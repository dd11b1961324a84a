"""Rows of the adhesion benchmark, and running its jobs in this process on a meter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

from ase.calculators.calculator import Calculator
from jobflow import Flow, Job, JobStore, OutputReference, run_locally
from maggma.stores import MemoryStore
from neb_meter import calculator


@dataclass(frozen=True)
class Contact:
    """One relaxed interface; energies in J/m2."""

    face: str
    work: float
    gamma: float | None
    converged: bool


@dataclass(frozen=True)
class Found:
    """What one method found, and what it cost.

    Attributes
    ----------
    best, strongest
        Of lowest interface energy, and of largest W_ad.
    contacts
        All relaxed interfaces by facets, terminations and film lattice; of several registries
        the one of largest W_ad.
    evaluations, atom_evaluations
        Force calls, and the atoms in them.
    """

    best: Contact
    strongest: Contact
    contacts: dict[str, Contact]
    evaluations: int
    atom_evaluations: int
    seconds: float


@dataclass(frozen=True)
class Row:
    """One case by both methods."""

    name: str
    engine: str
    candidates: int
    documented: int
    misei: Found
    plain: Found

    @property
    def ratio(self) -> float:
        """How many times more atom-evaluations plain makes."""
        return self.plain.atom_evaluations / self.misei.atom_evaluations

    @property
    def missed(self) -> float | None:
        """Interface energy of misei's best minus that of plain's, J/m2."""
        ours, theirs = self.misei.best.gamma, self.plain.best.gamma
        return None if ours is None or theirs is None else ours - theirs

    @property
    def differences(self) -> dict[str, float]:
        """W_ad of misei minus that of plain, J/m2, of the interfaces that both relaxed."""
        contacts = self.misei.contacts
        return {key: contacts[key].work - self.plain.contacts[key].work for key in contacts}

    @property
    def missed_by_choice(self) -> float | None:
        """Part of :attr:`missed` from candidates not relaxed, by plain's own energies, J/m2."""
        relaxed = [self.plain.contacts[key].gamma for key in self.misei.contacts]
        known = [gamma for gamma in relaxed if gamma is not None]
        lowest = self.plain.best.gamma
        return None if lowest is None or not known else min(known) - lowest


def read_rows(path: Path) -> dict[str, Row]:
    """Rows of an earlier run by name."""

    def read(facts: dict[str, Any]) -> Found:
        contacts = {key: Contact(**c) for key, c in facts["contacts"].items()}
        best, strongest = Contact(**facts["best"]), Contact(**facts["strongest"])
        return Found(**{**facts, "best": best, "strongest": strongest, "contacts": contacts})

    rows = json.loads(path.read_text())["rows"]
    return {
        row["name"]: Row(**{**row, **{m: read(row[m]) for m in ("misei", "plain")}}) for row in rows
    }


@dataclass
class Meter:
    """Force calls, atoms in them and seconds within a block of :func:`metered`."""

    evaluations: int = 0
    atom_evaluations: int = 0
    seconds: float = 0.0


@contextmanager
def metered(engine: str, called: Callable[[int], None]) -> Iterator[Meter]:
    """Count every force call that reaches the model; ``called`` gets their number so far."""
    meter, kind = Meter(), type(calculator(engine).model)
    original = kind.calculate

    def calculate(self: Calculator, atoms: Any = None, *args: Any, **kwargs: Any) -> None:
        meter.evaluations += 1
        meter.atom_evaluations += len(atoms)
        called(meter.evaluations)
        original(self, atoms, *args, **kwargs)

    start = perf_counter()
    with patch.object(kind, "calculate", calculate):
        yield meter
    meter.seconds = perf_counter() - start


class Runner:
    """Runs jobs in this process; later ones may refer to the outputs of earlier ones."""

    def __init__(self) -> None:
        self.store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        self.outputs: dict[str, Any] = {}

    def run(self, work: Flow | Job) -> Any:
        """Run and return the output."""
        with TemporaryDirectory() as folder:
            responses = run_locally(
                work,
                store=self.store,
                log=False,
                create_folders=True,
                root_dir=folder,
                ensure_success=True,
                allow_external_references=True,
            )
        for uuid, replies in responses.items():
            self.outputs[uuid] = replies[max(replies)].output
        return self.output(work.output)

    def output(self, reference: Any) -> Any:
        """Document that a reference to a whole output stands for."""
        while isinstance(reference, OutputReference):  # a replaced job's is another reference
            reference = self.outputs[reference.uuid]
        return reference
