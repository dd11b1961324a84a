"""What the FireWorks commands do with a campaign file and this machine's settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misei.launchers.campaigns import CAMPAIGN_COPY
from misei.launchers.fireworks.control import campaign_query
from misei.launchers.fireworks.launchpad import (
    has_launchpad,
    launchpad_name,
    open_launchpad,
    public_name,
)
from misei.launchers.fireworks.queue import (
    Launch,
    QueueJob,
    active_jobs,
    known_jobs,
    make_adapter,
    submit_job,
)
from misei.launchers.fireworks.rockets import make_worker, new_launch_folder
from misei.launchers.fireworks.status import (
    CampaignCounts,
    Status,
    launchpad_status,
    store_status,
)
from misei.launchers.fireworks.submit import Submission, Target, submit_flows
from misei.launchers.fireworks.tasks import flow_jobs
from misei.launchers.job_runs import JobId
from misei.launchers.machine import machine_settings
from misei.launchers.queues.cluster_file import Cluster, load_cluster
from misei.launchers.screen import campaign_stages, open_second_stage
from misei.launchers.store import open_store
from misei.screening.campaign import load_campaign
from misei.settings import Settings
from misei.workflows.campaign import check_engines

if TYPE_CHECKING:
    from fireworks import LaunchPad

LAUNCHES = "launches"


class NoClusterError(ValueError):
    """Workers are to be submitted to a queue, and no cluster file says how."""


@dataclass(frozen=True)
class Launched:
    """Queue jobs submitted now, those that were there, and the jobs that are ready."""

    submitted: list[QueueJob]
    active: int
    ready: int


def submit_campaign(path: Path, run_dir: Path | None, category: str | None) -> Submission:
    """Run the thermodynamics of a campaign here and add the rest to the LaunchPad.

    A second stage is added by the submission after the first one has ended.
    """
    campaign = load_campaign(path)
    check_engines(campaign)
    settings = machine_settings(run_dir=run_dir)
    launchpad = open_launchpad(settings)
    store = open_store(settings.store_location)
    plan = campaign_stages(campaign, store, settings.run_dir)
    copy = settings.run_dir / campaign.name / CAMPAIGN_COPY
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.resolve() != copy.resolve():
        shutil.copyfile(path, copy)  # what `misei rank` and `misei report` read
    done = Submission(campaign.name, message=plan.message)
    before: set[JobId] = set()
    for stage in plan.stages:
        target = Target(
            campaign=campaign.name,
            run_dir=settings.run_dir,
            store=settings.store_location,
            category=category or stage.engine,
            fixed_category=category is not None,
        )
        jobs = flow_jobs(stage.flows)[0].keys()
        # The second stage holds finished jobs of the first, which have been counted.
        done = done.plus(submit_flows(launchpad, stage.flows, store, target), len(before & jobs))
        before |= jobs
    return done


def launch_to_queue(settings: Settings, jobs: int | None, category: str | None) -> Launched:
    """Submit workers to the queue: for what is ready, within the cluster file's ``max_jobs``.

    Parameters
    ----------
    settings
        Of this machine.
    jobs
        Queue jobs to submit; by default as many as there is work ready for.
    category
        Of the Fireworks that the workers take.
    """
    cluster = _cluster(settings)
    launchpad = open_launchpad(settings)
    worker = make_worker(settings.store_location, category, settings.run_dir)
    ready = launchpad.fireworks.count_documents({**worker.query, "state": "READY"})
    name = launchpad_name(launchpad)
    active = len(active_jobs(known_jobs(settings.run_dir, name)))
    wanted = -(-ready // cluster.workers_per_job) if jobs is None else jobs
    submitted = []
    for _ in range(min(wanted, cluster.max_jobs - active)):
        folder = new_launch_folder(settings.run_dir.resolve() / LAUNCHES)
        adapter = make_adapter(cluster, Launch(settings, folder, category))
        submitted.append(submit_job(adapter, cluster, folder, name))
    return Launched(submitted, active, ready)


def write_configuration(settings: Settings, folder: Path, category: str | None) -> list[Path]:
    """Write FireWorks' own files for ``qlaunch``; return their paths. Nothing secret is in them."""
    launch = Launch(settings, settings.run_dir.resolve() / LAUNCHES, category)
    adapter = make_adapter(_cluster(settings), launch)
    worker = make_worker(settings.store_location, category, launch.folder)
    worker.env.clear()
    folder.mkdir(parents=True, exist_ok=True)
    files = {"my_qadapter.yaml": adapter, "my_fworker.yaml": worker}
    for name, part in files.items():
        part.to_file(str(folder / name))
    return [folder / name for name in files]


def _cluster(settings: Settings) -> Cluster:
    if settings.cluster is None:
        raise NoClusterError(
            "no cluster file: give --cluster FILE or MISEI_CLUSTER (`misei cluster slurm > "
            "cluster.yaml` writes one), or run the jobs in this terminal with --here"
        )
    return load_cluster(settings.cluster)


def campaign_name(campaign: str | None) -> str | None:
    """Return the name of a campaign given by name or by file."""
    if campaign is None or not Path(campaign).is_file():
        return campaign
    return load_campaign(Path(campaign)).name


def campaign_status(campaign: str | None, run_dir: Path | None) -> Status:
    """Return how far a campaign is, or all of them, by LaunchPad or else by results store."""
    settings = machine_settings(run_dir=run_dir)
    if has_launchpad(settings):
        launchpad = open_launchpad(settings)
        query = campaign_query(launchpad, campaign_name(campaign))
        status = launchpad_status(launchpad, query, settings.run_dir)
        following = [line for counts in status.campaigns for line in _following(counts, settings)]
        return status.model_copy(update={"advice": following or status.advice})
    store = open_store(settings.store_location, must_exist=True)
    flows, message = None, ""
    if campaign is not None:
        path = Path(campaign)
        path = path if path.is_file() else settings.run_dir / campaign / CAMPAIGN_COPY
        plan = campaign_stages(load_campaign(path), store, settings.run_dir)
        flows, message = plan.flows, plan.message
    status = store_status(store, public_name(settings.store_location), flows)
    return status.model_copy(update={"advice": [*status.advice, *([message] if message else [])]})


def _following(counts: CampaignCounts, settings: Settings) -> Iterator[str]:
    """Say of a finished campaign that its second stage waits to be submitted."""
    file = settings.run_dir / (counts.campaign or "") / CAMPAIGN_COPY
    if counts.counts.keys() <= {"finished", "archived"} and file.is_file():
        store = open_store(settings.store_location)
        line = open_second_stage(load_campaign(file), store, settings.run_dir)
        if line:
            yield line


def control(
    campaign: str | None, run_dir: Path | None
) -> tuple[LaunchPad, dict[str, object], Settings]:
    """Open what retry, resume and cancel work on: LaunchPad, query of the jobs, settings."""
    settings = machine_settings(run_dir=run_dir)
    launchpad = open_launchpad(settings)
    return launchpad, campaign_query(launchpad, campaign_name(campaign)), settings
