"""Workers of FireWorks that are struck, in the queue or between answer and store."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from slurm_cluster import SlurmCluster
from typer.testing import CliRunner

TESTS = Path(__file__).parents[1]
JOB_MODULES = [TESTS / "hpc", TESTS / "launchers"]
sys.path[:0] = [str(folder) for folder in JOB_MODULES if str(folder) not in sys.path]

import fault_jobs  # noqa: E402
from fault_jobs import Hold, gate, held_flow, holds, undisturbed, values, work  # noqa: E402

from misei.launchers.cli import app  # noqa: E402
from misei.launchers.fireworks.launchpad import open_launchpad  # noqa: E402
from misei.launchers.fireworks.submit import Submission, Target, submit_flows  # noqa: E402
from misei.launchers.job_runs import ANSWER_FILE, job_folder  # noqa: E402
from misei.launchers.local import run_flows  # noqa: E402
from misei.launchers.machine import machine_settings  # noqa: E402
from misei.launchers.pools import InlinePool  # noqa: E402
from misei.launchers.store import open_store  # noqa: E402

# Only how long something that hangs is waited for.
DEADLINE_S = 300.0
LABELS = ("a", "b", "c", "d")
CLUSTER = """\
queue_system: slurm
max_jobs: 4
cores: 1
memory_gb: 1
walltime: "00:30:00"
"""

pytestmark = pytest.mark.slow


class Campaign:
    """A flow whose jobs hold, in a LaunchPad of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = str(folder / "log.txt")
        self.flow = held_flow(self.log, LABELS)
        self.settings = machine_settings()
        self.store_file = self.settings.run_dir / "results.sqlite"
        self.store = open_store(self.store_file)

    def submit(self, flows: Any) -> Submission:
        """Submit over connections of its own, as another process would."""
        settings = self.settings
        target = Target("held", settings.run_dir, settings.store_location, category="emt")
        store = open_store(settings.store_location)
        return submit_flows(open_launchpad(settings), flows, store, target)

    def misei(self, *arguments: str) -> Any:
        """Answer of a command that has to succeed."""
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    def job(self, name: str) -> Any:
        return next(job for job, _ in self.flow.iterflow() if job.name == name)

    def counts(self) -> Any:
        return self.misei("status")["campaigns"][0]["counts"]

    @contextmanager
    def locked_store(self) -> Iterator[None]:
        """Let nobody else write to the results store."""
        with closing(sqlite3.connect(self.store_file, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")


@pytest.fixture
def campaign(mongo_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    monkeypatch.setenv("MISEI_LAUNCHPAD", mongo_database)
    monkeypatch.setenv("MISEI_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("MISEI_CLUSTER", str(tmp_path / "cluster.yaml"))
    monkeypatch.setenv("MISEI_JOURNAL", "1")  # what the local run sets, to be gone after the test
    path = os.pathsep.join([*map(str, JOB_MODULES), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.delenv("MISEI_STORE", raising=False)
    (tmp_path / "run").mkdir()
    return Campaign(tmp_path)


class Struck:
    """A campaign's workers in the queue."""

    def __init__(self, campaign: Campaign, slurm: SlurmCluster) -> None:
        self.campaign, self.slurm = campaign, slurm

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        try:
            self.slurm.wait_for(condition, DEADLINE_S, what)
        except TimeoutError as error:
            error.add_note("\n".join(fault_jobs.lines(self.campaign.log)))
            error.add_note(json.dumps(self.campaign.misei("status"), indent=2))
            raise

    def held(self, times: int) -> dict[str, Hold]:
        """Wait until every job was started so often and is at its gate; where they are."""
        log = self.campaign.log
        for label in LABELS:
            self.wait_for(lambda one=label: len(holds(log, one)) >= times, f"{label} held")
        assert {len(holds(log, label)) for label in LABELS} == {times}
        return {label: holds(log, label)[-1] for label in LABELS}

    def strike(self, by_label: dict[str, Hold]) -> dict[str, str]:
        """End each job's worker in another way; the labels by the end that the queue knows."""
        node = by_label["a"].node
        late, cancelled = (label for label in LABELS if by_label[label].node == node)
        killed, dark = (label for label in LABELS if by_label[label].node != node)
        number = {label: str(one.queue_job) for label, one in by_label.items()}
        self.slurm.run("scontrol", "update", f"jobid={number[late]}", "TimeLimit=0")
        self.slurm.run("scancel", number[cancelled])
        os.kill(by_label[killed].pid, signal.SIGKILL)
        self.slurm.wait_for_job(int(number[killed]), DEADLINE_S, {"FAILED"})
        self.slurm.kill_node(by_label[dark].node)
        ends = {"TIMEOUT": late, "CANCELLED": cancelled, "FAILED": killed, "NODE_FAIL": dark}
        for state, label in ends.items():
            self.slurm.wait_for_job(int(number[label]), DEADLINE_S, {state})
        return ends


@pytest.fixture
def struck(campaign: Campaign, slurm_environment: SlurmCluster) -> Struck:
    return Struck(campaign, slurm_environment)


def test_what_was_struck_is_told_and_comes_back(struck: Struck) -> None:
    """kill -9, scancel, walltime and a dead node; then a kill between answer and store."""
    campaign = struck.campaign
    expected, expected_work = undisturbed(campaign.folder / "local", LABELS)
    run_flows([campaign.job("first")], campaign.store, campaign.settings.run_dir, InlinePool())
    assert campaign.submit([campaign.flow]).submitted == len(LABELS) + 2
    assert len(campaign.misei("launch")["submitted"]) == len(LABELS)
    ends = struck.strike(struck.held(1))
    struck.wait_for(lambda: not campaign.misei("status")["queue_jobs"], "empty queue")
    status = campaign.misei("status")
    lost = {job["job"]: job["error"] for job in status["failed"] if job["state"] == "lost"}
    assert {ends["FAILED"], ends["NODE_FAIL"]} <= lost.keys()
    for words in ("DUE TO TIME LIMIT", "CANCELLED AT", "is gone"):
        assert any(words in error for error in [*lost.values(), *status["ended"].values()])
    assert sorted(campaign.misei("resume")["lost"]) == sorted(lost)
    # What was told to end gave its job back, if the queue left it the time to do so.
    campaign.misei("retry")
    assert campaign.counts() == {"ready": len(LABELS), "waiting": 2}

    for node in struck.slurm.nodes:
        struck.slurm.restart_node(node)
    assert len(campaign.misei("launch", "--jobs", "2")["submitted"]) == 2
    for label in LABELS[1:]:
        gate(campaign.log, label).touch()
    rest = {"running": 1, "waiting": 2, "finished": len(LABELS) - 1}
    struck.wait_for(lambda: campaign.counts() == rest, "end of all but a")
    last = struck.held(2)["a"]
    answer = job_folder(campaign.settings.run_dir, campaign.job("a")) / ANSWER_FILE
    with campaign.locked_store():
        gate(campaign.log, "a").touch()
        struck.wait_for(answer.exists, "answer of a")
        os.kill(last.pid, signal.SIGKILL)
        struck.slurm.wait_for_job(last.queue_job, DEADLINE_S, {"FAILED"})
    assert campaign.misei("resume")["lost"] == ["a"]
    struck.wait_for(lambda: set(campaign.counts()) == {"finished"}, "end of all jobs")
    assert values(campaign.flow, campaign.store) == expected
    assert work(campaign.log) == expected_work
    assert struck.held(2)


def test_a_campaign_submitted_twice_at_once_is_there_once(campaign: Campaign) -> None:
    together = Barrier(2)

    def flows() -> Iterator[Any]:
        together.wait(DEADLINE_S)
        yield held_flow(campaign.log, LABELS)

    with ThreadPoolExecutor(2) as pool:
        done = [*pool.map(campaign.submit, [flows(), flows()])]
    found = [*open_launchpad(campaign.settings).fireworks.find()]
    uuids = [doc["spec"]["uuid"] for doc in found]
    assert len(uuids) == len(set(uuids)) == len(LABELS) + 3
    assert sorted(one.submitted for one in done) == [0, len(uuids)]
