"""Jobs that are struck in the middle of their evaluations; workers import them by name."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ase.build import bulk
from ase.calculators.emt import EMT
from jobflow import Flow, JobStore, job
from local_jobs import Number, add, expand, make, note, value_of

from misei.launchers.local import run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.workflows.calculators import SharedCalculator

EVALUATIONS = 6


class Hold(NamedTuple):
    """Where a job waits for its gate to be opened."""

    queue_job: int
    node: str
    pid: int


@job(output_schema=Number)
def hold(label: str, terms: list[object], log: str) -> Number:
    """Evaluate, wait at the gate, evaluate more; only new evaluations are noted."""
    calculator = SharedCalculator(EMT())
    atoms = bulk("Cu", cubic=True)
    atoms.calc = calculator
    total = sum(value_of(term) for term in terms)
    for step in range(EVALUATIONS):
        if step == EVALUATIONS // 2:
            where = [os.environ.get(name, "0") for name in ("SLURM_JOB_ID", "SLURMD_NODENAME")]
            note(log, f"hold {label} {' '.join(where)} {os.getpid()}")
            while not gate(log, label).exists():
                time.sleep(0.1)
        atoms.rattle(0.01, seed=ord(label) + step)
        fresh = calculator.fresh
        total += atoms.get_potential_energy()
        if calculator.fresh > fresh:
            note(log, f"evaluate {label} {step}")
    note(log, f"end {label}")
    return Number(value=total)


def gate(log: str, label: str) -> Path:
    """File that lets a job go on."""
    return Path(log).with_name(f"gate {label}")


def lines(log: str) -> list[str]:
    """Return what the jobs noted so far."""
    return Path(log).read_text().splitlines() if Path(log).exists() else []


def holds(log: str, label: str) -> list[Hold]:
    """Return where a job came to its gate, each time that it was started."""
    found = [line.split() for line in lines(log) if line.startswith(f"hold {label} ")]
    return [Hold(int(words[2]), words[3], int(words[4])) for words in found]


def work(log: str) -> Counter[str]:
    """Return how often each job ended and each evaluation was made."""
    return Counter(line for line in lines(log) if not line.startswith("hold "))


def held_flow(log: str, labels: Iterable[str]) -> Flow:
    """Jobs that hold after one that is done before, and a job that expands after them."""
    first = make(add, "first", [], log)
    held = [make(hold, label, [first.output], log) for label in labels]
    grown = make(expand, "grown", [one.output for one in held], log, 1)
    last = make(add, "last", [grown.output], log)
    return Flow([first, *held, grown, last], output=last.output, name="held")


def values(flow: Flow, store: JobStore) -> dict[str, float]:
    """Return what every job of a flow gave."""
    return {j.name: value_of(store.get_output(j.uuid, load=True)) for j, _ in flow.iterflow()}


def undisturbed(folder: Path, labels: Iterable[str]) -> tuple[dict[str, float], Counter[str]]:
    """Values and work of the same flow, run in this process with all gates open."""
    folder.mkdir()
    log, labels = str(folder / "log.txt"), list(labels)
    for label in labels:
        gate(log, label).touch()
    flow, store = held_flow(log, labels), open_store(folder / "results.sqlite")
    report = run_flows([flow], store, folder / "run", InlinePool())
    assert report.failed == {}
    return values(flow, store), work(log)
