"""Workers of a dask cluster as jobs of a queue system, without a database server.

The head process submits queue jobs as work turns up; each brings its workers, which connect
to the head over TLS and run one job of a flow at a time. They have no store: answers travel
back to the head. A queue job that ends while there is work (walltime, scancel, a node that
fails) is replaced, and what it ran goes on elsewhere from its journal of evaluations.
"""

from __future__ import annotations

import math
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
from distributed import Security

from misei.launchers.pools import THREAD_SETTINGS
from misei.launchers.queues.cluster_file import Cluster
from misei.launchers.queues.jobs import JOB_CLASSES, QueueError, QueueJobs, QueueScheduler
from misei.launchers.queues.logs import LOG_FOLDER, queue_problem

if TYPE_CHECKING:
    from distributed.deploy.cluster import Cluster as DaskCluster

__all__ = ["QueueError", "make_cluster", "queue_problem"]

SCHEDULER_SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,  # no task waits behind another
    "distributed.scheduler.http.routes": [],  # would tell anyone on the network what runs
    # A job that holds Python's lock for long (compiled code) looks dead; the queue knows better.
    "distributed.scheduler.worker-ttl": None,
}
DEATH_TIMEOUT_S = 60  # a worker whose head is gone ends after this
# A worker retires this part of its walltime, at most this long, before the queue ends it.
RETIRE_PART = 0.2
MAX_RETIRE_S = 600.0


def make_cluster(cluster: Cluster, run_dir: Path) -> DaskCluster:
    """Return a dask cluster whose workers are jobs of the queue system.

    Parameters
    ----------
    cluster
        The cluster file.
    run_dir
        Folder on a file system that compute nodes share; ``queue_logs`` in it gets the log files
        and, while the cluster runs, the credentials by which its workers are let in.

    Raises
    ------
    QueueError
        When the queue system's commands are not here, or the interface or folder cannot be used.
    """
    logs = run_dir.resolve() / LOG_FOLDER
    if re.search(r"\s", str(logs)):
        raise QueueError(f"{logs} has a space in it, which queue systems do not take; use another")
    command = JOB_CLASSES[cluster.queue_system].submit_command
    if shutil.which(command) is None:
        raise QueueError(
            f"the command {command} of {cluster.queue_system} is not here; run misei where jobs "
            "are submitted (a login node), or leave --cluster out"
        )
    logs.mkdir(parents=True, exist_ok=True)
    try:
        with dask.config.set(SCHEDULER_SETTINGS):
            return QueueJobs(cluster, logs, **_dask_options(cluster, logs))
    except (RuntimeError, ValueError, OSError) as error:
        raise QueueError(f"cannot start the workers' scheduler: {error}") from error


def _dask_options(cluster: Cluster, logs: Path) -> dict[str, Any]:
    skipped = cluster.skip_directives
    generated = _directives(cluster)
    directives = [line for line in generated if not any(text in line for text in skipped)]
    return {
        "job_cls": JOB_CLASSES[cluster.queue_system],
        "scheduler_cls": QueueScheduler,
        "scheduler_options": {"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        "name": "misei",
        "job_name": "misei",
        "silence_logs": "CRITICAL",
        # One thread a worker: threads of a job are OpenMP's, not dask's.
        "cores": cluster.workers_per_job,
        "processes": cluster.workers_per_job,
        "memory": f"{cluster.memory_gb} GiB",
        "walltime": cluster.queue_walltime,
        "queue": cluster.queue,
        "interface": cluster.interface,
        "python": sys.executable,
        "death_timeout": DEATH_TIMEOUT_S,
        "job_script_prologue": [*_exports(cluster), *cluster.setup],
        "job_extra_directives": [*directives, *cluster.directives],
        "job_directives_skip": list(skipped),
        "log_directory": str(logs),
        "protocol": "tls://",
        "security": Security.temporary(),
        "shared_temp_directory": str(logs),
        "worker_extra_args": ["--no-dashboard", *_lifetime(cluster)],
        **_resources(cluster),
    }


def _lifetime(cluster: Cluster) -> list[str]:
    margin = min(RETIRE_PART * cluster.walltime_s, MAX_RETIRE_S)
    # Staggered, so that the workers of many queue jobs do not all retire at once.
    return ["--lifetime", f"{cluster.walltime_s - margin:.0f}s",
            "--lifetime-stagger", f"{margin / 4:.0f}s"]  # fmt: skip


def _exports(cluster: Cluster) -> list[str]:
    threads = cluster.threads_per_worker
    settings = {
        **dict.fromkeys(THREAD_SETTINGS, threads),
        # The queue system knows the memory of a job; a paused worker helps nobody.
        "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": False,
        "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": False,
        "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": False,
        "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": [],
    }
    return [f"export {name}='{value}'" for name, value in settings.items()]


def _resources(cluster: Cluster) -> dict[str, Any]:
    """Return what dask-jobqueue's class of the queue system calls cores, memory and account."""
    mebibytes = math.ceil(cluster.memory_gb * 1024)
    if cluster.queue_system == "slurm":
        return {"account": cluster.account, "job_cpu": cluster.cores}
    if cluster.queue_system == "pbs":
        chunk = f"select=1:ncpus={cluster.cores}:mem={mebibytes}MB"
        return {"account": cluster.account, "resource_spec": chunk}
    if cluster.queue_system == "sge":  # counts memory by core
        by_core = math.ceil(mebibytes / cluster.cores)
        return {"project": cluster.account, "resource_spec": f"h_vmem={by_core}M"}
    return {"project": cluster.account, "ncpus": cluster.cores}


def _directives(cluster: Cluster) -> list[str]:
    """Return directives that dask-jobqueue does not write itself."""
    parallel = cluster.queue_system == "sge" and cluster.cores > 1
    return [f"-pe smp {cluster.cores}"] if parallel else []
