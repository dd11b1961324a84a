"""Run campaigns through jobflow-remote, for those who have MongoDB and use it already.

The project file of jobflow-remote (examples/jobflow_remote/misei.yaml) names two classes of this
module, so that no address and no password stands in it: the queue's database is read from the
environment, and results go to the store of misei's settings.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid5

from jobflow import Flow, Job, JobStore
from maggma.core import Store
from maggma.stores import MongoStore
from monty.json import MontyDecoder
from pymongo.errors import DuplicateKeyError, PyMongoError

from misei.launchers.job_runs import JobId, find_reusable
from misei.launchers.machine import machine_settings
from misei.launchers.schedule import Schedule
from misei.launchers.screen import campaign_stages
from misei.launchers.store import open_store
from misei.screening.campaign import load_campaign
from misei.workflows.campaign import check_engines
from misei.workflows.keys import NAMESPACE

if TYPE_CHECKING:
    from jobflow_remote.config.base import Project
    from jobflow_remote.jobs.jobcontroller import JobController

WORKER_MODULE = "misei.launchers.remote.worker"


class RemoteError(ValueError):
    """A jobflow-remote, or a project of it, that cannot take misei's jobs."""


class QueueStore(MongoStore):
    """The MongoDB of jobflow-remote's queue, by a URI from the environment.

    Parameters
    ----------
    uri_variable
        Environment variable that holds the URI, with the database in it.
    collection_name
        Collection of the jobs.
    """

    def __init__(
        self, uri_variable: str = "MISEI_QUEUE", collection_name: str = "jobs", **kwargs: Any
    ) -> None:
        self.uri_variable = uri_variable
        uri = os.environ.get(uri_variable) or "mongodb://unset/unset"
        super().__init__(None, collection_name, uri=uri, **kwargs)

    @property
    def name(self) -> str:
        """Where the queue is, without user and password."""
        return f"${self.uri_variable}/{self.database}/{self.collection_name}"

    def connect(self, force_reset: bool = False) -> None:
        """Connect to the database.

        Raises
        ------
        RemoteError
            When the variable is not set.
        """
        if not os.environ.get(self.uri_variable):
            raise RemoteError(
                f"{self.uri_variable} is not set; it names the queue of jobflow-remote: "
                f"export {self.uri_variable}=mongodb://user:password@host/database"
            )
        super().connect(force_reset)

    def as_dict(self) -> dict[str, Any]:
        """Serialize the name of the variable, not the URI."""
        return {
            "@module": type(self).__module__,
            "@class": type(self).__name__,
            "uri_variable": self.uri_variable,
            "collection_name": self.collection_name,
        }


class ResultsStore:
    """Stands in a project file for a part of the store that misei's settings name."""

    @classmethod
    def from_dict(cls, content: dict[str, str]) -> Store:
        """Return the part: ``docs``, or the additional store ``data`` or ``records``."""
        store = open_store(results_location())
        if content["part"] == "docs":
            return store.docs_store
        part: Store = store.additional_stores[content["part"]]  # type: ignore[has-type]
        if content["part"] == "records":
            # jobflow gives every additional store the key of its large objects.
            part.update = partial(part.update, key=["uuid", "index"])  # type: ignore[method-assign]
        return part


def results_location() -> str:
    """Return the location of the results store in misei's settings.

    Raises
    ------
    RemoteError
        When it is a relative path: jobflow-remote's runner starts in another folder.
    """
    location = machine_settings().store_location
    if "://" not in location and not Path(location).is_absolute():
        raise RemoteError(
            f"the results store {location!r} is a relative path, which jobflow-remote's runner "
            "would look for elsewhere: export MISEI_STORE=/absolute/path/results.sqlite"
        )
    return location


@dataclass
class Submission:
    """What became of the jobs of some flows.

    Attributes
    ----------
    project, worker
        Names in jobflow-remote.
    finished
        Number of jobs whose results are in the store.
    submitted
        Ids in the queue of the jobs that are new to it.
    queued
        Number of jobs that were in the queue before, by state.
    held
        Names of the jobs that wait for queued ones; submit again when these have ended.
    message
        One line on a stage that waits for this one; empty: none does.
    """

    project: str
    worker: str
    finished: int = 0
    submitted: list[str] = field(default_factory=list)
    queued: Counter[str] = field(default_factory=Counter)
    held: list[str] = field(default_factory=list)
    message: str = ""


def submit_campaign(
    path: Path, project: str | None = None, worker: str | None = None
) -> Submission:
    """Run the thermodynamic stage here, and hand the rest of a campaign to jobflow-remote.

    A second stage is handed over by the submission after the first one has ended.

    Parameters
    ----------
    path
        Campaign file.
    project, worker
        As in :func:`open_project`.
    """
    campaign = load_campaign(path)
    check_engines(campaign)
    location = results_location()
    target = open_project(project, worker)
    store = open_store(location)
    plan = campaign_stages(campaign, store, machine_settings().run_dir)
    submission = submit_flows(plan.flows, store, *target, name=campaign.name)
    submission.message = plan.message
    return submission


def submit_flows(
    flows: Iterable[Flow | Job], store: JobStore, project: Project, worker: str, name: str = "misei"
) -> Submission:
    """Submit the jobs of flows that are neither finished nor in the queue.

    Parameters
    ----------
    flows
        Flows of content-keyed jobs; they may share jobs.
    store
        Results store of the project.
    project, worker
        From :func:`open_project`.
    name
        Of the one flow that jobflow-remote is given.

    Raises
    ------
    RemoteError
        When the queue cannot be reached or was never set up, or takes the same jobs from
        another process at this moment.
    """
    unfinished, finished = _unfinished(flows, store)
    submission = Submission(project.name, worker, finished)
    with _queue(project) as queue:
        criteria = {"uuid": {"$in": sorted({uuid for uuid, _ in unfinished})}}
        states: dict[JobId, str] = {
            (doc["uuid"], doc["index"]): doc["state"]
            for doc in queue.get_jobs(criteria, ["uuid", "index", "state"])
        }
        new = {identity: job for identity, job in unfinished.items() if identity not in states}
        submission.queued.update(states[i] for i in unfinished if i in states)
        for identity in _waiting(new, {uuid for uuid, _ in unfinished.keys() - new.keys()}):
            submission.held.append(new.pop(identity).name)
        if new:
            flow = _merged(new, name)
            with warnings.catch_warnings():  # jobflow warns of jobs that are not connected
                warnings.simplefilter("ignore")
                submission.submitted = queue.add_flow(flow, worker, allow_external_references=True)
    return submission


@contextmanager
def _queue(project: Project) -> Iterator[JobController]:
    try:
        queue = project.get_job_controller()
        if queue.auxiliary.find_one({"next_id": {"$exists": True}}) is None:
            raise RemoteError(
                f"the queue of the project {project.name!r} was never set up: run "
                f"`jf -p {project.name} admin reset` once"
            )
        yield queue
    except ValueError as error:
        if isinstance(error.__cause__, DuplicateKeyError):
            raise RemoteError("another process is submitting these jobs: submit again") from error
        raise
    except PyMongoError as error:
        raise RemoteError(
            f"the queue of the project {project.name!r} cannot be reached: "
            f"{str(error).split(',')[0]}"
        ) from error


def _unfinished(flows: Iterable[Flow | Job], store: JobStore) -> tuple[dict[JobId, Job], int]:
    """Jobs without a result, those that finished jobs asked for among them; number of others."""
    schedule, finished = Schedule(), set()
    schedule.add(flows)
    while (job := schedule.take()) is not None:
        record = find_reusable(store, job)
        if record is not None:
            new = {k: MontyDecoder().process_decoded(v) for k, v in record.new_jobs.items()}
            finished.add((job.uuid, job.index))
            schedule.finish((job.uuid, job.index), new, record.stops)
    done = finished | set(schedule.doomed)  # doomed: called off by a finished job
    return {i: job for i, job in schedule.jobs.items() if i not in done}, len(finished)


def _waiting(new: dict[JobId, Job], queued: set[str]) -> list[JobId]:
    """Jobs that need, at first or second hand, one that the queue holds for another flow.

    jobflow-remote knows no waiting across flows: it would run them without their inputs.
    """
    blocked, waiting = set(queued), list[JobId]()
    while more := [i for i in new.keys() - waiting if blocked & set(new[i].input_uuids)]:
        waiting += more
        blocked |= {uuid for uuid, _ in more}
    return waiting


def _merged(jobs: dict[JobId, Job], name: str) -> Flow:
    """One flow of all jobs, which knows their order; itself named by its content.

    jobflow-remote puts the flow in first: of two equal ones at once, the second fails there.
    """
    copies: list[Flow | Job] = [deepcopy(job) for job in jobs.values()]
    for copy in copies:
        copy.hosts = []  # jobflow lets a job be in one flow only
    return Flow(copies, name=name, uuid=str(uuid5(NAMESPACE, str(sorted(jobs)))))


def open_project(project: str | None = None, worker: str | None = None) -> tuple[Project, str]:
    """Return a project of jobflow-remote that can take misei's jobs, and a worker's name.

    Parameters
    ----------
    project
        Name; by default jobflow-remote's own choice (``JFREMOTE_PROJECT``, or the only one).
    worker
        Name; by default the project's first.

    Raises
    ------
    RemoteError
        When jobflow-remote is not installed, or project or worker are unknown or would run
        misei's jobs in another way than this module does.
    """
    found = _load_project(project)
    names = list(found.workers)
    worker = worker or next(iter(names), None)
    if worker not in names:
        raise RemoteError(
            f"the project {found.name!r} has no worker {worker!r}; valid: {', '.join(names)}"
        )
    command = found.workers[worker].execution_cmd or "jf -fe execution run {}"
    if WORKER_MODULE not in command:
        raise RemoteError(
            f"the worker {worker!r} of the project {found.name!r} runs jobs with {command!r}; "
            f"set its execution_cmd to: python -m {WORKER_MODULE} {{}}"
        )
    _check_results(found)
    return found, worker


def _check_results(project: Project) -> None:
    """Refuse a project that puts its results where misei would not find them."""
    theirs, ours = project.get_jobstore(), open_store(results_location())
    parts = [(s.docs_store, *sorted(s.additional_stores.items())) for s in (theirs, ours) if s]  # type: ignore[has-type]
    if len(parts) < 2 or parts[0] != parts[1]:
        raise RemoteError(
            f"the project {project.name!r} does not put its results in the store of misei's "
            "settings; take its jobstore from examples/jobflow_remote/misei.yaml"
        )


def _load_project(project: str | None) -> Project:
    try:
        from jobflow_remote.config.base import ConfigError
        from jobflow_remote.config.manager import ConfigManager
    except ImportError as error:
        raise RemoteError(
            "jobflow-remote is not installed here: pip install jobflow-remote"
        ) from error
    manager = ConfigManager()
    try:
        return manager.get_project(project)
    except ConfigError as error:
        raise RemoteError(
            f"{error} (folder {manager.projects_folder}); `jf project list --warn` says what is "
            "wrong with a file"
        ) from error
