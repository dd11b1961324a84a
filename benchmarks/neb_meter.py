"""What a barrier costs: force calls that reach the model, and wall time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from unittest.mock import patch

from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from misei.workflows.calculators import SharedCalculator, shared_force_field

SEVENNET: dict[str, Any] = {
    "force_field_name": "SevenNet",
    "calculator_kwargs": {"model": "7net-0"},
}


@dataclass(frozen=True)
class Measured:
    """What one method gave for one hop, and what it cost.

    Attributes
    ----------
    barrier
        Saddle minus initial, eV.
    residual
        Largest force on an atom at the saddle, eV/angstrom.
    evaluations
        Force calls: ends, band, checks.
    seconds
        Wall time.
    converged
        What the method itself says.
    how
        What was done, where there is a choice.
    """

    barrier: float
    residual: float
    evaluations: int
    seconds: float
    converged: bool
    how: str = ""


@dataclass
class Meter:
    """Force calls and seconds within a block of :func:`metered`."""

    evaluations: int = 0
    seconds: float = 0.0


def calculator(engine: str) -> SharedCalculator:
    """Return a calculator over the model of an engine, which is loaded once per process."""
    if engine == "emt":
        return SharedCalculator(EMT())
    return shared_force_field(SEVENNET["force_field_name"], SEVENNET["calculator_kwargs"])


@contextmanager
def metered(engine: str) -> Iterator[Meter]:
    """Count every force call that reaches the model, whoever makes it, and take the time."""
    meter, kind = Meter(), type(calculator(engine).model)
    original = kind.calculate

    def calculate(self: Calculator, *args: Any, **kwargs: Any) -> None:
        meter.evaluations += 1
        original(self, *args, **kwargs)

    start = perf_counter()
    with patch.object(kind, "calculate", calculate):
        yield meter
    meter.seconds = perf_counter() - start
