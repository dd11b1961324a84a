"""Heads over workers in the queue: what strikes one of them costs no finished result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slurm_cluster import ENDED, SlurmCluster

TESTS = Path(__file__).parents[1]
JOB_MODULES = [TESTS / "hpc", TESTS / "launchers"]
sys.path[:0] = [str(folder) for folder in JOB_MODULES if str(folder) not in sys.path]

import fault_jobs  # noqa: E402
from fault_jobs import Hold, gate, held_flow, holds, undisturbed, values, work  # noqa: E402

from misei.launchers.job_runs import LOCK_FILE, job_folder  # noqa: E402
from misei.launchers.queues.logs import LOG_FOLDER, queue_problem  # noqa: E402
from misei.launchers.store import open_store  # noqa: E402

# Only how long something that hangs is waited for.
DEADLINE_S = 300.0
LABELS = ("a", "b")
CLUSTER = """\
queue_system: slurm
max_jobs: 2
cores: {cores}
memory_gb: 1
walltime: "00:30:00"
interface: lo
"""

pytestmark = pytest.mark.slow


class Heads:
    """Head processes that share a run's folder, store and cluster file."""

    def __init__(self, slurm: SlurmCluster, folder: Path) -> None:
        self.slurm, self.folder = slurm, folder
        self.log = str(folder / "log.txt")
        self.flow = held_flow(self.log, LABELS)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, cores: int) -> subprocess.Popen[str]:
        (self.folder / "cluster.yaml").write_text(CLUSTER.format(cores=cores))
        script = str(TESTS / "hpc" / "fault_head.py")
        head = subprocess.Popen(
            [sys.executable, script, str(self.folder), *LABELS],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, JOB_MODULES))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(head)
        return head

    def held(self, label: str, times: int) -> Hold:
        """Wait until a job was started so often and is at its gate; where that is."""
        self.wait_for(lambda: len(holds(self.log, label)) >= times, f"{label} held {times} times")
        found = holds(self.log, label)
        assert len(found) == times
        return found[-1]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        try:
            self.slurm.wait_for(condition, DEADLINE_S, what)
        except TimeoutError as error:
            error.add_note("\n".join(fault_jobs.lines(self.log)))
            raise

    def report(self, head: subprocess.Popen[str]) -> Any:
        answer, errors = head.communicate(timeout=DEADLINE_S)
        assert head.returncode == 0, errors
        return json.loads(answer)

    def lock_holders(self, label: str) -> int:
        """How many processes hold or wait for the lock of a job's folder."""
        job = next(job for job, _ in self.flow.iterflow() if job.name == label)
        inode = (job_folder(self.folder / "run", job) / LOCK_FILE).stat().st_ino
        return Path("/proc/locks").read_text().count(f":{inode} ")


@pytest.fixture
def heads(
    slurm_environment: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Heads]:
    monkeypatch.setenv("MISEI_JOURNAL", "1")  # what the local run sets, to be gone after the test
    monkeypatch.delenv("MISEI_STORE", raising=False)
    bench = Heads(slurm_environment, tmp_path)
    yield bench
    for process in bench.processes:
        process.kill()
        process.communicate()


def test_scancel_walltime_dead_head_and_dead_node_cost_no_finished_work(heads: Heads) -> None:
    """One after the other, in one run; not even an evaluation is made twice."""
    slurm = heads.slurm
    expected, expected_work = undisturbed(heads.folder / "local", LABELS)
    head = heads.start(cores=2)
    a, b = heads.held("a", 1), heads.held("b", 1)
    assert a.node != b.node
    slurm.run("scontrol", "update", f"jobid={b.queue_job}", "TimeLimit=0")
    slurm.run("scancel", str(a.queue_job))
    ends = {a.queue_job: "CANCELLED", b.queue_job: "TIMEOUT"}
    late = b.queue_job
    a, b = heads.held("a", 2), heads.held("b", 2)
    assert {number: slurm.jobs()[number] for number in ends} == ends
    logs = heads.folder / "run" / LOG_FOLDER
    assert "DUE TO TIME LIMIT" in str(queue_problem(logs, str(late)))

    head.kill()
    orphans = [a.queue_job, b.queue_job]
    head = heads.start(cores=2)
    # Both nodes are full until the orphans end, which nobody tells them to.
    a, b = heads.held("a", 3), heads.held("b", 3)
    assert not {slurm.jobs()[number] for number in orphans} - {"COMPLETED", "FAILED"}

    slurm.kill_node(a.node)
    gate(heads.log, "b").touch()
    assert heads.held("a", 4).node == b.node
    gate(heads.log, "a").touch()
    report = heads.report(head)
    assert (report["failed"], report["skipped"]) == ({}, [])
    assert report["reused"] == ["first"]
    assert values(heads.flow, open_store(heads.folder / "run" / "results.sqlite")) == expected
    assert work(heads.log) == expected_work


def test_two_heads_of_one_run_share_its_work(heads: Heads) -> None:
    """Each job runs once, whichever head gave it to a worker; both end with all of it."""
    expected, expected_work = undisturbed(heads.folder / "local", LABELS)
    both = [heads.start(cores=1) for _ in range(2)]
    for label in LABELS:
        heads.held(label, 1)
        heads.wait_for(lambda one=label: heads.lock_holders(one) == 2, f"two workers at {label}")
    for label in LABELS:
        gate(heads.log, label).touch()
    reports = [heads.report(head) for head in both]
    assert [(report["failed"], report["skipped"]) for report in reports] == [({}, [])] * 2
    (total,) = {report["total"] for report in reports}
    assert sum(len(report["computed"]) for report in reports) == total
    assert values(heads.flow, open_store(heads.folder / "run" / "results.sqlite")) == expected
    assert work(heads.log) == expected_work
    heads.wait_for(lambda: set(heads.slurm.jobs().values()) <= ENDED, "empty queue")
