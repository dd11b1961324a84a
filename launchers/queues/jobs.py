"""Queue jobs that bring dask workers: submitted as work turns up, replaced when they end."""

from __future__ import annotations

import asyncio
import getpass
import logging
import math
import os
import re
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from dask_jobqueue.core import Job, JobQueueCluster
from dask_jobqueue.lsf import LSFJob
from dask_jobqueue.pbs import PBSJob
from dask_jobqueue.sge import SGEJob
from dask_jobqueue.slurm import SLURMJob
from distributed import Scheduler
from distributed.core import Status
from distributed.deploy.cluster import Cluster as DaskCluster
from distributed.protocol import pickle

from misei.launchers.pools import PoolError
from misei.launchers.queues.cluster_file import Cluster
from misei.launchers.queues.logs import problem_line, queue_problem, ran_out_of_memory

LOOK_S = 1.0  # between two looks at the work
POLL_S = 10.0  # between two questions to the queue system, which serves many users
SPARE_S = 120.0  # a queue job without work is kept this long, as jobs come in waves
LOST_S = 120.0  # for a worker that was killed to be started again by its nanny
MAX_FRUITLESS = 3  # queue jobs in a row that bring no worker, before the run gives up
MAX_WAIT_S = 3600.0  # before the next try, where some queue jobs run and others cannot
MAX_SUBMISSIONS = 10  # at one look

# What must not travel to compute nodes: workers have no store and no database.
SECRETS = ("MISEI_STORE", "MISEI_LAUNCHPAD", "MISEI_MP_API_KEY", "MP_API_KEY")

# Commands that list this user's jobs, one a line that starts with its number.
_LIST_JOBS = {
    "slurm": ("squeue", "--noheader", "--format=%A", "--user={user}"),
    "pbs": ("qselect", "-u", "{user}"),
    "sge": ("qstat", "-u", "{user}"),
    "lsf": ("bjobs", "-noheader", "-o", "jobid"),
}
_NO_JOBS = "No unfinished job found"  # LSF calls that an error
_NO_ANSWER = re.compile("unable to contact|timed out|connection refused|cannot connect", re.I)

_UNFINISHED = ("waiting", "queued", "no-worker", "processing")

logger = logging.getLogger(__name__)


class QueueError(PoolError):
    """The queue system cannot run workers; one line with its own words."""


class _QuietJob(Job):
    """A queue job whose refusal is kept instead of raised, and that is told no secret."""

    refusal: str | None = None

    async def start(self) -> None:
        try:
            await super().start()
        except (RuntimeError, ValueError, OSError) as error:
            self.refusal = problem_line(str(error)) or " ".join(str(error).split())

    async def close(self) -> None:
        await super().close()
        self.status = Status.closed

    @staticmethod
    async def _call(cmd: list[str], **options: Any) -> str:
        environment = {name: text for name, text in os.environ.items() if name not in SECRETS}
        # dask-jobqueue throws away what bsub says of a job that it refuses.
        cmd = [word.removesuffix(" 2> /dev/null") for word in cmd]
        return str(await Job._call(cmd, env=environment, **options))


class _SlurmJob(_QuietJob, SLURMJob): ...


class _PbsJob(_QuietJob, PBSJob): ...


class _SgeJob(_QuietJob, SGEJob): ...


class _LsfJob(_QuietJob, LSFJob): ...


JOB_CLASSES: dict[str, Any] = {"slurm": _SlurmJob, "pbs": _PbsJob, "sge": _SgeJob, "lsf": _LsfJob}


class QueueScheduler(Scheduler):
    """One task at a time for each worker; what workers ran when they went is remembered."""

    def __init__(self, **options: Any) -> None:
        self.left_behind: dict[str, list[str]] = {}
        super().__init__(**options)

    async def remove_worker(self, address: str, **options: Any) -> Any:
        """Note what the worker ran; where it was asked to leave, nothing is held against that."""
        worker = self.workers.get(address)
        if worker is not None:
            keys = [] if options.get("expected") else [task.key for task in worker.processing]
            # Of one name only the last end counts: before it, the queue job went on.
            self.left_behind[str(worker.name)] = [str(key) for key in keys]
        return await super().remove_worker(address, **options)

    def is_rootish(self, task: Any) -> bool:
        """Let every task wait here: behind another it would be lost with that one's worker."""
        return True

    def unfinished(self) -> int:
        """Return how many tasks run or wait."""
        return sum(task.state in _UNFINISHED for task in self.tasks.values())

    async def forgive(self, worker_name: str) -> list[str]:
        """Do not hold the end of a worker's queue job against what it ran; return that."""
        address = self.aliases.get(worker_name)
        if address is not None:  # a node that fails does not say goodbye
            await self.remove_worker(address, expected=True, stimulus_id="misei-queue-job-ended")
        keys = [key for key in self.left_behind.pop(worker_name, []) if key in self.tasks]
        for key in keys:
            self.tasks[key].suspicious = max(0, self.tasks[key].suspicious - 1)
        return keys

    def fail_waiting(self, error: QueueError) -> None:
        """Fail the tasks that wait for a worker, as dask does when it waited too long."""
        stimulus = "misei-queue-problem"
        recommendations: dict[Any, Any] = {}
        for task in [*self.unrunnable, *self.queued]:
            recommendations.update(
                self.transition(
                    task.key, "erred", exception=pickle.dumps(error), cause=task.key,
                    stimulus_id=stimulus,
                )
            )  # fmt: skip
        self.transitions(recommendations, stimulus_id=stimulus)


class QueueJobs(JobQueueCluster):
    """A dask cluster that keeps as many queue jobs as there is work for.

    dask's own adaptive scaling goes by expected durations, does not look at the queue, and so
    waits for ever for a job that died before its worker came.

    Parameters
    ----------
    cluster
        The cluster file.
    logs
        Folder of the queue system's log files.
    **options
        Of :class:`dask_jobqueue.JobQueueCluster`.
    """

    scheduler: Any  # a QueueScheduler, once started
    job_cls: Any

    def __init__(self, cluster: Cluster, logs: Path, **options: Any) -> None:
        self._file, self._logs = cluster, logs
        self._came: set[str] = set()  # queue jobs of which a worker came
        self._spare_since: dict[str, float] = {}
        self._lost_since: dict[str, float] = {}
        self._failures = 0  # queue jobs in a row that brought no worker
        self._fruitless = 0  # of these, while no other queue job ran
        self._accepted = False
        self._problem = ""
        self._next_poll = self._next_submission = 0.0
        self._numbers = count()
        self._watch: asyncio.Task[None] | None = None
        super().__init__(**options)

    async def _start(self) -> None:
        await super()._start()
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_queue())

    async def _close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await super()._close()
        for name in ("ca_file", "cert", "key"):
            credentials = getattr(self, f"_job_{name}", None)
            if credentials is not None:
                credentials.close()  # deletes the file

    def _update_worker_status(self, op: str, msg: Any) -> None:
        # SpecCluster would cancel a queue job whose worker is just being started again.
        DaskCluster._update_worker_status(self, op, msg)

    def _new_worker_name(self, worker_number: int) -> str:
        return f"{self._name}-{next(self._numbers)}"  # no name is given twice

    async def _watch_queue(self) -> None:
        while self.status == Status.running:
            try:
                await self._look()
            except Exception:
                logger.exception("misei could not look after its queue jobs")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        now = monotonic()
        self._note_arrivals(now)
        if self.workers and now >= self._next_poll:
            self._next_poll = now + POLL_S
            await self._drop_ended(now)
        work = self.scheduler.unfinished()
        wanted = min(self._file.max_jobs, math.ceil(work / self._file.workers_per_job))
        await self._drop_spare(wanted, now)
        if self._fruitless >= MAX_FRUITLESS and not self.worker_spec:
            self.scheduler.fail_waiting(QueueError(self._give_up_text()))
        elif wanted > len(self.worker_spec) and now >= self._next_submission:
            self.scale(jobs=min(wanted, len(self.worker_spec) + MAX_SUBMISSIONS))

    def _workers_of(self, name: str) -> list[str]:
        return [name + suffix for suffix in self.worker_spec[name].get("group", [""])]

    def _note_arrivals(self, now: float) -> None:
        present = self.scheduler.aliases
        for name in self.worker_spec:
            workers = self._workers_of(name)
            if any(worker in present for worker in workers):
                self._lost_since.pop(name, None)
            elif name in self._came:
                self._lost_since.setdefault(name, now)
            if name not in self._came and any(
                worker in present or worker in self.scheduler.left_behind for worker in workers
            ):
                self._came.add(name)
                self._fruitless = self._failures = 0

    async def _drop_ended(self, now: float) -> None:
        """Forget queue jobs that are no more, so that others can be submitted in their place."""
        submitted = dict(self.workers)
        alive = await self._jobs_in_queue()
        for name, job in submitted.items():
            self._accepted = self._accepted or job.job_id is not None
            ended = job.job_id is None or (alive is not None and job.job_id not in alive)
            lost = now - self._lost_since.get(name, now) > LOST_S
            if name in self.worker_spec and (ended or lost):
                await self._judge(name, job)
                await self._drop(name)

    async def _judge(self, name: str, job: _QuietJob) -> None:
        """Put the end of a queue job down to the queue, or to what ran in it."""
        if name in self._came:
            if job.job_id is not None and not ran_out_of_memory(self._logs, job.job_id):
                await self._forgive(name, job.job_id)
            return
        self._problem = job.refusal or queue_problem(self._logs, job.job_id) or (
            f"job {job.job_id} left the queue without a word (cancelled?)"
        )  # fmt: skip
        self._failures += 1
        wait_s = min(POLL_S * 2 ** min(self._failures - 1, 20), MAX_WAIT_S)
        self._next_submission = monotonic() + wait_s
        silent = job.refusal is not None and self._accepted and _NO_ANSWER.search(job.refusal)
        if self._came or silent:  # a limit on jobs, a bad node, a controller that starts again
            logger.warning("misei: %s; next try in %.0f s", self._problem, wait_s)
        else:
            self._fruitless += 1

    async def _forgive(self, name: str, job_id: str) -> None:
        taken = [key for worker in self._workers_of(name)
                 for key in await self.scheduler.forgive(worker)]  # fmt: skip
        if taken:
            why = queue_problem(self._logs, job_id) or "cancelled, or its node failed"
            logger.warning("misei: queue job %s ended (%s); what it ran goes on", job_id, why)

    async def _jobs_in_queue(self) -> set[str] | None:
        command = [w.format(user=getpass.getuser()) for w in _LIST_JOBS[self._file.queue_system]]
        try:
            answer = await self.job_cls._call(command)
        except (RuntimeError, OSError) as error:
            return set() if _NO_JOBS in str(error) else None
        return set(re.findall(r"^\s*(\d+)", answer, re.MULTILINE))

    async def _drop_spare(self, wanted: int, now: float) -> None:
        """Give back queue jobs that have had nothing to do for a while."""
        busy = {str(w.name) for w in self.scheduler.workers.values() if w.processing}
        spare = [n for n in self.worker_spec if not busy.intersection(self._workers_of(n))]
        surplus = len(self.worker_spec) - wanted
        if surplus <= 0:
            self._spare_since.clear()
            return
        since = {name: self._spare_since.get(name, now) for name in spare}
        self._spare_since = since
        for name in [n for n in spare if now - since[n] > SPARE_S][:surplus]:
            await self._drop(name)

    async def _drop(self, name: str) -> None:
        self.worker_spec.pop(name, None)
        self._came.discard(name)
        self._lost_since.pop(name, None)
        job = self.workers.pop(name, None)
        if job is not None:
            await job.close()

    def _give_up_text(self) -> str:
        return (
            f"{self._fruitless} queue jobs in a row brought no worker: {self._problem}; their log "
            f"files are in {self._logs}; mend the cluster file and run again: what is finished is "
            "stored"
        )
