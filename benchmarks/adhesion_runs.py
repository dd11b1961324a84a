"""Running the adhesion benchmark's jobs in this process, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

from ase.calculators.calculator import Calculator
from jobflow import Flow, Job, JobStore, OutputReference, run_locally
from maggma.stores import MemoryStore
from neb_meter import calculator


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
