"""Processes that run jobs: of this machine, or of a cluster's queue."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from multiprocessing import resource_tracker
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from misei.launchers.job_runs import run_job
from misei.settings import Settings

if TYPE_CHECKING:
    from distributed import Client
    from distributed.deploy.cluster import Cluster

# Libraries that would each start a thread per core in every worker.
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# A queue takes workers away for reasons of its own: the third one in a row is the job's doing.
CLUSTER_ATTEMPTS = 3
# A worker that was killed once may have been in somebody's way; twice, its job needs too much.
LOCAL_ATTEMPTS = 2


class PoolError(ValueError):
    """A pool that cannot run any job."""


class JobPool(Protocol):
    """Where jobs run."""

    size: int

    def submit(self, task_json: str, folder: str) -> Future[str]:
        """Run :func:`misei.launchers.job_runs.run_job`."""

    def close(self) -> None:
        """End the processes."""


class InlinePool:
    """Runs a job in this process, at once: for jobs that take seconds."""

    size = 1

    def submit(self, task_json: str, folder: str) -> Future[str]:
        """Run a job; the future is done when this returns."""
        future: Future[str] = Future()
        try:
            future.set_result(run_job(task_json, folder))
        except Exception as error:  # as a worker's: a folder that cannot be written
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Nothing is to be ended."""


class DaskPool:
    """Workers of a dask cluster, started by the first job that is submitted.

    Parameters
    ----------
    make_cluster
        Starts the cluster; its workers have one thread each.
    size
        Jobs in flight at most.
    attempts
        How many workers a job may take down with it before it has failed.
    """

    def __init__(self, make_cluster: Callable[[], Cluster], size: int, attempts: int = 1) -> None:
        self.size = size
        self._make_cluster = make_cluster
        self._attempts = attempts
        self._client: Client | None = None
        self._cluster: Cluster | None = None

    def submit(self, task_json: str, folder: str) -> Future[str]:
        """Run a job on a worker; a :class:`distributed.KilledWorker` where it takes them down."""
        if self._client is None:
            self._client = self._start()
        executor = self._client.get_executor(pure=False)
        future: Future[str] = executor.submit(run_job, task_json, folder)
        return future

    def _start(self) -> Client:
        import dask
        from distributed import Client

        settings = {
            "distributed.scheduler.allowed-failures": self._attempts - 1,
            "distributed.scheduler.worker-saturation": 1.0,
            # Our jobs know what they need; a paused or restarted worker helps nobody.
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": False,
        }
        # Processes inherit the mask: Ctrl-C is for the head, which ends them in order.
        resource_tracker.ensure_running()  # on its first start it would lift the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with dask.config.set(settings):
                self._cluster = self._make_cluster()
                return Client(self._cluster)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def close(self) -> None:
        """End the workers; a job that runs is given up and replays its journal next time."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_pool(settings: Settings) -> DaskPool:
    """Return the pool of the settings: of the cluster file where one is named, else local.

    Raises
    ------
    ClusterFileError
        When the cluster file cannot be used.
    """
    if settings.cluster is None:
        return local_pool(settings.workers)
    from misei.launchers.queues.cluster_file import load_cluster
    from misei.launchers.queues.clusters import make_cluster

    cluster = load_cluster(settings.cluster)
    size = cluster.max_jobs * cluster.workers_per_job
    return DaskPool(partial(make_cluster, cluster, settings.run_dir), size, CLUSTER_ATTEMPTS)


def thread_settings(workers: int) -> dict[str, str]:
    """Variables of one of several workers of this machine: its share of the cores.

    Those that are set stay.
    """
    share = str(max(1, (os.cpu_count() or 1) // workers))
    return {name: os.environ.get(name, share) for name in THREAD_SETTINGS}


def local_pool(workers: int) -> DaskPool:
    """Return a pool of processes of this machine that share out its cores."""
    return DaskPool(partial(_local_cluster, workers), workers, LOCAL_ATTEMPTS)


def _local_cluster(workers: int) -> Cluster:
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=0,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},  # no fixed port
        env=thread_settings(workers),
        local_directory=tempfile.gettempdir(),
        silence_logs="CRITICAL",
    )
    # A task that waited behind another on one worker would be blamed for that one's end too.
    scheduler: Any = cluster.scheduler
    scheduler.is_rootish = lambda task: True
    return cluster
