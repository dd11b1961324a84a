"""Jobs as Fireworks: what a FireWorks worker runs, and what it adds to a workflow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from threading import Event
from typing import Any

from fireworks import FiretaskBase, Firework, FWAction, Workflow, explicit_serialize
from jobflow import Flow, Job, JobStore, OnMissing
from monty.json import MontyDecoder, MontyEncoder

from misei.launchers.fireworks.launchpad import public_name
from misei.launchers.job_runs import (
    LOOK_AGAIN,
    JobId,
    find_or_claim,
    job_folder,
    left_answer,
    run_job,
    store_answer,
    with_inputs,
)
from misei.launchers.machine import machine_settings
from misei.launchers.store import open_store
from misei.screening.schemas_runs import JobRecord

# What every Firework of a campaign has in its spec, and hands on to the ones it adds.
INHERITED = ("campaign", "flows", "run_dir", "store", "default_category", "fixed_category")
# Results stores by public name: a worker opens its own before it goes to any launch folder.
OPEN_STORES: dict[str, JobStore] = {}
# FireWorks takes Ctrl-C and SIGTERM for a failure of the job, and says nothing to its worker.
INTERRUPTED = Event()
# Another process may store the result while this one comes for it.
LOOKS = 5


class WrongStoreError(ValueError):
    """A worker whose results store is not the one that the job was submitted for."""


class JobFailedError(RuntimeError):
    """A job that failed; the message is its traceback."""


@explicit_serialize
class JobTask(FiretaskBase):
    """Runs one job, or finds its result in the store; the worker's environment says which store.

    Attributes
    ----------
    job
        The jobflow job, as JSON text: FireWorks is not to take it apart.
    """

    required_params = ("job",)

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """Run the job; its new jobs become detours and additions, its failure this task's."""
        job = json.loads(self["job"], cls=MontyDecoder)
        run_dir = Path(fw_spec["run_dir"])
        try:
            record = run_stored(job, _worker_store(run_dir, fw_spec["store"]), run_dir)
        except KeyboardInterrupt:
            INTERRUPTED.set()
            raise
        if record.state == "failed":
            raise JobFailedError(f"{job.name} failed:\n{record.traceback}")
        return _action(record, {key: fw_spec[key] for key in INHERITED})


def _worker_store(run_dir: Path, expected: str) -> JobStore:
    if expected not in OPEN_STORES:
        location = machine_settings(run_dir=run_dir).store_location
        if public_name(location) != expected:
            raise WrongStoreError(
                f"the results store of this worker is {public_name(location)}, and the job was "
                f"submitted for {expected}: give the worker the MISEI_STORE of `misei submit`"
            )
        OPEN_STORES[expected] = open_store(location, must_exist=True)
    return OPEN_STORES[expected]


def run_stored(job: Job, store: JobStore, run_dir: Path) -> JobRecord:
    """Find the record of a job that finished, or run it here and store what it gives."""
    folder = job_folder(run_dir, job)
    for _ in range(LOOKS):
        record = find_or_claim(store, job, folder)
        if record is not None:
            return record
        task = with_inputs(job, store)
        left = left_answer(folder, json.loads(task)["missing_inputs"])
        answer = left or run_job(task, str(folder))
        if answer != LOOK_AGAIN:
            return store_answer(store, answer)
    raise JobFailedError(f"{job.name}: other workers keep running the same job in {folder}")


def _action(record: JobRecord, spec: dict[str, Any]) -> FWAction:
    new = {kind: MontyDecoder().process_decoded(flow) for kind, flow in record.new_jobs.items()}
    workflows = {kind: to_workflow([flow], spec, record.name) for kind, flow in new.items()}
    return FWAction(
        stored_data={"seconds": record.seconds, "folder": record.folder},
        detours=[workflows[k] for k in ("replace", "detour") if k in workflows],
        additions=[workflows["addition"]] if "addition" in workflows else [],
        defuse_children="stop_children" in record.stops,
        defuse_workflow="stop_jobflow" in record.stops,
    )


def to_workflow(flows: Iterable[Flow | Job], spec: dict[str, Any], name: str) -> Workflow:
    """Make one workflow of flows, in which a job that several of them hold is one Firework.

    Parameters
    ----------
    flows
        Flows of keyed jobs.
    spec
        Of every Firework (:data:`INHERITED`).
    name
        Of the workflow.
    """
    jobs, needs = flow_jobs(flows)
    return jobs_workflow(jobs, needs, dict.fromkeys(jobs, spec), name)


def flow_jobs(flows: Iterable[Flow | Job]) -> tuple[dict[JobId, Job], dict[JobId, set[JobId]]]:
    """Return the jobs of flows by id, and of each the ones it waits for."""
    jobs: dict[JobId, Job] = {}
    uuids: dict[JobId, set[str]] = {}
    for flow in flows:
        members = flow.iterflow() if isinstance(flow, Flow) else [(flow, flow.input_uuids)]
        for job, parents in members:
            jobs.setdefault((job.uuid, job.index), job)
            # A flow's own graph leaves out references to the jobs of other flows.
            uuids.setdefault((job.uuid, job.index), set()).update(parents, job.input_uuids)
    by_uuid: dict[str, set[JobId]] = {}
    for identity in jobs:
        by_uuid.setdefault(identity[0], set()).add(identity)
    needs = {
        identity: {p for uuid in uuids[identity] - {identity[0]} for p in by_uuid.get(uuid, ())}
        | {p for p in by_uuid[identity[0]] if p[1] < identity[1]}
        for identity in jobs
    }
    return jobs, needs


def jobs_workflow(
    jobs: dict[JobId, Job],
    needs: dict[JobId, set[JobId]],
    specs: dict[JobId, dict[str, Any]],
    name: str,
) -> Workflow:
    """Make a workflow of jobs; what they need and is not among them is finished."""
    fireworks = {identity: _firework(job, specs[identity]) for identity, job in jobs.items()}
    links: dict[Firework, list[Firework]] = {}
    for identity, parents in needs.items():
        for parent in parents & fireworks.keys():
            if identity in fireworks:
                links.setdefault(fireworks[parent], []).append(fireworks[identity])
    return Workflow(list(fireworks.values()), links, name=name)


def _firework(job: Job, spec: dict[str, Any]) -> Firework:
    own = {**job.config.manager_config, **spec, "uuid": job.uuid, "index": job.index}
    category = spec["default_category"]
    if not spec["fixed_category"]:
        # A maker that names no engine is one of the engine itself, or needs none: either way the
        # workers for the campaign's engine have what it takes.
        category = getattr(job.maker, "engine", None) or category
    if category is not None:
        own["_category"] = category
    # jobflow lets the job that closes a replaced one point at an output that is missing.
    if job.config.on_missing_references != OnMissing.ERROR and job.index == 1:
        own["_allow_fizzled_parents"] = True
    return Firework([JobTask(job=json.dumps(job, cls=MontyEncoder))], spec=own, name=job.name)
