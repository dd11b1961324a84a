"""How far campaigns are: counts, failed jobs with their real error, lost runs, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobflow import Flow, Job, JobStore
from pydantic import BaseModel

from misei.launchers.fireworks.control import Query, find_lost
from misei.launchers.fireworks.errors import files_error, launch_error, launch_traceback
from misei.launchers.fireworks.launchpad import launchpad_name
from misei.launchers.fireworks.queue import active_jobs, known_jobs
from misei.launchers.fireworks.rockets import LAUNCH_FILES
from misei.launchers.flow_records import walk_records
from misei.launchers.job_runs import find_records, record_store
from misei.launchers.tracebacks import error_line
from misei.screening.schemas_runs import JobRecord

if TYPE_CHECKING:
    from fireworks import LaunchPad

# FireWorks' states in words; "blocked" and "lost" are told apart below.
STATES = {
    "COMPLETED": "finished",
    "RUNNING": "running",
    "READY": "ready",
    "RESERVED": "ready",
    "WAITING": "waiting",
    "FIZZLED": "failed",
    "PAUSED": "cancelled",
    "DEFUSED": "called off",
    "ARCHIVED": "archived",
}
ORDER = (
    "finished", "running", "ready", "waiting", "blocked", "failed", "lost", "cancelled",
    "called off", "not run", "archived",
)  # fmt: skip


class FailedJob(BaseModel):
    """A job that failed or was lost, and why."""

    job: str
    uuid: str
    index: int
    campaign: str | None = None
    state: str
    error: str
    traceback: str | None = None
    folder: str


class CampaignCounts(BaseModel):
    """Jobs of a campaign by state, and of each of its flows; flows may share jobs."""

    campaign: str | None
    counts: dict[str, int]
    flows: dict[str, dict[str, int]] = {}


class Status(BaseModel):
    """What `misei status` prints.

    Attributes
    ----------
    where
        LaunchPad or results store that was asked.
    ended
        Why queue jobs ended, by launch folder, where no job was started since.
    """

    where: str
    campaigns: list[CampaignCounts]
    failed: list[FailedJob] = []
    queue_jobs: list[str] = []
    ended: dict[str, str] = {}
    advice: list[str] = []


def launchpad_status(launchpad: LaunchPad, query: Query, run_dir: Path) -> Status:
    """Return how far the campaigns in a LaunchPad are."""
    fields = {"_id": 0, "spec._tasks": 0, "spec._fizzled_parents": 0}
    fireworks = list(launchpad.fireworks.find(query, fields, sort=[("fw_id", 1)]))
    lost = {run.fw_id: run for run in find_lost(launchpad, query)}
    blocked = _blocked(launchpad, fireworks)
    for doc in fireworks:
        doc["state"] = STATES[doc["state"]]
        if doc["fw_id"] in blocked:
            doc["state"] = "blocked"
        if doc["fw_id"] in lost:
            doc["state"] = "lost"
    reasons = {fw_id: run.reason for fw_id, run in lost.items()}
    bad = [doc for doc in fireworks if doc["state"] in ("failed", "lost")]
    jobs = known_jobs(run_dir, launchpad_name(launchpad))
    active = active_jobs(jobs)
    status = Status(
        where=f"LaunchPad {launchpad_name(launchpad)}",
        campaigns=[*_campaigns(fireworks)],
        failed=[*_failed(launchpad, bad, reasons)],
        queue_jobs=[job.number for job in active],
    )
    if not active:
        status.ended = _ended(launchpad, [job.folder for job in jobs])
    status.advice = _advice(status)
    return status


def _blocked(launchpad: LaunchPad, fireworks: list[dict[str, Any]]) -> set[int]:
    """Ids of the Fireworks that wait for a failed one, or for one that was called off."""
    by_id = {doc["fw_id"]: doc for doc in fireworks}
    nodes = {
        "nodes": {"$in": [i for i, d in by_id.items() if d["state"] in ("FIZZLED", "DEFUSED")]}
    }
    blocked: set[int] = set()
    for workflow in launchpad.workflows.find(nodes, {"links": 1}):
        links = {int(parent): children for parent, children in workflow["links"].items()}
        front = [i for i in links if by_id.get(i, {}).get("state") in ("FIZZLED", "DEFUSED")]
        while front:
            for child in links.get(front.pop(), []):
                doc = by_id.get(child, {"state": "", "spec": {}})
                tolerant = doc["spec"].get("_allow_fizzled_parents", False)
                if doc["state"] == "WAITING" and not tolerant and child not in blocked:
                    blocked.add(child)
                    front.append(child)
    return blocked


def _campaigns(fireworks: list[dict[str, Any]]) -> Iterator[CampaignCounts]:
    for name in dict.fromkeys(doc["spec"]["campaign"] for doc in fireworks):
        mine = [doc for doc in fireworks if doc["spec"]["campaign"] == name]
        flows = dict.fromkeys(flow for doc in mine for flow in doc["spec"]["flows"])
        yield CampaignCounts(
            campaign=name,
            counts=_count(doc["state"] for doc in mine),
            flows={
                flow: _count(doc["state"] for doc in mine if flow in doc["spec"]["flows"])
                for flow in flows
            },
        )


def _count(states: Iterable[str]) -> dict[str, int]:
    counts = Counter(states)
    return {state: counts[state] for state in ORDER if counts[state]}


def _failed(
    launchpad: LaunchPad, fireworks: list[dict[str, Any]], reasons: dict[int, str]
) -> Iterator[FailedJob]:
    wanted = {"launch_id": {"$in": [doc["launches"][-1] for doc in fireworks if doc["launches"]]}}
    launches = {launch["fw_id"]: launch for launch in launchpad.launches.find(wanted)}
    for doc in fireworks:
        launch, spec = launches.get(doc["fw_id"]), doc["spec"]
        yield FailedJob(
            job=doc["name"],
            uuid=spec["uuid"],
            index=spec["index"],
            campaign=spec["campaign"],
            state=doc["state"],
            error=reasons.get(doc["fw_id"]) or launch_error(launch, spec),
            traceback=launch_traceback(launch, spec),
            folder=launch["launch_dir"] if launch else "",
        )


def _ended(launchpad: LaunchPad, folders: list[Path]) -> dict[str, str]:
    """Why queue jobs ended that wrote something after the last start of any job."""
    last = launchpad.launches.find_one({}, {"time_start": 1}, sort=[("launch_id", -1)])
    since = last["time_start"] if last else ""
    late = [folder for folder in folders if _modified(folder) > since]
    errors = {str(folder): files_error(folder) for folder in late}
    return {folder: error for folder, error in errors.items() if error is not None}


def _modified(folder: Path) -> str:
    times = [path.stat().st_mtime for path in folder.glob(f"{LAUNCH_FILES}*")]
    return datetime.fromtimestamp(max(times, default=0.0), UTC).isoformat()


def _advice(status: Status) -> list[str]:
    states = {state for campaign in status.campaigns for state in campaign.counts}
    advice = []
    if "failed" in states:
        advice.append("misei retry: run failed jobs again, once what they say is mended")
    if states & {"lost", "cancelled"}:
        advice.append("misei resume: bring back lost and cancelled jobs")
    if "ready" in states and not status.queue_jobs:
        advice.append("misei launch --cluster FILE (or misei launch --here): run what is ready")
    if states == {"finished"}:
        advice.append("misei screen CAMPAIGN.yaml: all is computed; write ranking and report")
    return advice


def store_status(store: JobStore, where: str, flows: Iterable[Flow] | None) -> Status:
    """Return what a results store knows of past runs, without any LaunchPad.

    Parameters
    ----------
    store
        Results store.
    where
        Its public name.
    flows
        Those of a campaign; None takes every job that ever ended.
    """
    if flows is None:
        records = [JobRecord.model_validate(doc) for doc in record_store(store).query()]
        campaigns = [CampaignCounts(campaign=None, counts=_count(r.state for r in records))]
    else:
        by_flow = {flow.name: list(_states(flow, store)) for flow in flows}
        jobs = {job[:2]: job for states in by_flow.values() for job in states}
        records = [*find_records(store, jobs).values()]
        counts = {name: _count(state for *_, state in states) for name, states in by_flow.items()}
        total = _count(state for *_, state in jobs.values())
        campaigns = [CampaignCounts(campaign=None, counts=total, flows=counts)]
    failed = [_failed_record(record) for record in records if record.state == "failed"]
    status = Status(where=f"results store {where}", campaigns=campaigns, failed=failed)
    if failed or "not run" in campaigns[0].counts:
        status.advice = ["misei screen CAMPAIGN.yaml: go on; failed jobs are tried again"]
    return status


def _states(flow: Flow | Job, store: JobStore) -> Iterator[tuple[str, int, str]]:
    """Uuid, index and state of the jobs of a flow, and of those that these became."""
    for identity, record in walk_records([flow], store):
        yield (*identity, record.state if record else "not run")


def _failed_record(record: JobRecord) -> FailedJob:
    return FailedJob(
        job=record.name,
        uuid=record.uuid,
        index=record.index,
        state=record.state,
        error=error_line(record.traceback or record.error or ""),
        traceback=record.traceback,
        folder=record.folder,
    )
