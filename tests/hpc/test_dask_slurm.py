"""Flows on dask workers that SLURM runs, on two nodes, without a database server."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow, JobStore
from maggma.stores import MemoryStore
from slurm_cluster import SlurmCluster

from misei.launchers.local import KILLED_WORKER, run_flows
from misei.launchers.pools import CLUSTER_ATTEMPTS, DaskPool
from misei.launchers.queues.cluster_file import Cluster

TESTS = Path(__file__).parents[1]
JOB_MODULES = [TESTS / "hpc", TESTS / "launchers"]
sys.path[:0] = [str(folder) for folder in JOB_MODULES if str(folder) not in sys.path]

import dask_jobs  # noqa: E402
import local_jobs  # noqa: E402
import two_alloys  # noqa: E402
from dask_jobs import make  # noqa: E402

SECRET = "mongodb://head:only@nowhere/misei"
DESCRIBED = {
    "queue_system": "slurm", "max_jobs": 2, "cores": 2, "memory_gb": 1, "walltime": "00:30:00",
    "interface": "lo",
}  # fmt: skip

KILL_AFTER = 20  # finished jobs, of about 70
# As the local run, whose processes have one thread.
SCREENING = """\
queue_system: slurm
max_jobs: 2
cores: 2
memory_gb: 2
walltime: "01:00:00"
setup: [export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1]
interface: lo
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def start_pool(
    slurm_environment: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., DaskPool]]:
    """Start pools of queue jobs; the queue is asked often, as this one serves nobody else."""
    from misei.launchers.queues import jobs as queue_jobs
    from misei.launchers.queues.clusters import make_cluster

    monkeypatch.setattr(queue_jobs, "POLL_S", 1.0)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, JOB_MODULES)))
    monkeypatch.setenv("MISEI_STORE", SECRET)
    pools = []

    def start(**changes: Any) -> DaskPool:
        cluster = Cluster(**(DESCRIBED | changes))
        pool = DaskPool(
            partial(make_cluster, cluster, tmp_path / "run"), cluster.workers, CLUSTER_ATTEMPTS
        )
        pools.append(pool)
        return pool

    yield start
    for pool in pools:
        pool.close()


@pytest.fixture
def store() -> JobStore:
    """A store in the memory of this process: what is in it, this process wrote."""
    additional = {"data": MemoryStore(), "records": MemoryStore()}
    memory = JobStore(MemoryStore(), additional_stores=additional)
    memory.connect()
    return memory


def test_dynamic_flows_and_failures(
    start_pool: Callable[..., DaskPool],
    store: JobStore,
    slurm_environment: SlurmCluster,
    tmp_path: Path,
) -> None:
    """As on local processes; only the head can write to the store, workers know none."""
    log = str(tmp_path / "log.txt")
    add, also = local_jobs.add, local_jobs.also
    new = local_jobs.make
    first = new(add, "first", [], log)
    grown = new(local_jobs.expand, "grown", [first.output], log, 2)
    around = new(also, "around", [first.output], log, "detour")
    more = new(also, "more", [first.output], log, "addition")
    last = new(add, "last", [grown.output, around.output, more.output], log)
    bad = new(local_jobs.fail, "bad", [], log, "raise")
    child = new(add, "child", [bad.output], log)
    looks = [make(dask_jobs.look_around, f"look {n}") for n in range(4)]
    report = run_flows(
        [Flow([last, more, around, grown, first]), Flow([bad, child]), Flow(looks)],
        store, tmp_path / "run", start_pool(workers_per_job=2),
    )  # fmt: skip
    queue_jobs = slurm_environment.jobs()
    nodes = {slurm_environment.job(number)["NodeList"] for number in queue_jobs}
    assert nodes == {"n1", "n2"}
    assert local_jobs.value_of(store.get_output(grown.uuid, load=True)) == 5
    assert local_jobs.value_of(store.get_output(last.uuid, load=True)) == 1 + 5 + 5 + 5
    assert "ValueError: bad went wrong" in report.failed.pop("bad")
    assert (report.failed, report.skipped, report.reused) == ({}, ["child"], [])

    seen = [store.get_output(look.uuid, load=True) for look in looks]
    for surroundings in seen:
        assert surroundings["threads"] == "1"  # two cores, two workers
        assert not any(SECRET in text for text in surroundings["texts"])
        assert not any("MISEI_STORE" in text for text in surroundings["texts"])
        assert not any("sqlite" in file for file in surroundings["open_files"])
    logs = tmp_path / "run" / "queue_logs"
    assert not any(SECRET in file.read_text() for file in logs.iterdir())


def test_what_the_queue_takes_away_goes_on_and_what_kills_workers_fails(
    start_pool: Callable[..., DaskPool],
    store: JobStore,
    slurm_environment: SlurmCluster,
    tmp_path: Path,
) -> None:
    """scancel, more often than a job may take a worker down, is not the job's fault."""
    taken = make(dask_jobs.cancel_own_queue_job, "taken", str(tmp_path / "taken"), CLUSTER_ATTEMPTS)
    bad = make(dask_jobs.kill_worker, "bad", str(tmp_path / "killed"))
    report = run_flows([taken, bad], store, tmp_path / "run", start_pool(max_jobs=1))
    assert report.computed == ["taken"]
    assert report.failed == {"bad": KILLED_WORKER}
    tried = (tmp_path / "taken").read_text().splitlines()
    assert len(set(tried)) == CLUSTER_ATTEMPTS + 1  # each time in another queue job
    assert len((tmp_path / "killed").read_text().splitlines()) == CLUSTER_ATTEMPTS
    states = slurm_environment.jobs()
    assert {states[int(number)] for number in tried[:-1]} == {"CANCELLED"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"queue": "nosuch"}, "invalid partition specified: nosuch"),
        ({"setup": ["no_such_module load x", "exit 1"]}, "no_such_module: command not found"),
    ],
)
def test_a_cluster_file_that_cannot_work_ends_the_run(
    start_pool: Callable[..., DaskPool],
    store: JobStore,
    slurm_environment: SlurmCluster,
    tmp_path: Path,
    change: dict[str, Any],
    words: str,
) -> None:
    """With the queue's own words, and without submitting for ever."""
    from misei.launchers.queues.jobs import MAX_FRUITLESS, QueueError

    before = set(slurm_environment.jobs())
    future = start_pool(**change).submit("{}", str(tmp_path / "job"))
    error = future.exception(timeout=120)
    assert isinstance(error, QueueError)
    assert words in str(error)
    assert "\n" not in str(error)
    assert len(set(slurm_environment.jobs()) - before) <= MAX_FRUITLESS


@pytest.mark.science
def test_a_screening_ranks_as_the_local_run_does(
    slurm_environment: SlurmCluster, tmp_path: Path
) -> None:
    """Also after a kill -9 of its head; run again, it submits nothing."""
    two_alloys.write_campaign(tmp_path)
    (tmp_path / "cluster.yaml").write_text(SCREENING)
    command = ("screen", "campaign.yaml", "--cluster", "cluster.yaml", "--json")
    environment = {"MISEI_RUN_DIR": "runs", "MISEI_STORE": str(tmp_path / "head.sqlite")}
    kept = two_alloys.killed_after(KILL_AFTER, *command, cwd=tmp_path, **environment)
    done = two_alloys.misei(*command, cwd=tmp_path, **environment)
    two_alloys.assert_same(json.loads(done.stdout), two_alloys.local_ranking())
    found = re.search(r"(\d+) found in the store", done.stderr)
    assert found is not None
    assert int(found[1]) >= kept
    states = slurm_environment.jobs()
    assert {slurm_environment.job(number)["NodeList"] for number in states} == {"n1", "n2"}

    again = two_alloys.misei(*command, cwd=tmp_path, **environment)
    assert json.loads(again.stdout) == json.loads(done.stdout)
    assert "0 computed" in again.stderr
    assert slurm_environment.jobs().keys() == states.keys()
