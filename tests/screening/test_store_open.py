"""What names a results store; places that one cannot be in; MongoDB addresses that lead nowhere."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from misei.launchers import store as launcher
from misei.launchers.store import (
    StoreError,
    is_mongodb,
    network_file_system,
    open_store,
    public_name,
)
from misei.screening import store_file

SECRET = "s3cret"
SERVER = Path(__file__).parents[1] / "hpc" / "mongo_server.py"


@pytest.fixture
def mongodb() -> Iterator[str]:
    """URI of a database on a server of its own."""
    command = [sys.executable, "-W", "ignore", str(SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip().rstrip("/") + "/of_a_test"
        server.terminate()


def test_a_mongodb_database_is_a_store_like_a_file(mongodb: str, tmp_path: Path) -> None:
    answers = []
    for location in (mongodb, tmp_path / "results.sqlite"):
        store = open_store(location)
        records = store.additional_stores["records"]
        for energy in (1.0, 2.0):
            output = {"@class": "Made", "grid": [1, 2, 3], "energy": energy}
            store.update({"uuid": "u1", "index": 1, "output": output}, save={"data": "grid"})
            records.update({"uuid": "u1", "index": 1, "energy": energy}, key=["uuid", "index"])
        assert "blob_uuid" in store.query_one({"uuid": "u1"}, load=False)["output"]["grid"]
        again = open_store(location)
        (record,) = again.additional_stores["records"].query({"uuid": {"$in": ["u1"]}})
        answers.append((again.count(), again.get_output("u1", load=True), record["energy"]))
    assert answers[0] == answers[1]
    assert answers[0][1] == {"@class": "Made", "grid": [1, 2, 3], "energy": 2.0}


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("runs/results.sqlite", "runs/results.sqlite"),
        ("mongodb://host/db", "mongodb://host/db"),
        (f"mongodb://me:{SECRET}@host:27017/db", "mongodb://host:27017/db"),
        (f"mongodb+srv://me:{SECRET}@a,b/db?authSource=admin&x={SECRET}", "mongodb+srv://a,b/db"),
        (f"mongodb://me:p@{SECRET}/?@host/db", "mongodb://host/db"),
    ],
)
def test_names_hold_no_password(location: str, expected: str) -> None:
    assert public_name(location) == expected
    assert is_mongodb(location) == location.startswith("mongodb")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"mongodb://me:{SECRET}@localhost:1", "mongodb://localhost:1 is not the address of a"),
        (f"mongodb://me:{SECRET}@/db", r"\[USER:PASSWORD@\]HOST"),
        (f"mongodb://me:p@/{SECRET}@localhost/db", "%40"),
        (f"mongodb://me:{SECRET}@localhost:port/db", "is not the address of a database"),
    ],
)
def test_an_address_of_no_database_is_one_line(uri: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        open_store(uri)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "ANSWER_TIME_MS", 100)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match=f"mongodb://127.0.0.1:{port}/db does not") as caught:
            open_store(f"mongodb://me:{SECRET}@127.0.0.1:{port}/db")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "MISEI_STORE" in str(caught.value)


def test_network_file_systems_are_told_by_the_longest_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "/dev/sdb /home/local ext4 rw 0 0\n"
        "lustre /work\\040space lustre rw 0 0\n"
        "me@host: /mnt fuse.sshfs rw 0 0\n"
        "/dev/sdc /mnt xfs rw 0 0\n"
        "broken\n"
    )
    expected = {
        "/tmp/a": None,
        "/home/me/a.sqlite": "nfs4",
        "/home/local/a": None,
        "/homework/a": None,
        "/work space/x/a": "lustre",
        "/mnt/a": None,  # mounted over
    }
    assert {name: network_file_system(name, mounts) for name in expected} == expected
    assert network_file_system("/home/a", tmp_path / "no such table") is None
    mounts.write_text(f"server:/a {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr(store_file, "MOUNTS", mounts)
    with pytest.raises(StoreError, match=r"network file system \(nfs\).*MISEI_STORE.*mongodb://"):
        open_store(tmp_path / "results.sqlite")
    assert not (tmp_path / "results.sqlite").exists()
