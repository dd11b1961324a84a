"""Workers: processes that run what is ready in the LaunchPad, here or in a job of the queue."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misei.launchers.fireworks.launchpad import QUIET, open_launchpad, public_name
from misei.launchers.machine import machine_settings
from misei.launchers.pools import thread_settings
from misei.launchers.store import open_store

if TYPE_CHECKING:
    from fireworks import FWorker, LaunchPad

# Names of the files in a launch folder, before their ending.
LAUNCH_FILES = "FW_job"
# How often an idle worker looks for work.
LOOK_EVERY_S = 3.0
CREW_IDLE_S = 60.0
# Queue systems, and the variable in which each tells a job its number.
JOB_VARIABLES = {
    "slurm": "SLURM_JOB_ID",
    "pbs": "PBS_JOBID",
    "lsf": "LSB_JOBID",
    "sge": "JOB_ID",
}


class NoWorkError(ValueError):
    """Jobs are ready, but none that a worker with these settings may run."""


@dataclass
class RocketReport:
    """What workers have run: a report for a progress bar.

    Attributes
    ----------
    done, total
        Finished and all Fireworks of this results store.
    ran
        Fireworks run by this process.
    failed
        Names of those that failed.
    """

    done: int = 0
    total: int = 0
    ran: int = 0
    failed: list[str] = field(default_factory=list)


OnProgress = Callable[[RocketReport, str], None]


def queue_identity() -> dict[str, str]:
    """Return system and number of the queue job that this process runs in, if it is in one."""
    for system, variable in JOB_VARIABLES.items():
        if variable in os.environ:
            return {"queue_system": system, "queue_job": job_number(os.environ[variable])}
    return {}


def job_number(text: str) -> str:
    """Return the number in a job id such as ``1234.server``."""
    return text.partition(".")[0].partition("[")[0]


def make_worker(store: str, category: str | None, folder: Path) -> FWorker:
    """Return a FireWorks worker that takes the jobs of one results store.

    Every launch keeps who ran it (host, process, queue job), so that one that was killed can be
    told from one that runs.
    """
    from fireworks import FWorker
    from fireworks.fw_config import FWORKER_LOC

    configured = FWorker.from_file(FWORKER_LOC) if FWORKER_LOC else FWorker()
    me = {"host": os.uname().nodename, "pid": os.getpid(), "folder": str(folder)}
    return FWorker(
        name=configured.name,
        category=category or configured.category,
        query={**configured._query, "spec.store": public_name(store)},
        env={**configured.env, **me, **queue_identity()},
    )


def run_rockets(
    folder: Path,
    category: str | None = None,
    idle_s: float = 0.0,
    run_s: float | None = None,
    on_progress: OnProgress | None = None,
) -> RocketReport:
    """Run what is ready, one job after the other, until nothing is.

    Parameters
    ----------
    folder
        Launch folders are made in it.
    category
        Take only jobs of this category.
    idle_s
        How long to wait, s, while other workers still run jobs that may bring new ones.
    run_s
        Start nothing later than this, s.
    on_progress
        Called after each job.

    Raises
    ------
    NoWorkError
        When all that is ready is for other results stores.
    """
    logging.getLogger("rocket.launcher").disabled = True  # it writes to stdout
    from misei.launchers.fireworks.tasks import OPEN_STORES

    settings = machine_settings()
    launchpad = open_launchpad(settings)
    # A new store would be one that only this node sees: `misei submit` has made the real one.
    store = open_store(settings.store_location, must_exist=True)
    OPEN_STORES[public_name(settings.store_location)] = store
    worker = make_worker(settings.store_location, category, folder)
    folder.mkdir(parents=True, exist_ok=True)
    report = RocketReport()
    start = idle_since = time.monotonic()
    while run_s is None or time.monotonic() - start < run_s:
        if launchpad.run_exists(worker):
            _run_one(launchpad, worker, folder, report, on_progress)
            idle_since = time.monotonic()
            continue
        idle = time.monotonic() - idle_since
        running = launchpad.fireworks.count_documents({**worker.query, "state": "RUNNING"})
        if idle >= idle_s or not running:
            break
        time.sleep(min(LOOK_EVERY_S, idle_s - idle))
    if not report.ran:
        _check_stores(launchpad, settings.store_location)
    return report


def _run_one(
    launchpad: LaunchPad,
    worker: FWorker,
    folder: Path,
    report: RocketReport,
    on_progress: OnProgress | None,
) -> None:
    from misei.launchers.fireworks.tasks import INTERRUPTED

    place = new_launch_folder(folder.resolve())
    _launch(launchpad, worker, place)
    fields = {"fw_id": 1, "state": 1}
    launch = launchpad.launches.find_one({"launch_dir": str(place)}, fields)
    if launch is None:  # another worker was first
        shutil.rmtree(place)
        return
    if INTERRUPTED.is_set():
        launchpad.rerun_fw(launch["fw_id"])  # ready again, for another worker
        raise KeyboardInterrupt
    name = launchpad.fireworks.find_one({"fw_id": launch["fw_id"]}, {"name": 1})["name"]
    report.ran += 1
    if launch["state"] == "FIZZLED":
        report.failed.append(name)
    ours = {"spec.store": worker.query["spec.store"]}
    report.total = launchpad.fireworks.count_documents(ours)
    report.done = launchpad.fireworks.count_documents({**ours, "state": "COMPLETED"})
    if on_progress is not None:
        on_progress(report, name)


def _launch(launchpad: LaunchPad, worker: FWorker, place: Path) -> None:
    """Run one Firework, if there is one, in a launch folder, which gets what it prints."""
    from fireworks.core.rocket_launcher import launch_rocket

    out, error = (place / f"{LAUNCH_FILES}.{end}" for end in ("out", "error"))
    with chdir(place), out.open("w") as told, error.open("w") as failed, redirect_stdout(told):
        launch_rocket(launchpad, worker, strm_lvl=QUIET, err_file=failed)


def new_launch_folder(parent: Path) -> Path:
    """Make a folder named by the time, as FireWorks does."""
    while True:
        folder = parent / f"launcher_{datetime.now(UTC):%Y-%m-%d-%H-%M-%S-%f}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue  # another process was as quick
        return folder


def _check_stores(launchpad: LaunchPad, store: str) -> None:
    """Say so when there is work, for another results store."""
    ready = launchpad.fireworks.find({"state": "READY"}, {"spec.store": 1})
    stores = {doc["spec"]["store"] for doc in ready if "store" in doc["spec"]}
    if stores and public_name(store) not in stores:
        raise NoWorkError(
            f"the jobs that are ready are for the results store {', '.join(sorted(stores))}, and "
            f"this worker's is {public_name(store)}: set MISEI_STORE or MISEI_RUN_DIR to those "
            "of `misei submit`"
        )


def run_crew(workers: int, folder: Path, **choices: Any) -> None:
    """Run rockets on several processes; the cores are shared out between them.

    ``choices`` are those of :func:`run_rockets`.
    """
    # A worker that finds nothing ready is not to leave while another is about to bring more.
    choices["idle_s"] = choices.get("idle_s") or CREW_IDLE_S
    os.environ.update(thread_settings(workers))
    context = get_context("spawn")
    crew = [
        context.Process(target=_crew_member, args=(folder / f"worker_{n + 1}", choices))
        for n in range(workers)
    ]
    for member in crew:
        member.start()
    for member in crew:
        member.join()


def _crew_member(folder: Path, choices: dict[str, Any]) -> None:
    from misei.launchers.commands.console import progress

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), progress(f"worker {os.getpid()}") as on_progress:
        run_rockets(folder, on_progress=on_progress, **choices)
