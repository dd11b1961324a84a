"""Workers of FireWorks as jobs of a real SLURM, and what becomes of them there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow
from slurm_cluster import POLL_S, SlurmCluster

TESTS = Path(__file__).parents[1]
JOB_MODULES = [TESTS / "hpc", TESTS / "launchers"]
sys.path[:0] = [str(folder) for folder in JOB_MODULES if str(folder) not in sys.path]

import local_jobs as jobs  # noqa: E402
import two_alloys  # noqa: E402
from firework_jobs import wait_for_go  # noqa: E402
from local_jobs import make  # noqa: E402

from misei.launchers.fireworks import control as control  # noqa: E402
from misei.launchers.fireworks.campaigns import Launched, launch_to_queue  # noqa: E402
from misei.launchers.fireworks.launchpad import open_launchpad  # noqa: E402
from misei.launchers.fireworks.status import Status, launchpad_status  # noqa: E402
from misei.launchers.fireworks.submit import Target, submit_flows  # noqa: E402
from misei.launchers.machine import machine_settings  # noqa: E402
from misei.launchers.store import open_store  # noqa: E402

# Only how long something that hangs is waited for.
DEADLINE_S = 300.0
SCREENING_S = 1800.0
# The status of a campaign is read from a database that Python plays, on the workers' cores.
SCREENING_POLL_S = 3.0
SECRET = "sekret-of-this-test"
CLUSTER = """\
queue_system: slurm
max_jobs: 2
cores: 2
workers_per_job: {workers}
memory_gb: 1
walltime: "00:30:00"
"""

pytestmark = pytest.mark.slow


class Queue:
    """A LaunchPad, a results store and a cluster file, with SLURM to run on."""

    def __init__(self, slurm: SlurmCluster, folder: Path) -> None:
        self.slurm, self.folder = slurm, folder
        self.log = str(folder / "log.txt")
        self.cluster = folder / "cluster.yaml"
        self.cluster.write_text(CLUSTER.format(workers=1))
        self.settings = machine_settings(cluster=self.cluster)
        self.launchpad = open_launchpad(self.settings)
        self.store = open_store(self.settings.store_location)

    def submit(self, *flows: Flow, campaign: str = "toys") -> None:
        settings = self.settings
        target = Target(campaign, settings.run_dir, settings.store_location, category="emt")
        submit_flows(self.launchpad, flows, self.store, target)

    def launch(self, jobs: int | None = None, **changes: Any) -> Launched:
        self.cluster.write_text(CLUSTER.format(workers=changes.pop("workers", 1)))
        with self.cluster.open("a") as file:
            file.writelines(f"{key}: {value}\n" for key, value in changes.items())
        return launch_to_queue(self.settings, jobs, None)

    def query(self) -> dict[str, Any]:
        return control.campaign_query(self.launchpad, None)

    def status(self) -> Status:
        return launchpad_status(self.launchpad, self.query(), self.settings.run_dir)

    def counts(self) -> dict[str, int]:
        return self.status().campaigns[0].counts

    def wait_for(
        self,
        condition: Callable[[], object],
        what: str,
        timeout_s: float = DEADLINE_S,
        poll_s: float = POLL_S,
    ) -> None:
        try:
            self.slurm.wait_for(condition, timeout_s, what, poll_s)
        except TimeoutError as error:
            error.add_note(self.status().model_dump_json(indent=2))
            raise

    def lines(self) -> list[str]:
        path = Path(self.log)
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def queue(
    slurm_environment: SlurmCluster,
    mongo_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Queue:
    separator = "&" if "?" in mongo_database else "?"
    monkeypatch.setenv("MISEI_LAUNCHPAD", f"{mongo_database}{separator}appname={SECRET}")
    monkeypatch.setenv("MISEI_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("MISEI_STORE", raising=False)
    path = os.pathsep.join([*map(str, JOB_MODULES), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    (tmp_path / "run").mkdir()
    return Queue(slurm_environment, tmp_path)


def test_dynamic_flows_run_in_the_queue(queue: Queue) -> None:
    first = make(jobs.add, "first", [], queue.log)
    grown = make(jobs.expand, "grown", [first.output], queue.log, 2, 0.2)
    waits = [make(jobs.add, f"wait {n}", [], queue.log, 1.0) for n in range(6)]
    bad = make(jobs.fail, "bad", [], queue.log, "raise")
    queue.submit(Flow([first, grown]), Flow(waits), Flow([bad]))
    done = queue.launch(workers=2)
    assert (len(done.submitted), done.active, done.ready) == (2, 0, 8)
    assert len(queue.launch().submitted) == 0, "max_jobs are in the queue"
    queue.wait_for(lambda: sum(queue.counts().values()) == 16, "all jobs known")
    queue.wait_for(lambda: queue.counts() == {"finished": 15, "failed": 1}, "end of all jobs")
    assert jobs.value_of(queue.store.get_output(grown.uuid, load=True)) == 5
    assert len(queue.lines()) == len(set(queue.lines())), "each job ran once"
    assert [f.error for f in queue.status().failed] == ["ValueError: bad went wrong"]
    workers = [doc["fworker"]["env"] for doc in queue.launchpad.launches.find()]
    assert {w["queue_job"] for w in workers} == {job.number for job in done.submitted}
    assert len({w["pid"] for w in workers}) > 2, "two processes in each"
    files = [path for path in (queue.folder / "run").rglob("*") if path.is_file()]
    assert [path for path in files if path.name == "FW_submit.script"]
    assert not [path for path in files if SECRET in path.read_text(errors="replace")]


def test_cancel_leaves_the_queue_and_resume_brings_all_back(queue: Queue) -> None:
    first = make(jobs.add, "first", [], queue.log)
    slow = make(wait_for_go, "slow", [first.output], queue.log)
    last = make(jobs.add, "last", [slow.output], queue.log)
    queue.submit(Flow([first, slow, last]))
    foreign = queue.slurm.submit("sleep 300", queue.folder)
    (job,) = queue.launch().submitted
    queue.wait_for(lambda: "wait slow" in queue.lines(), "start of the slow job")
    done = control.cancel(queue.launchpad, queue.query(), queue.settings.run_dir, str)
    assert done.queue_jobs == [job.number]
    assert (sorted(done.jobs), done.still_running) == (["last", "slow"], [])
    assert queue.counts() == {"finished": 1, "cancelled": 2}
    states = queue.slurm.jobs()
    assert (states[int(job.number)], states[foreign]) == ("CANCELLED", "RUNNING")
    control.resume(queue.launchpad, queue.query(), str)
    Path(queue.log).with_name("go").touch()
    queue.launch()
    queue.wait_for(lambda: queue.counts() == {"finished": 3}, "end of all jobs")


def test_a_queue_job_that_cannot_start_a_worker_says_why(queue: Queue) -> None:
    queue.submit(Flow([make(jobs.add, "only", [], queue.log)]))
    (job,) = queue.launch(setup='["module load nothing", "exit 1"]').submitted
    queue.slurm.wait_for_job(int(job.number), DEADLINE_S, {"FAILED"})
    queue.wait_for(lambda: not queue.status().queue_jobs, "empty queue")
    errors = list(queue.status().ended.values())
    assert len(errors) == 1
    assert "module: command not found" in errors[0]
    queue.launch()
    queue.wait_for(lambda: queue.counts() == {"finished": 1}, "end of the job")
    assert queue.status().ended == {}


@pytest.mark.science
def test_a_screening_ranks_as_the_local_run_does(
    queue: Queue,
) -> None:
    """Submit, launch, status, rank by the commands; the ranking is that of the local run."""
    expected = two_alloys.local_ranking()
    two_alloys.write_campaign(queue.folder)
    # A core each: as many threads as the local run's.
    queue.cluster.write_text(CLUSTER.format(workers=1).replace("cores: 2", "cores: 1"))
    say = partial(two_alloys.misei, cwd=queue.folder)
    submitted = json.loads(say("submit", "campaign.yaml", "--json").stdout)
    assert submitted["submitted"] > 0
    launched = json.loads(say("launch", "--cluster", "cluster.yaml", "--json").stdout)
    assert len(launched["submitted"]) == 2
    finished = lambda: set(queue.counts()) == {"finished"}  # noqa: E731
    queue.wait_for(finished, "end of the campaign", SCREENING_S, SCREENING_POLL_S)
    two_alloys.assert_same(two_alloys.ranking(queue.folder), expected)
    again = json.loads(say("submit", "campaign.yaml", "--json").stdout)
    assert (again["submitted"], again["present"]) == (0, {})
    status = json.loads(say("status", "campaign.yaml", "--json").stdout)
    assert status["failed"] == []
    assert "0 computed" in say("screen", "campaign.yaml").stderr
