"""Jobs for the runner's tests: workers import this module by its name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from jobflow import CURRENT_JOB, Flow, Job, OnMissing, Response, job
from pydantic import BaseModel

from misei.workflows.keys import keyed


class Number(BaseModel):
    """Output of every job here."""

    value: float


class TwoPartError(Exception):
    """Cannot be unpickled: its arguments are not those of Exception."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"{left} and {right}")


def note(log: str, line: str) -> None:
    """Append one line; short appends of several processes do not mix."""
    with Path(log).open("a") as file:
        file.write(f"{line}\n")


def replaced_by(jobs: list[Job]) -> Response:
    # jobflow closes the flow with a reference, and would hold it against the schema.
    CURRENT_JOB.job.output_schema = None  # type: ignore[assignment]
    return Response(replace=Flow(jobs, output=jobs[-1].output))


def value_of(number: object) -> float:
    return number["value"] if isinstance(number, dict) else number.value  # type: ignore[attr-defined]


@job(output_schema=Number)
def add(label: str, terms: list[object], log: str, seconds: float = 0.0) -> Number:
    time.sleep(seconds)
    total = 1.0 + sum(value_of(term) for term in terms if term is not None)
    note(log, f"add {label}")
    return Number(value=total)


@job(output_schema=Number)
def fail(label: str, terms: list[object], log: str, how: str) -> Number:
    note(log, f"fail {label}")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "kill once":
        killed = Path(log).with_name("killed")
        if killed.exists():
            return Number(value=10.0)
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        sys.exit(3)
    if how == "two parts":
        raise TwoPartError("this", "that")
    if how == "unless mended" and Path(log).with_name("mended").exists():
        return Number(value=10.0)
    raise ValueError(f"{label} went wrong")


@job(output_schema=Number)
def expand(label: str, terms: list[object], log: str, depth: int, seconds: float = 0.0) -> Response:
    """Become a chain of two jobs and, below, another job that expands."""
    note(log, f"expand {label}")
    first = make(add, f"{label}.first", terms, log, seconds)
    second = make(add, f"{label}.second", [first.output], log, seconds)
    jobs = [first, second]
    if depth > 1:
        jobs.append(make(expand, f"{label}.deeper", [second.output], log, depth - 1, seconds))
    return replaced_by(jobs)


@job(output_schema=Number)
def become(label: str, terms: list[object], log: str, times: int) -> Response | Number:
    """Be replaced by one job, several times over."""
    note(log, f"become {label} {times}")
    if times == 0:
        return Number(value=7.0)
    return Response(replace=make(become, label, terms, log, times - 1))


@job(output_schema=Number)
def expand_and_fail(label: str, terms: list[object], log: str) -> Response:
    bad = make(fail, f"{label}.bad", terms, log, "raise")
    last = make(add, f"{label}.last", [bad.output], log)
    return replaced_by([bad, last])


@job(output_schema=Number)
def also(label: str, terms: list[object], log: str, kind: str, how: str = "") -> Response:
    """Give an output, and a chain of two more jobs; the first fails where ``how`` says so."""
    note(log, f"also {label}")
    own = terms[0]
    slow = make(add, f"{label}.{kind} 1", [own], log, 0.2)
    if how:
        slow = make(fail, f"{label}.{kind} 1", [own], log, how)
    last = make(add, f"{label}.{kind} 2", [slow.output], log)
    return Response(output=Number(value=5.0), **{kind: Flow([slow, last])})


@job(output_schema=Number)
def stop(label: str, terms: list[object], log: str, what: str) -> Response:
    note(log, f"stop {label}")
    return Response(output=Number(value=0.0), **{what: True})


def make(function: object, label: str, terms: list[object], *arguments: object) -> Job:
    """Keyed job, named by its label."""
    new: Job = function(label, terms, *arguments)  # type: ignore[operator]
    new.name = label
    return keyed(new)


def accepting_missing(label: str, terms: list[object], log: str) -> Job:
    new = make(add, label, terms, log)
    new.config.on_missing_references = OnMissing.NONE
    return new


def random_walk(log: str, seconds: float) -> list[Flow]:
    """Flows that share jobs and expand: what is killed at random."""
    shared = [make(add, f"shared {n}", [], log, seconds) for n in range(3)]
    flows = [Flow(shared)]
    for number in range(3):
        mine = [make(add, f"shared {n}", [], log, seconds) for n in range(3)]
        grown = make(expand, f"grown {number}", [mine[number].output], log, 2, seconds)
        last = make(add, f"last {number}", [grown.output, mine[0].output], log, seconds)
        flows.append(Flow([*mine, grown, last], output=last.output))
    return flows
