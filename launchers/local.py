"""Run flows on the processes of one machine, reusing whatever the store already holds.

The head process follows the dependencies; workers run one job at a time and write its
result to the store themselves, so that a kill at any moment loses only what was running.
A failed job fails the jobs that need it and nothing else.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jobflow import Flow, Job, JobStore
from monty.json import MontyDecoder, MontyEncoder
from monty.os import cd

JobId = tuple[str, int]


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
        Traceback by job name.
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


OnProgress = Callable[[RunReport, str], None]


@dataclass
class _Pending:
    job: Job
    needs: set[str]


@dataclass
class _Schedule:
    """The jobs that are not finished, and what each waits for."""

    pending: dict[JobId, _Pending] = field(default_factory=dict)
    running: dict[JobId, _Pending] = field(default_factory=dict)
    failed_uuids: set[str] = field(default_factory=set)

    def add(self, flow: Flow | Job, report: RunReport) -> None:
        """Add the jobs of a flow; a job that another flow brought already is not added twice."""
        jobs = flow.iterflow() if isinstance(flow, Flow) else [(flow, flow.input_uuids)]
        for job, parents in jobs:
            identity = (job.uuid, job.index)
            if identity not in self.pending and identity not in self.running:
                self.pending[identity] = _Pending(job, set(parents) - {job.uuid})
                report.total += 1

    def unfinished(self) -> set[str]:
        return {uuid for uuid, _ in [*self.pending, *self.running]}

    def ready(self) -> list[JobId]:
        """Ids of the jobs that wait for nothing, lower index of one uuid first."""
        unfinished = self.unfinished()
        return [
            identity
            for identity, item in self.pending.items()
            if not item.needs & unfinished and not self._has_lower_index(identity)
        ]

    def _has_lower_index(self, identity: JobId) -> bool:
        uuid, index = identity
        return any(u == uuid and i < index for u, i in [*self.pending, *self.running])

    def doomed(self) -> list[JobId]:
        """Ids of the jobs that need a failed one."""
        return [
            identity
            for identity, item in self.pending.items()
            if (item.needs | {identity[0]}) & self.failed_uuids
        ]


def stored_result(store: JobStore, uuid: str) -> bool:
    """Whether the last output of a job is in the store (a replaced job's own is empty)."""
    doc = store.docs_store.query_one({"uuid": uuid}, ["output"], sort={"index": -1})
    return doc is not None and doc.get("output") is not None


def _worker_setup(threads: int) -> None:
    # Before torch is imported: N workers must not each start as many threads as cores.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


@cache
def _worker_store(store_json: str) -> JobStore:
    store: JobStore = json.loads(store_json, cls=MontyDecoder)
    store.connect()
    return store


def _run_job(job_json: str, store_json: str, job_dir: str) -> str:
    """Run one job in a worker; its new jobs travel back as JSON."""
    import warnings

    warnings.filterwarnings("ignore")
    job: Job = json.loads(job_json, cls=MontyDecoder)
    folder = Path(job_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with cd(folder):
        response = job.run(store=_worker_store(store_json), job_dir=folder)
    if not any(folder.iterdir()):
        folder.rmdir()
    return json.dumps(
        {
            "replace": response.replace,
            "detour": response.detour,
            "addition": response.addition,
            "stop_children": response.stop_children,
            "stop_jobflow": response.stop_jobflow,
        },
        cls=MontyEncoder,
    )


def _follow(
    schedule: _Schedule, identity: JobId, response: dict[str, Any], report: RunReport
) -> None:
    """Put the jobs that a finished job asked for on the schedule."""
    uuid = identity[0]
    if response["stop_jobflow"]:
        schedule.failed_uuids |= {u for u, _ in schedule.pending}
    if response["stop_children"]:
        schedule.failed_uuids.add(uuid)
    for kind in ("replace", "detour", "addition"):
        if response[kind] is not None:
            schedule.add(response[kind], report)
    if response["detour"] is not None:
        for item in schedule.pending.values():
            if uuid in item.needs:
                item.needs |= set(response["detour"].job_uuids)


def run_flows(
    flows: Iterable[Flow | Job],
    store: JobStore,
    run_dir: Path,
    workers: int = 1,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Run flows to the end on worker processes.

    Parameters
    ----------
    flows
        Flows of content-keyed jobs; they may share jobs.
    store
        Results store that several processes can write to.
    run_dir
        Folder for the files of jobs that write any.
    workers
        Number of processes; the cores are shared out between them.
    on_progress
        Called with the report and the name of the job that ended.

    Returns
    -------
    RunReport
        Computed, reused, failed and skipped jobs.
    """
    report, schedule = RunReport(), _Schedule()
    for flow in flows:
        schedule.add(flow, report)
    notify = on_progress or (lambda report, name: None)
    store_json = store.to_json()
    threads = max(1, (os.cpu_count() or 1) // workers)
    futures: dict[Future[str], JobId] = {}
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_worker_setup, initargs=(threads,)
    ) as pool:
        while True:
            _settle(schedule, store, report, notify)
            for identity in schedule.ready()[: workers - len(futures)]:
                item = schedule.pending.pop(identity)
                schedule.running[identity] = item
                job_dir = run_dir / "jobs" / f"{item.job.uuid}_{item.job.index}"
                future = pool.submit(
                    _run_job, json.dumps(item.job, cls=MontyEncoder), store_json, str(job_dir)
                )
                futures[future] = identity
            if not futures:
                return report
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                _collect(future, futures.pop(future), schedule, report, notify)


def _settle(schedule: _Schedule, store: JobStore, report: RunReport, notify: OnProgress) -> None:
    """Strike out what is in the store already, and what needs a failed job."""
    struck = True
    while struck:
        struck = False
        for identity in schedule.doomed():
            name = schedule.pending.pop(identity).job.name
            schedule.failed_uuids.add(identity[0])
            report.skipped.append(name)
            notify(report, name)
            struck = True
        for identity in schedule.ready():
            # An index above 1 closes a replaced job: it is cheap and always run.
            if identity[1] == 1 and stored_result(store, identity[0]):
                name = schedule.pending.pop(identity).job.name
                report.reused.append(name)
                notify(report, name)
                struck = True


def _collect(
    future: Future[str],
    identity: JobId,
    schedule: _Schedule,
    report: RunReport,
    notify: OnProgress,
) -> None:
    job = schedule.running.pop(identity).job
    try:
        response = json.loads(future.result(), cls=MontyDecoder)
    except Exception as error:
        report.failed[job.name] = "".join(traceback.format_exception(error))
        schedule.failed_uuids.add(identity[0])
    else:
        report.computed.append(job.name)
        _follow(schedule, identity, response, report)
    notify(report, job.name)
