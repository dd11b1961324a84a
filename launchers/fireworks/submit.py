"""Flows to the LaunchPad: only what is neither finished nor there already."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
from jobflow import Flow, Job, JobStore
from monty.json import MontyDecoder

from misei.launchers.fireworks.launchpad import public_name
from misei.launchers.fireworks.tasks import flow_jobs, jobs_workflow
from misei.launchers.job_runs import JobId, find_reusable, locked

if TYPE_CHECKING:
    from fireworks import LaunchPad, Workflow

# States of Fireworks that are still to come to an end, by themselves or by retry and resume.
LIVE_STATES = ("WAITING", "READY", "RESERVED", "RUNNING", "PAUSED", "FIZZLED", "DEFUSED")


@dataclass(frozen=True)
class Submission:
    """What came of the jobs of some flows.

    Attributes
    ----------
    campaign
        Name.
    submitted
        Fireworks added now.
    finished
        Jobs whose result is in the store.
    present
        Jobs in the LaunchPad already that are not finished, by state.
    message
        One line on a stage that waits for this one; empty: none does.
    """

    campaign: str
    submitted: int = 0
    finished: int = 0
    present: dict[str, int] = field(default_factory=dict)
    message: str = ""

    def plus(self, other: Submission, counted: int) -> Submission:
        """Return the sum with another stage, of whose finished jobs some have been counted."""
        present = Counter(self.present) + Counter(other.present)
        return replace(
            self,
            submitted=self.submitted + other.submitted,
            finished=self.finished + other.finished - counted,
            present={state: present[state] for state in LIVE_STATES if present[state]},
        )


@dataclass(frozen=True)
class Target:
    """Where the jobs of a submission run and what they go by.

    Attributes
    ----------
    campaign
        Name that `misei status` and `misei cancel` take.
    run_dir
        Folder of job files; workers see it too.
    store
        Location of the results store; its password stays here.
    category
        FireWorks' worker category of jobs whose maker names no engine.
    fixed_category
        Whether it is that of the other jobs too.
    """

    campaign: str
    run_dir: Path
    store: str
    category: str | None = None
    fixed_category: bool = False

    def spec(self, flows: list[str]) -> dict[str, Any]:
        """Spec of a Firework of these flows."""
        return {
            "campaign": self.campaign,
            "flows": flows,
            "run_dir": str(self.run_dir.resolve()),
            "store": public_name(self.store),
            "default_category": self.category,
            "fixed_category": self.fixed_category,
        }


def submit_flows(
    launchpad: LaunchPad, flows: Iterable[Flow], store: JobStore, target: Target
) -> Submission:
    """Add the jobs of flows that are neither finished nor in the LaunchPad.

    Flows that share jobs become one workflow, in which each is one Firework. A job that another
    campaign's Firework runs gets a second one, which finds the first one's result.

    Parameters
    ----------
    launchpad
        Where to.
    flows
        Flows of keyed jobs.
    store
        Results store, for what is finished.
    target
        What the Fireworks' specs say.
    """
    flows = list(flows)
    folder = target.run_dir / target.campaign
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):  # of two submissions at once, one finds what the other added
        return _submit(launchpad, flows, store, target)


def _submit(launchpad: LaunchPad, flows: list[Flow], store: JobStore, target: Target) -> Submission:
    jobs, needs = flow_jobs(flows)
    open_jobs = {identity for identity, job in jobs.items() if not is_settled(job, store)}
    present = _present(launchpad, {uuid for uuid, _ in open_jobs}, target)
    graph = nx.DiGraph(
        (parent, identity) for identity in open_jobs for parent in needs[identity] & open_jobs
    )
    graph.add_nodes_from(open_jobs)
    chosen = {identity for identity in open_jobs if identity[0] not in present}
    for identity in list(chosen):
        chosen |= nx.ancestors(graph, identity)
    flow_names = _flow_names(flows)
    specs = {i: target.spec(flow_names[i]) for i in chosen}
    # In the order of the flows: FireWorks starts what was submitted first.
    parts = [
        {i: job for i, job in jobs.items() if i in part}
        for part in nx.weakly_connected_components(graph.subgraph(chosen))
    ]
    _add([jobs_workflow(part, needs, specs, target.campaign) for part in parts], launchpad)
    states = [present[uuid] for uuid, _ in open_jobs if uuid in present]
    return Submission(
        campaign=target.campaign,
        submitted=len(chosen),
        finished=len(jobs) - len(open_jobs),
        present={state: states.count(state) for state in LIVE_STATES if state in states},
    )


def is_settled(job: Job, store: JobStore) -> bool:
    """Whether a job and all that it asked for is finished, so that none of it need be run."""
    record = find_reusable(store, job)
    if record is None or record.missing_inputs or record.stops:
        return False
    new = [MontyDecoder().process_decoded(flow) for flow in record.new_jobs.values()]
    return all(is_settled(other, store) for flow in new for other, _ in flow.iterflow())


def _present(launchpad: LaunchPad, uuids: set[str], target: Target) -> dict[str, str]:
    """State by uuid of the campaign's Fireworks, of any index, that are not at their end."""
    found = launchpad.fireworks.find(
        {
            "spec.uuid": {"$in": sorted(uuids)},
            "spec.campaign": target.campaign,
            "spec.store": public_name(target.store),
            "state": {"$in": list(LIVE_STATES)},
        },
        {"spec.uuid": 1, "state": 1},
    )
    return {doc["spec"]["uuid"]: doc["state"] for doc in found}


def _flow_names(flows: list[Flow]) -> dict[JobId, list[str]]:
    names: dict[JobId, list[str]] = {}
    for flow in flows:
        for job, _ in flow.iterflow():
            names.setdefault((job.uuid, job.index), []).append(flow.name)
    return names


def _add(workflows: list[Workflow], launchpad: LaunchPad) -> None:
    if workflows:
        with redirect_stderr(io.StringIO()):  # a progress bar
            # Workflows before Fireworks: no worker takes one whose workflow is not there yet.
            launchpad.bulk_add_wfs(workflows)
