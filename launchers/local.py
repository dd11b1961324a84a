"""Run flows on the processes of one machine, reusing whatever the store already holds.

The head process follows the dependencies; workers run one job at a time and write its
result to the store themselves, so that a kill at any moment loses only what was running.
A failed job fails the jobs that need it and nothing else.
"""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from jobflow import Flow, Job, JobStore, OnMissing
from monty.json import MontyDecoder, MontyEncoder
from monty.os import cd

from misei.workflows.journal import JOURNAL_FILES, JOURNAL_SWITCH

JobId = tuple[str, int]

KILLED_WORKER = (
    "a worker process was killed (out of memory?) while this ran; the jobs that ran beside it "
    "are lost too; run again to go on with what is stored"
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

# What a jobflow Response says about other jobs.
_NEW_JOBS = ("replace", "detour", "addition")
_STOPS = ("stop_children", "stop_jobflow")


@dataclass
class _Pending:
    job: Job
    needs: set[str]
    looked_up: bool = False

    @property
    def needs_all(self) -> bool:
        """Whether the job cannot run without the output of a failed one."""
        # jobflow lets the job that closes a replaced one point at an output that is missing.
        closes = self.job.index > 1
        return closes or bool(self.job.config.on_missing_references == OnMissing.ERROR)


@dataclass
class _Schedule:
    """The jobs that are not finished, and what each waits for."""

    pending: dict[JobId, _Pending] = field(default_factory=dict)
    running: dict[JobId, _Pending] = field(default_factory=dict)
    failed_uuids: set[str] = field(default_factory=set)
    childless_uuids: set[str] = field(default_factory=set)
    renewed_uuids: set[str] = field(default_factory=set)
    stopped: bool = False

    def add(self, flow: Flow | Job, report: RunReport) -> None:
        """Add the jobs of a flow; a job that another flow brought already is not added twice."""
        jobs = flow.iterflow() if isinstance(flow, Flow) else [(flow, flow.input_uuids)]
        for job, parents in jobs:
            identity = (job.uuid, job.index)
            if identity not in self.pending and identity not in self.running:
                # A flow's own graph leaves out references to the jobs of other flows.
                needs = {*parents, *job.input_uuids} - {job.uuid}
                self.pending[identity] = _Pending(job, needs)
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
        return index > 1 and any(u == uuid and i < index for u, i in [*self.pending, *self.running])

    def doomed(self) -> list[JobId]:
        """Ids of the jobs that need a failed one, or that a job has called off."""
        if self.stopped:
            return list(self.pending)
        return [identity for identity, item in self.pending.items() if self._is_doomed(item)]

    def _is_doomed(self, item: _Pending) -> bool:
        if item.needs & self.childless_uuids or item.job.uuid in self.failed_uuids:
            return True
        return item.needs_all and bool(item.needs & self.failed_uuids)


def stored_result(store: JobStore, uuid: str) -> bool:
    """Whether the last output of a job is in the store (a replaced job's own is empty)."""
    doc = store.docs_store.query_one({"uuid": uuid}, ["output"], sort={"index": -1})
    return doc is not None and doc.get("output") is not None


def _worker_setup(threads: int) -> None:
    threading.Thread(target=_end_with_head, daemon=True).start()
    os.environ[JOURNAL_SWITCH] = "1"
    # Before torch is imported: N workers must not each start as many threads as cores.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))


def _end_with_head() -> None:
    # A worker whose head was killed would wait for its next job for ever.
    head = parent_process()
    if head is not None:
        head.join()
        os._exit(1)


@cache
def _worker_store(store_json: str) -> JobStore:
    store: JobStore = json.loads(store_json, cls=MontyDecoder)
    store.connect()
    return store


def _run_job(job_json: str, store_json: str, job_dir: str) -> str:
    """Run one job in a worker; its new jobs, or its traceback, travel back as JSON."""
    import warnings

    warnings.filterwarnings("ignore")
    try:
        job: Job = json.loads(job_json, cls=MontyDecoder)
        folder = Path(job_dir)
        folder.mkdir(parents=True, exist_ok=True)
        with cd(folder):
            response = job.run(store=_worker_store(store_json), job_dir=folder)
        for journal in folder.glob(JOURNAL_FILES):  # the result is in the store now
            journal.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
        answer = {kind: getattr(response, kind) for kind in (*_NEW_JOBS, *_STOPS)}
        return json.dumps(answer, cls=MontyEncoder)
    except (Exception, SystemExit):
        # As text: an exception that cannot be unpickled would break the pool.
        return json.dumps({"error": traceback.format_exc()})


class _Workers:
    """A process pool that is replaced when one of its processes was killed."""

    def __init__(self, count: int) -> None:
        threads = max(1, (os.cpu_count() or 1) // count)
        self._make_pool = partial(
            ProcessPoolExecutor,
            count,
            mp_context=get_context("spawn"),
            initializer=_worker_setup,
            initargs=(threads,),
        )
        self.pool = self._make_pool()

    def submit(self, *args: str) -> Future[str]:
        try:
            return self.pool.submit(_run_job, *args)
        except BrokenProcessPool:
            self.pool.shutdown(wait=False)
            self.pool = self._make_pool()
            return self.pool.submit(_run_job, *args)


def _follow(
    schedule: _Schedule, identity: JobId, response: dict[str, Any], report: RunReport
) -> None:
    """Put the jobs that a finished job asked for on the schedule."""
    uuid = identity[0]
    schedule.stopped = schedule.stopped or response["stop_jobflow"]
    if response["stop_children"]:
        schedule.childless_uuids.add(uuid)
    if response["detour"] is not None:
        for item in schedule.pending.values():
            if uuid in item.needs:
                item.needs |= set(response["detour"].job_uuids)
    for kind in _NEW_JOBS:
        if response[kind] is not None:
            schedule.add(response[kind], report)


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
    futures: dict[Future[str], JobId] = {}
    crew = _Workers(workers)
    try:
        while True:
            _settle(schedule, store, report, notify)
            for identity in schedule.ready()[: workers - len(futures)]:
                item = schedule.pending.pop(identity)
                schedule.running[identity] = item
                job_dir = run_dir / "jobs" / f"{item.job.uuid}_{item.job.index}"
                job_json = json.dumps(item.job, cls=MontyEncoder)
                futures[crew.submit(job_json, store_json, str(job_dir))] = identity
            if not futures:
                return report
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                _collect(future, futures.pop(future), schedule, report, notify)
    finally:
        crew.pool.shutdown()


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
            item = schedule.pending[identity]
            # An index above 1 closes a replaced job: it is cheap and always run.
            if identity[1] > 1 or item.looked_up:
                continue
            item.looked_up = True
            if not item.needs_all or item.needs & schedule.renewed_uuids:
                # What is stored may be from before its missing inputs were there.
                schedule.renewed_uuids.add(identity[0])
            elif stored_result(store, identity[0]):
                del schedule.pending[identity]
                report.reused.append(item.job.name)
                notify(report, item.job.name)
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
        answer = json.loads(future.result(), cls=MontyDecoder)
    except BrokenProcessPool:
        answer = {"error": KILLED_WORKER}
    if "error" in answer:
        report.add_failure(job, answer["error"])
        schedule.failed_uuids.add(identity[0])
    else:
        report.computed.append(job.name)
        _follow(schedule, identity, answer, report)
    notify(report, job.name)
