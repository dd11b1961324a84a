"""Retry, resume and cancel what is in the LaunchPad; nothing that finished is touched."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misei.launchers.fireworks.errors import files_error
from misei.launchers.fireworks.launchpad import launchpad_name
from misei.launchers.fireworks.queue import (
    QueueJob,
    active_jobs,
    cancel_jobs,
    known_jobs,
    numbers_in_queue,
)

if TYPE_CHECKING:
    from fireworks import LaunchPad

# A lock that is held this long without a change of its workflow was left by a killed worker.
STALE_LOCK_S = 20.0
# A worker takes a Firework and notes that it runs it in two steps, milliseconds apart.
STALE_RESERVATION_S = 60.0
# After being told to end, a queue job is given this long by common queue systems.
KILL_WAIT_S = 60.0

Query = dict[str, Any]
OnJob = Callable[[str], None]


class NoSuchJobError(ValueError):
    """A campaign or a job that the LaunchPad does not hold."""


@dataclass(frozen=True)
class LostRun:
    """A Firework that runs by the LaunchPad, and whose worker is gone."""

    launch_id: int
    fw_id: int
    name: str
    reason: str


@dataclass
class Resumed:
    """What `misei resume` brought back: names of jobs."""

    lost: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)


@dataclass
class Cancelled:
    """What `misei cancel` stopped: names of jobs, numbers of queue jobs."""

    jobs: list[str] = field(default_factory=list)
    queue_jobs: list[str] = field(default_factory=list)
    still_running: list[str] = field(default_factory=list)


def campaign_query(launchpad: LaunchPad, campaign: str | None) -> Query:
    """Return the query of misei's Fireworks, or of a campaign's.

    Raises
    ------
    NoSuchJobError
        When the LaunchPad holds none.
    """
    if campaign is None:
        return {"spec.campaign": {"$exists": True}}
    known = launchpad.fireworks.distinct("spec.campaign")
    if campaign not in known:
        there = ", ".join(sorted(known)) or "none; `misei submit` adds them"
        raise NoSuchJobError(f"no campaign {campaign!r} in the LaunchPad; there: {there}")
    return {"spec.campaign": campaign}


def retry(launchpad: LaunchPad, query: Query, job: str | None, on_job: OnJob) -> list[str]:
    """Run failed jobs again, with what depends on them; return their names.

    Parameters
    ----------
    launchpad
        Where they are.
    query
        From :func:`campaign_query`.
    job
        Name or uuid of one; all by default.
    on_job
        Called with the name of each.

    Raises
    ------
    NoSuchJobError
        When no failed job has that name.
    """
    failed = _find(launchpad, {**query, "state": "FIZZLED"})
    if job is not None:
        chosen = [doc for doc in failed if job in (doc["name"], doc["spec"]["uuid"])]
        if not chosen:
            names = ", ".join(sorted({doc["name"] for doc in failed})) or "none"
            raise NoSuchJobError(f"no failed job {job!r}; failed: {names}")
        failed = chosen
    for doc in failed:
        launchpad.rerun_fw(doc["fw_id"])
        on_job(doc["name"])
    return [doc["name"] for doc in failed]


def find_lost(launchpad: LaunchPad, query: Query) -> list[LostRun]:
    """Return the runs whose worker is gone.

    A worker of this machine is looked for by its process, one in a queue by its queue job; of
    any other FireWorks' heartbeat is awaited (four hours by default).
    """
    names = {doc["fw_id"]: doc["name"] for doc in _find(launchpad, {**query, "state": "RUNNING"})}
    wanted = {"state": "RUNNING", "fw_id": {"$in": list(names)}}
    launches = list(launchpad.launches.find(wanted))
    silent, _, _ = launchpad.detect_lostruns(query=query)
    queues: dict[str, set[str] | None] = {}
    gone = {
        launch["launch_id"]: launch
        for launch in launches
        if launch["launch_id"] in silent or _is_gone(launch, queues)
    }
    # What finished between the two looks was not lost.
    still = launchpad.launches.find({"launch_id": {"$in": list(gone)}, "state": "RUNNING"})
    return [
        LostRun(
            launch_id=launch["launch_id"],
            fw_id=launch["fw_id"],
            name=names[launch["fw_id"]],
            reason=files_error(Path(launch["launch_dir"])) or _last_seen(launch),
        )
        for launch in still
    ]


def _is_gone(launch: dict[str, Any], queues: dict[str, set[str] | None]) -> bool:
    worker = launch["fworker"].get("env") or {}
    if worker.get("host") == os.uname().nodename:
        return not _is_alive(worker["pid"])
    system = worker.get("queue_system")
    if system is None:
        return False
    if system not in queues:
        queues[system] = numbers_in_queue(system)
    numbers = queues[system]
    return numbers is not None and worker["queue_job"] not in numbers


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a process that has ended, and that nobody has asked for
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def _last_seen(launch: dict[str, Any]) -> str:
    worker = launch["fworker"].get("env") or {}
    queue_job = f", queue job {worker['queue_job']}" if "queue_job" in worker else ""
    seen = launch["state_history"][-1].get("updated_on", "never")
    return f"lost: its worker on {launch['host']}{queue_job} is gone (last seen {seen})"


def resume(launchpad: LaunchPad, query: Query, on_job: OnJob) -> Resumed:
    """Bring back runs that were lost, and jobs that were cancelled."""
    report = Resumed()
    _unlock(launchpad, query)
    launchpad.detect_lostruns(query=query, refresh=True)  # ended, and not noted as such
    for run in find_lost(launchpad, query):
        launchpad.mark_fizzled(run.launch_id)
        launchpad.rerun_fw(run.fw_id)
        report.lost.append(run.name)
        on_job(run.name)
    for doc in _reserved_long_ago(launchpad, query):
        launchpad.rerun_fw(doc["fw_id"])
        report.lost.append(doc["name"])
    for doc in _find(launchpad, {**query, "state": "PAUSED"}):
        launchpad.resume_fw(doc["fw_id"])
        report.cancelled.append(doc["name"])
        on_job(doc["name"])
    return report


def _unlock(launchpad: LaunchPad, query: Query) -> None:
    """Free workflows that a worker had locked when it was killed."""
    fw_ids = [doc["fw_id"] for doc in _find(launchpad, query)]
    locked = {"nodes": {"$in": fw_ids}, "locked": {"$exists": True}}
    fields = {"updated_on": 1, "nodes": {"$slice": 1}}
    before = {doc["_id"]: doc for doc in launchpad.workflows.find(locked, fields)}
    deadline = time.monotonic() + STALE_LOCK_S
    while before and time.monotonic() < deadline:
        time.sleep(0.5)
        now = {doc["_id"]: doc for doc in launchpad.workflows.find(locked, fields)}
        before = {i: d for i, d in before.items() if i in now and now[i] == d}
    for identity, doc in before.items():
        launchpad.workflows.update_one({"_id": identity}, {"$unset": {"locked": ""}})
        launchpad._refresh_wf(doc["nodes"][0])


def _reserved_long_ago(launchpad: LaunchPad, query: Query) -> list[dict[str, Any]]:
    from datetime import UTC, datetime, timedelta

    limit = (datetime.now(UTC) - timedelta(seconds=STALE_RESERVATION_S)).replace(tzinfo=None)
    reserved = _find(launchpad, {**query, "state": "RESERVED"}, updated_on=1, launches=1)
    # In FireWorks' reservation mode, which misei does not use, there is a launch already.
    return [doc for doc in reserved if not doc["launches"] and doc["updated_on"] < limit]


def cancel(launchpad: LaunchPad, query: Query, run_dir: Path, on_job: OnJob) -> Cancelled:
    """Stop what waits and the queue jobs that run it; `misei resume` undoes it.

    The jobs are paused, not defused: so `misei resume` can tell them from those that a flow
    called off. A queue job that runs another campaign's job goes on.
    """
    report = Cancelled()
    report.jobs += _pause(launchpad, query, on_job)
    jobs = _to_cancel(launchpad, active_jobs(known_jobs(run_dir, launchpad_name(launchpad))), query)
    cancel_jobs(jobs)
    _wait_until_gone(jobs)
    report.queue_jobs = [job.number for job in jobs]
    for run in find_lost(launchpad, query):
        launchpad.mark_fizzled(run.launch_id)
        launchpad.rerun_fw(run.fw_id)
    # What these have given back; rerunning a job makes those that wait for it wait anew.
    report.jobs = list(dict.fromkeys([*report.jobs, *_pause(launchpad, query, on_job)]))
    report.still_running = [d["name"] for d in _find(launchpad, {**query, "state": "RUNNING"})]
    return report


def _pause(launchpad: LaunchPad, query: Query, on_job: OnJob) -> list[str]:
    names = []
    for state in ("READY", "WAITING"):
        for doc in _find(launchpad, {**query, "state": state}):
            if launchpad.pause_fw(doc["fw_id"]):
                names.append(doc["name"])
                on_job(doc["name"])
    return names


def _to_cancel(launchpad: LaunchPad, jobs: list[QueueJob], query: Query) -> list[QueueJob]:
    """Queue jobs that have nothing to do but what is cancelled."""
    others = {"spec.campaign": {"$exists": True, "$nin": _campaigns(launchpad, query)}}
    waiting = {**others, "state": {"$in": ["READY", "WAITING"]}}
    other_work = launchpad.fireworks.find_one(waiting, {"fw_id": 1}) is not None
    running = {s: _folders(launchpad, {**q, "state": "RUNNING"}) for s, q in
               (("mine", query), ("others", others))}  # fmt: skip

    def runs(job: QueueJob, whose: str) -> bool:
        return any(folder.is_relative_to(job.folder) for folder in running[whose])

    return [
        job for job in jobs if not runs(job, "others") and (runs(job, "mine") or not other_work)
    ]


def _campaigns(launchpad: LaunchPad, query: Query) -> list[str]:
    return list(launchpad.fireworks.distinct("spec.campaign", query))


def _folders(launchpad: LaunchPad, query: Query) -> list[Path]:
    fw_ids = [doc["fw_id"] for doc in _find(launchpad, query)]
    wanted = {"fw_id": {"$in": fw_ids}, "state": "RUNNING"}
    return [Path(d["launch_dir"]) for d in launchpad.launches.find(wanted, {"launch_dir": 1})]


def _wait_until_gone(jobs: Iterable[QueueJob]) -> None:
    deadline = time.monotonic() + KILL_WAIT_S
    while (jobs := active_jobs(jobs)) and time.monotonic() < deadline:
        time.sleep(0.5)


def _find(launchpad: LaunchPad, query: Query, **fields: int) -> list[dict[str, Any]]:
    """Fireworks without the jobs in them, in the order they were added."""
    wanted = {"fw_id": 1, "name": 1, "state": 1, "spec.uuid": 1, **fields}
    return list(launchpad.fireworks.find(query, wanted, sort=[("fw_id", 1)]))
