"""Jobs that do next to nothing, for the overhead of running them; workers import them by name."""

from __future__ import annotations

from jobflow import Flow, Job, job
from pydantic import BaseModel

from misei.workflows.keys import keyed


class Number(BaseModel):
    """A number."""

    value: float


@job(output_schema=Number)
def successor(number: float, before: object = None) -> Number:
    """Add one."""
    return Number(value=number + 1.0)


def _job(number: int, before: Job | None = None) -> Job:
    return keyed(successor(float(number), before.output if before else None))


def flat(count: int) -> Flow:
    """Jobs that do not depend on each other."""
    return Flow([_job(number) for number in range(count)])


def chained(count: int) -> Flow:
    """Jobs of which each takes the output of the one before."""
    jobs = [_job(0)]
    for number in range(1, count):
        jobs.append(_job(number, jobs[-1]))
    return Flow(jobs)
