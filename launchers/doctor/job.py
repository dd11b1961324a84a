"""A small job that goes to a worker and comes back: the engine there against the one here.

The worker also says whether it sees the folder of the runs and respects the locks there. Its
result goes to a store that is removed again.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import cast
from uuid import uuid4

from jobflow import job
from pydantic import BaseModel, Field

from misei.launchers.doctor.engine import ENERGY_NOISE, EngineProbe, probe_engine
from misei.launchers.doctor.findings import Finding, failed, ok, warning
from misei.launchers.doctor.folders import existing_folder
from misei.launchers.job_runs import LOOK_AGAIN
from misei.launchers.local import run_flows
from misei.launchers.pools import DaskPool, JobPool, local_pool
from misei.launchers.queues.logs import LOG_FOLDER, queue_problem
from misei.launchers.store import open_store
from misei.settings import Settings
from misei.workflows.keys import keyed

# A short job starts sooner: it fits into the gaps of a queue.
QUEUE_WALLTIME_S = 600


class WorkerReport(BaseModel):
    """What a worker found."""

    probe: EngineProbe = Field(description="What the engine gave there.")
    respects_lock: bool = Field(description="Whether a lock of this machine holds there too.")


@job(output_schema=WorkerReport)
def report_back(engine: str, file: str, content: str) -> WorkerReport:
    """Evaluate an engine on a worker; ``file`` is one that the head has written and locked."""
    path = Path(file)
    sees = path.is_file() and path.read_text() == content
    return WorkerReport(probe=probe_engine(engine), respects_lock=sees and _is_locked(path))


def _is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def check_local_job(settings: Settings, here: EngineProbe, wait_s: float) -> Iterator[Finding]:
    """Run the job on a worker process of this machine."""
    to_do = f"wait longer (--wait); is {settings.run_dir} slow, or this machine overloaded?"
    yield from _check_pool("local worker", lambda _: local_pool(1), settings, here, wait_s, to_do)


def check_queue_job(settings: Settings, here: EngineProbe, wait_s: float) -> Iterator[Finding]:
    """Run the job on a worker of the queue, in a short queue job."""
    from misei.launchers.queues.cluster_file import load_cluster
    from misei.launchers.queues.clusters import make_cluster

    cluster = load_cluster(cast(Path, settings.cluster))
    walltime = min(cluster.walltime_s, QUEUE_WALLTIME_S)
    small = cluster.model_copy(
        update={"max_jobs": 1, "walltime": f"00:{walltime // 60:02d}:{walltime % 60:02d}"}
    )
    to_do = "wait longer (--wait), or ask for less in the cluster file"
    if cluster.queue_system == "slurm":
        to_do += "; `squeue --me` says in its last column why a job waits"
    yield from _check_pool(
        "queue worker",
        lambda run_dir: DaskPool(partial(make_cluster, small, run_dir), 1),
        settings,
        here,
        wait_s,
        to_do,
    )


class _Impatient:
    """A pool that waits for a job itself, and no longer than it is told to."""

    size = 1

    def __init__(self, pool: JobPool, wait_s: float) -> None:
        self._pool, self._wait_s = pool, wait_s
        self.in_time = self.sees_run_dir = True

    def submit(self, task_json: str, folder: str) -> Future[str]:
        """Run a job to its end; a future with an error where it does not come back."""
        future = self._pool.submit(task_json, folder)
        self.in_time = bool(wait([future], self._wait_s).done)
        # A worker that does not find the lock in a job's folder takes the job to be done.
        self.sees_run_dir = not self.in_time or _answer(future) != LOOK_AGAIN
        if self.in_time and self.sees_run_dir:
            return future
        future.cancel()
        nothing: Future[str] = Future()
        nothing.set_exception(TimeoutError("nothing came back"))
        return nothing

    def close(self) -> None:
        """End the processes."""
        self._pool.close()


def _answer(future: Future[str]) -> str:
    return "" if future.exception() else future.result()


def _check_pool(
    what: str,
    make_pool: Callable[[Path], DaskPool],
    settings: Settings,
    here: EngineProbe,
    wait_s: float,
    too_late: str,
) -> Iterator[Finding]:
    with ExitStack() as stack:
        start = perf_counter()
        run_dir = temporary_folder(stack, existing_folder(settings.run_dir))
        pool = _Impatient(make_pool(run_dir), wait_s)
        stack.callback(pool.close)
        report = _run(pool, run_dir, here.engine)
        problem = queue_problem(run_dir / LOG_FOLDER)
    if isinstance(report, WorkerReport):
        yield compared(what, here, report.probe, perf_counter() - start)
        yield _locks(what, report)
    elif not pool.in_time:
        found = f"no answer in {wait_s / 60:.3g} min"
        yield failed(what, f"{found}; its log: {problem}" if problem else found, too_late)
    elif not pool.sees_run_dir:
        yield failed(
            what,
            f"it does not see {settings.run_dir.absolute()}",
            "set MISEI_RUN_DIR to a folder that this machine and the compute nodes share",
        )
    else:
        to_do = "mend what it names; `setup` in the cluster file chooses the environment of workers"
        yield failed(what, report, to_do)


def _run(pool: JobPool, run_dir: Path, engine: str) -> WorkerReport | str:
    """Return what the worker says, or the error of its job."""
    content = str(uuid4())
    with ExitStack() as stack:
        store = open_store(
            str(temporary_folder(stack, Path(tempfile.gettempdir())) / "results.sqlite")
        )
        stack.callback(store.close)
        file = run_dir / "from_head"
        file.write_text(content)
        locked = stack.enter_context(file.open())
        with suppress(OSError):  # has a row of its own
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        task = keyed(report_back(engine, str(file), content))
        report = run_flows([task], store, run_dir, pool)
        if report.failed:
            return next(iter(report.failed.values())).strip().splitlines()[-1]
        return WorkerReport.model_validate(store.get_output(task.uuid))


def temporary_folder(stack: ExitStack, parent: Path) -> Path:
    """Return a new folder that goes when the stack does."""
    # A worker that comes too late may write into it while it is removed.
    folder = tempfile.TemporaryDirectory(
        prefix=".misei-doctor-", dir=parent, ignore_cleanup_errors=True
    )
    return Path(stack.enter_context(folder)).resolve()


def compared(what: str, here: EngineProbe, there: EngineProbe, seconds: float) -> Finding:
    """Row on an engine elsewhere: same versions, same energy."""
    versions = {(p.misei_version, p.engine_version) for p in (here, there)}
    difference = abs(there.energy - here.energy)
    if len(versions) > 1:
        return failed(
            what,
            f"{there.host} has misei {there.misei_version}, {there.engine_version}; here it is "
            f"{here.misei_version}, {here.engine_version}",
            "install the same versions there and here (`setup` in the cluster file chooses the "
            "environment): results are known by the versions that gave them",
        )
    if not difference < ENERGY_NOISE:
        return failed(
            what,
            f"{there.host}: fcc Al {there.energy:.6f} eV/atom, here {here.energy:.6f}",
            "the weights or libraries differ: install the engine anew on both sides",
        )
    return ok(
        what,
        f"{there.host}: the same energy as here ({difference:.1g} eV/atom apart), "
        f"{seconds:.0f} s in all, {there.seconds:.1f} s for the engine",
    )


def _locks(what: str, report: WorkerReport) -> Finding:
    what = f"{what}'s run_dir"
    if report.respects_lock:
        return ok(what, f"seen by {report.probe.host}, locks hold there")
    return warning(
        what,
        f"locks of this machine do not hold on {report.probe.host}",
        "never run one campaign from two machines at once, or use a file system with flock",
    )
