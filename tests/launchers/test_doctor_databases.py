from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobflow import JobStore
from maggma.stores import MemoryStore
from pydantic import SecretStr
from pymongo.errors import OperationFailure

from misei.launchers import store as store_module
from misei.launchers.doctor.databases import check_launchpad, check_store
from misei.launchers.doctor.engine import EngineProbe, probe_engine
from misei.launchers.doctor.findings import Check, Finding, run_checks
from misei.launchers.doctor.firework import check_firework
from misei.launchers.store import open_store
from misei.settings import Settings

PASSWORD = "s3cret"
WAIT_S = 120


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of a MongoDB server for tests."""
    program = Path(__file__).parents[1] / "hpc" / "mongo_server.py"
    with subprocess.Popen(
        [sys.executable, str(program), "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("")


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def rows(location: str, integrity: bool = False) -> dict[str, Finding]:
    settings = Settings(store=SecretStr(location))
    checks = [Check("store", lambda: check_store(settings, integrity))]
    return {finding.what: finding for finding in run_checks(checks)}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A store with enough in it to be damaged in the middle."""
    path = tmp_path / "results.sqlite"
    store = open_store(str(path))
    text = "x" * 2000
    store.docs_store.update([{"uuid": str(i), "index": 1, "text": text} for i in range(50)])
    store.close()
    return path


def test_store_in_order(results: Path) -> None:
    found = rows(str(results))
    assert found["store"].state == "ok"
    assert "50 documents" in found["store"].found
    assert found["store's integrity"].state == "skipped"
    assert rows(str(results), integrity=True)["store's integrity"].state == "ok"
    assert open_store(str(results)).count() == 50


def test_new_store_is_not_made(tmp_path: Path) -> None:
    found = rows(str(tmp_path / "new" / "results.sqlite"))["store"]
    assert (found.state, "is new" in found.found) == ("ok", True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file/results.sqlite", "/proc/results.sqlite"])
def test_store_that_cannot_be_made(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = rows(str(tmp_path / place))["store"]
    assert (found.state, "MISEI_STORE" in found.to_do) == ("failed", True)


def test_damaged_store(results: Path) -> None:
    content = bytearray(results.read_bytes())
    content[8192:40960] = bytes(32768)
    results.write_bytes(content)
    found = rows(str(results), integrity=True)["store's integrity"]
    assert (found.state, ".recover" in found.to_do) == ("failed", True)


def test_file_that_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    found = rows(str(path))["store"]
    assert (found.state, "set it aside" in found.found) == ("failed", True)
    assert path.read_text().startswith("no database")


def test_sqlite_on_a_network_file_system(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "network_file_system", lambda _: "lustre")
    found = rows(str(results))["store"]
    assert (found.state, "lustre" in found.found, "mongodb" in found.to_do) == (
        "failed", True, True,
    )  # fmt: skip


def test_store_that_forgets(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(MemoryStore):
        def update(self, docs: object, key: object = None) -> None:
            pass

    memory = JobStore(Forgetful())
    memory.connect()
    monkeypatch.setattr(store_module, "open_store", lambda _: memory)
    found = rows(str(results))["store"]
    assert (found.state, "does not come back" in found.found) == ("failed", True)


def test_mongodb(server: str) -> None:
    found = rows(f"{server}/results")["store"]
    assert found.state == "ok"
    assert "/results: 0 documents" in found.found
    assert "/results: 0 documents" in rows(f"{server}/results")["store"].found


def test_mongodb_for_readers(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class ForReaders(MemoryStore):
        def update(self, docs: object, key: object = None) -> None:
            raise OperationFailure("not authorized on results to execute command")

    memory = JobStore(ForReaders())
    memory.connect()
    monkeypatch.setattr(store_module, "open_store", lambda _: memory)
    found = rows(f"{server}/results")["store"]
    assert (found.state, "not authorized" in found.found) == ("failed", True)
    assert "readWrite" in found.to_do


def test_no_mongodb(closed_port: int) -> None:
    found = rows(f"mongodb://me:{PASSWORD}@127.0.0.1:{closed_port}/results")["store"]
    assert (found.state, f"127.0.0.1:{closed_port}" in found.found) == ("failed", True)
    assert PASSWORD not in f"{found}"


def launchpad_rows(settings: Settings, wanted: bool = True) -> list[Finding]:
    return list(run_checks([Check("LaunchPad", lambda: check_launchpad(settings, wanted))]))


def test_launchpad(server: str) -> None:
    settings = Settings(launchpad=SecretStr(f"{server}/fireworks"))
    (found,) = launchpad_rows(settings, wanted=False)  # it is configured
    assert found.state == "ok"
    assert "/fireworks: no Fireworks; FireWorks 2." in found.found


def test_launchpad_was_not_asked_for() -> None:
    (found,) = launchpad_rows(Settings(), wanted=False)
    assert (found.state, "--launchpad" in found.to_do) == ("skipped", True)


def test_no_launchpad(closed_port: int) -> None:
    uri = f"mongodb://me:{PASSWORD}@127.0.0.1:{closed_port}/fireworks"
    (found,) = launchpad_rows(Settings(launchpad=SecretStr(uri)))
    assert (found.state, "MISEI_LAUNCHPAD" in found.found) == ("failed", True)
    assert PASSWORD not in f"{found}"


def test_job_through_fireworks(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    from misei.launchers.fireworks.launchpad import open_launchpad

    settings = Settings(launchpad=SecretStr(f"{server}/test_job"))
    here, before = probe_engine("emt"), Path.cwd()
    (found,) = check_firework(settings, here, WAIT_S)
    assert (found.what, found.state) == ("Firework", "ok")
    launchpad = open_launchpad(settings)
    assert launchpad.get_fw_ids() == []
    assert launchpad.launches.count_documents({}) == 0
    assert Path.cwd() == before
    assert capsys.readouterr().out == ""


def test_job_that_fails_in_fireworks(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> EngineProbe:
        raise ValueError("no weights")

    here = probe_engine("emt")
    monkeypatch.setattr("misei.launchers.doctor.firework.probe_engine", fail)
    settings = Settings(launchpad=SecretStr(f"{server}/test_job"))
    (found,) = check_firework(settings, here, WAIT_S)
    assert (found.state, found.found) == ("failed", "FIZZLED: ValueError: no weights")
