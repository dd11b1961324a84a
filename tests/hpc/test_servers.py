"""The SLURM and the MongoDB that the other tests of this folder run on do what real ones do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mongo_server
import psutil
import pytest
import slurm_cluster
from pymongo import MongoClient, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from slurm_cluster import SlurmCluster
from slurm_processes import missing_programs, processes

GENEROUS_S = 120.0
FIREWORKS, WORKERS = 12, 3
DOCUMENTS = 5_000

needs_slurm = pytest.mark.skipif(
    bool(missing_programs()),
    reason=f"no SLURM on this machine: {', '.join(missing_programs())} not found",
)

CHECK_OUT = """
import sys
from fireworks import FWorker, LaunchPad
launchpad = LaunchPad(host=sys.stdin.readline().strip(), name=sys.argv[1], uri_mode=True)
while (taken := launchpad.checkout_fw(FWorker(), "."))[0] is not None:
    print("taken", taken[0].fw_id, flush=True)
"""


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_gone(configuration: Path) -> None:
    end = time.monotonic() + GENEROUS_S
    while processes(configuration) or configuration.parent.exists():
        assert time.monotonic() < end, processes(configuration)
        time.sleep(0.1)


# SLURM


def test_a_job_runs_and_its_output_comes_back(slurm: SlurmCluster, tmp_path: Path) -> None:
    script = f"echo on $SLURMD_NODENAME; {slurm.python} -c 'print(6 * 7)'"
    number = slurm.submit(script, tmp_path, "--nodelist=n2", "--ntasks=1", "--cpus-per-task=2")

    assert slurm.wait_for_job(number, GENEROUS_S) == "COMPLETED"
    assert (tmp_path / f"slurm-{number}.out").read_text() == "on n2\n42\n"


def test_a_job_that_fails_or_is_cancelled_says_so(slurm: SlurmCluster, tmp_path: Path) -> None:
    failing = slurm.submit("exit 3", tmp_path)
    cancelled = slurm.submit("exec sleep 1000", tmp_path)
    slurm.wait_for_job(cancelled, GENEROUS_S, {"RUNNING"})
    slurm.run("scancel", str(cancelled))

    assert slurm.wait_for_job(failing, GENEROUS_S) == "FAILED"
    assert slurm.job(failing)["ExitCode"] == "3:0"
    assert slurm.wait_for_job(cancelled, GENEROUS_S) == "CANCELLED"


def test_more_than_a_node_has_is_refused(slurm: SlurmCluster, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        slurm.submit("true", tmp_path, "--cpus-per-task=3", "--nodes=1")
    assert "not available" in caught.value.stderr


def test_the_controller_comes_back(slurm: SlurmCluster, tmp_path: Path) -> None:
    number = slurm.submit("true", tmp_path)
    slurm.wait_for_job(number, GENEROUS_S)
    slurm.kill_controller()
    slurm.reset()
    assert slurm.wait_for_job(slurm.submit("true", tmp_path), GENEROUS_S) == "COMPLETED"


@needs_slurm
def test_nothing_is_left_of_a_stopped_cluster(tmp_path: Path) -> None:
    deep = tmp_path / ("a folder with a long name " * 5) / "and another"
    with SlurmCluster(deep, nodes=1, cpus=1) as cluster:
        configuration = Path(cluster.env["SLURM_CONF"])
        number = cluster.submit("env -i sleep 1000 & sleep 1000", tmp_path)
        cluster.wait_for_job(number, GENEROUS_S, {"RUNNING"})
        names = {process.name() for process in processes(configuration)}
    assert {"munged", "slurmctld", "slurmd", "slurmstepd"} <= names
    assert not processes(configuration)
    assert not configuration.parent.exists()
    assert "slurmd version" in cluster.log(lines=1000)


@needs_slurm
def test_nothing_is_left_when_the_owner_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, slurm_cluster.__file__, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        configuration = Path(owner.stdout.readline().strip().partition("SLURM_CONF=")[2])
        assert len(processes(configuration)) >= 4
        owner.send_signal(signal.SIGKILL)
    wait_until_gone(configuration)


@needs_slurm
def test_a_cluster_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = slurm_cluster.CONFIGURATION.replace("cons_tres", "made_up")
    impatient = broken.replace("MessageTimeout=10", "MessageTimeout=1")
    monkeypatch.setattr(slurm_cluster, "CONFIGURATION", impatient)
    with pytest.raises(RuntimeError, match=r"(?s)did not start: .*select/made_up"):
        SlurmCluster(tmp_path).start()


# MongoDB


@pytest.fixture
def database(mongo_database: str) -> Iterator[Any]:
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongo_database) as client:
        yield client.get_default_database()


def test_fireworks_are_checked_out_exactly_once(mongo_database: str, tmp_path: Path) -> None:
    from fireworks import Firework, LaunchPad, ScriptTask

    name = mongo_database.partition("?")[0].rpartition("/")[2]
    launchpad = LaunchPad(host=mongo_database, name=name, uri_mode=True, strm_lvl="ERROR")
    launchpad.reset("", require_password=False)
    for _ in range(FIREWORKS):
        launchpad.add_wf(Firework([ScriptTask.from_str("true")]))
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CHECK_OUT, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        for _ in range(WORKERS)
    ]
    with ThreadPoolExecutor() as pool:  # all of them get the URI, and start, at about one time
        outputs = pool.map(lambda one: one.communicate(f"{mongo_database}\n")[0], workers)
        lines = "".join(outputs).splitlines()
    taken = [int(line.split()[1]) for line in lines if line.startswith("taken")]
    assert sorted(taken) == list(range(1, FIREWORKS + 1))
    assert [worker.returncode for worker in workers] == [0] * WORKERS
    assert len(launchpad.get_fw_ids({"state": "RUNNING"})) == FIREWORKS


def test_maggma_stores_round_trip(mongo_database: str) -> None:
    from maggma.stores import MongoStore
    from maggma.stores.gridfs import GridFSStore

    documents = MongoStore.from_uri(mongo_database, "documents", key="uuid")
    blobs = GridFSStore.from_uri(mongo_database, "blobs", key="blob_uuid")
    documents.connect()
    blobs.connect()
    documents.ensure_index("uuid", unique=True)
    documents.update([{"uuid": str(i), "kind": i % 2, "deep": {"i": i}} for i in range(10)])
    documents.update([{"uuid": "3", "kind": 5, "deep": {"i": 3}}])
    numbers = list(range(500_000))  # several chunks
    blobs.update([{"blob_uuid": "one", "data": numbers}])

    assert documents.count() == 10
    found = documents.query_one({"uuid": "3"}, ["kind", "deep.i"])
    assert {**found, "_id": None} == {"_id": None, "kind": 5, "deep": {"i": 3}}
    assert documents.distinct("kind") == [0, 1, 5]
    grouped = {key["kind"]: len(found) for key, found in documents.groupby("kind")}
    assert grouped == {0: 5, 1: 4, 5: 1}
    newest = documents.query(sort={"deep.i": -1}, limit=2)
    assert [document["uuid"] for document in newest] == ["9", "8"]
    assert blobs.query_one({"blob_uuid": "one"})["data"] == numbers
    documents.remove_docs({"kind": 0})
    blobs.remove_docs({"blob_uuid": "one"})
    assert (documents.count(), blobs.count()) == (5, 0)


def test_a_counter_of_several_clients_loses_nothing(database: Any, mongo_database: str) -> None:
    database.counters.insert_one({"name": "jobs", "next": 0})

    def count(times: int) -> list[int]:
        client: MongoClient[dict[str, Any]]
        with MongoClient(mongo_database) as client:
            counters: Any = client.get_default_database().counters
            change = {"$inc": {"next": 1}}
            found = [counters.find_one_and_update({"name": "jobs"}, change) for _ in range(times)]
        return [document["next"] for document in found]

    with ThreadPoolExecutor() as pool:
        numbers = [number for part in pool.map(count, [50] * 4) for number in part]
    assert sorted(numbers) == list(range(200))


def test_queries_come_in_batches_and_in_order(database: Any) -> None:
    database.rows.insert_many([{"i": i, "text": "x" * 500} for i in range(DOCUMENTS)])
    assert [row["i"] for row in database.rows.find().sort("i", -1)] == list(
        range(DOCUMENTS - 1, -1, -1)
    )
    some = database.rows.find({"i": {"$gte": 10}}, batch_size=3).sort("i").skip(5).limit(10)
    assert [row["i"] for row in some] == list(range(15, 25))
    grouped = database.rows.aggregate([{"$group": {"_id": None, "sum": {"$sum": "$i"}}}])
    assert next(grouped)["sum"] == sum(range(DOCUMENTS))
    assert database.rows.count_documents({"i": {"$lt": 7}}) == 7


def test_writes_tell_what_they_did(database: Any) -> None:
    rows = database.rows
    rows.create_index("k", unique=True)
    rows.insert_one({"k": 1})
    with pytest.raises(DuplicateKeyError):
        rows.insert_one({"k": 1})
    with pytest.raises(BulkWriteError):
        rows.insert_many([{"k": 2}, {"k": 1}, {"k": 3}])
    assert sorted(rows.distinct("k")) == [1, 2]
    changes = [UpdateOne({"k": n}, {"$set": {"seen": True}}, upsert=True) for n in (1, 7)]
    done = rows.bulk_write(changes)
    assert (done.modified_count, done.upserted_count) == (1, 1)
    assert rows.delete_many({"seen": True}).deleted_count == 2
    assert rows.find_one_and_update({"k": 9}, {"$set": {"k": 9}}) is None
    with pytest.raises(OperationFailure):
        database.command("madeUpCommand")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("mongodb://127.0.0.1:27017", "mongodb://127.0.0.1:27017/new"),
        ("mongodb://me:pw@host/old", "mongodb://me:pw@host/new?authSource=old"),
        ("mongodb://me:pw@host/?tls=true", "mongodb://me:pw@host/new?tls=true&authSource=admin"),
        ("mongodb://me:pw@host/?authSource=x", "mongodb://me:pw@host/new?authSource=x"),
    ],
)
def test_users_stay_where_they_are(server: str, expected: str) -> None:
    assert mongo_server.database_uri(server, "new") == expected
