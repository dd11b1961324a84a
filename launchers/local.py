"""Run flows to the end on a pool of processes, reusing whatever the store already holds.

This process, the head, follows the dependencies and is the only one that writes to the store.
A failed job fails the jobs that need it and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from jobflow import Flow, Job, JobStore
from monty.json import MontyDecoder

from misei.launchers.job_runs import (
    LOOK_AGAIN,
    JobId,
    failure,
    find_or_claim,
    job_folder,
    left_answer,
    record_store,
    store_answer,
    with_inputs,
)
from misei.launchers.pools import JobPool, PoolError
from misei.launchers.schedule import Schedule
from misei.screening.schemas_runs import JobRecord

KILLED_WORKER = (
    "KilledWorker: the process that ran this was killed (out of memory?); run again to go on "
    "with what is stored"
)

# Other heads take a job away once or twice; a worker that never sees its folder is elsewhere.
MAX_LOOKS = 5
NOT_SHARED = (
    "JobFolderError: the worker does not find the folder of its job; MISEI_RUN_DIR has to be on a "
    "file system that all workers share"
)


@dataclass
class RunReport:
    """What a run did.

    Attributes
    ----------
    total
        Jobs known so far; dynamic jobs add to it.
    computed, reused
        Names of the jobs run now, and of those whose result was in the store.
    failed
        Traceback by job name; the uuid is added to a name that is taken.
    skipped
        Names of the jobs that were not run because one they need failed.
    """

    total: int = 0
    computed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Jobs that will not be looked at again."""
        return len(self.computed) + len(self.reused) + len(self.failed) + len(self.skipped)

    def add_failure(self, job: Job, text: str) -> None:
        """Note the traceback of a job."""
        self.failed[job.name if job.name not in self.failed else f"{job.name} {job.uuid}"] = text


OnProgress = Callable[[RunReport, str], None]


@dataclass
class _Run:
    """A run in progress: the schedule, what is in flight, and what came of the rest."""

    store: JobStore
    run_dir: Path
    pool: JobPool
    on_progress: OnProgress
    schedule: Schedule = field(default_factory=Schedule)
    report: RunReport = field(default_factory=RunReport)
    in_flight: dict[Future[str], Job] = field(default_factory=dict)
    looked_again: Counter[JobId] = field(default_factory=Counter)

    def to_the_end(self, flows: Iterable[Flow | Job]) -> RunReport:
        self.schedule.add(flows)
        while True:
            while len(self.in_flight) < self.pool.size and (job := self.schedule.take()):
                self._start(job)
            self._report_doomed()
            if not self.in_flight:
                return self.report
            for future in wait(self.in_flight, return_when=FIRST_COMPLETED).done:
                self._collect(future, self.in_flight.pop(future))

    def _start(self, job: Job) -> None:
        """Find a job's result in the store or in its folder, or send it to the pool."""
        folder = job_folder(self.run_dir, job)
        record = find_or_claim(self.store, job, folder)
        if record is not None:
            self._finished(job, record, self.report.reused)
            return
        try:
            task = with_inputs(job, self.store)
        except Exception as error:  # jobflow raises ValueError, decoding an input anything
            self._failed(job, f"{type(error).__name__}: {error}")
            return
        left = left_answer(folder, json.loads(task)["missing_inputs"])
        if left is not None:
            self._finished(job, store_answer(self.store, left), self.report.reused)
        else:
            self.in_flight[self.pool.submit(task, str(folder))] = job

    def _collect(self, future: Future[str], job: Job) -> None:
        try:
            answer = future.result()
        except PoolError:
            raise
        except Exception as error:  # of the pool: run_job raises nothing
            killed = type(error).__name__ == "KilledWorker"
            self._failed(job, KILLED_WORKER if killed else f"{type(error).__name__}: {error}")
            return
        if answer == LOOK_AGAIN:
            self._look_again(job)
            return
        record = store_answer(self.store, answer)
        if record.state == "finished":
            self._finished(job, record, self.report.computed)
        else:
            self._give_up(job, record)

    def _look_again(self, job: Job) -> None:
        identity = (job.uuid, job.index)
        self.looked_again[identity] += 1
        if self.looked_again[identity] <= MAX_LOOKS:
            self._start(job)
        else:
            self._failed(job, f"{NOT_SHARED}: {job_folder(self.run_dir, job)}")

    def _finished(self, job: Job, record: JobRecord, names: list[str]) -> None:
        new_jobs = {
            kind: MontyDecoder().process_decoded(flow) for kind, flow in record.new_jobs.items()
        }
        self.schedule.finish((job.uuid, job.index), new_jobs, record.stops)
        names.append(job.name)
        self._notify(job)

    def _failed(self, job: Job, text: str) -> None:
        """Keep a failure that no worker could tell of."""
        record = JobRecord(
            uuid=job.uuid,
            index=job.index,
            name=job.name,
            folder=str(job_folder(self.run_dir, job)),
            ended_at=datetime.now(UTC).isoformat(),
            **failure(text),
        )
        record_store(self.store).update(record.model_dump(), key=["uuid", "index"])
        self._give_up(job, record)

    def _give_up(self, job: Job, record: JobRecord) -> None:
        self.schedule.fail((job.uuid, job.index))
        self.report.add_failure(job, record.traceback or "")
        self._notify(job)

    def _report_doomed(self) -> None:
        while self.schedule.doomed:
            job = self.schedule.jobs[self.schedule.doomed.popleft()]
            self.report.skipped.append(job.name)
            self._notify(job)

    def _notify(self, job: Job) -> None:
        self.report.total = len(self.schedule.jobs)
        self.on_progress(self.report, job.name)


def run_flows(
    flows: Iterable[Flow | Job],
    store: JobStore,
    run_dir: Path,
    pool: JobPool,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Run flows to the end.

    Parameters
    ----------
    flows
        Flows of content-keyed jobs; they may share jobs.
    store
        Results store.
    run_dir
        Folder of the jobs' folders; the workers have to reach it under the same path.
    pool
        Where the jobs run; left open.
    on_progress
        Called with the report and the name of the job that ended.

    Returns
    -------
    RunReport
        Computed, reused, failed and skipped jobs.

    Raises
    ------
    PoolError
        When the pool can run nothing; what had finished is stored.
    """
    run = _Run(store, run_dir, pool, on_progress or (lambda report, name: None))
    return run.to_the_end(flows)
