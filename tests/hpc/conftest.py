"""A SLURM and a MongoDB for the tests of this folder; each starts when the first test wants it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

if TYPE_CHECKING:
    from slurm_cluster import SlurmCluster

MONGODB_VARIABLE = "MISEI_TEST_MONGODB_URI"
DATABASE_PREFIX = "misei_test_"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder with ``hpc``."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.hpc)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Two nodes of two CPUs; after each test its jobs are cancelled and all nodes are up."""
    from slurm_cluster import SlurmCluster
    from slurm_processes import missing_programs

    if missing := missing_programs():
        pytest.skip(f"no SLURM on this machine: {', '.join(missing)} not found")
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def slurm_environment(slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    """The same, with its variables in ``os.environ`` during the test."""
    for name, value in slurm.env.items():
        monkeypatch.setenv(name, value)
    return slurm


@pytest.fixture(autouse=True)
def _idle_slurm(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a job or a dead node to the next."""
    cluster = request.getfixturevalue("slurm") if "slurm" in request.fixturenames else None
    yield
    if cluster is not None:
        cluster.reset()


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[str]:
    """URI of a MongoDB server, as ``MISEI_TEST_MONGODB_URI`` says or one of our own."""
    if uri := os.environ.get(MONGODB_VARIABLE):
        yield uri
        return
    command = [sys.executable, str(FOLDER / "mongo_server.py"), "--until-eof"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline().strip()
        assert line, f"the MongoDB server for tests did not start: status {server.wait()}"
        yield line
        server.kill()


@pytest.fixture(scope="session")
def mongodb_uri(mongodb_server: str) -> Iterator[str]:
    """URI with the name of a database of this session, which is dropped at its end."""
    yield from _database(mongodb_server)


@pytest.fixture
def mongo_database(mongodb_server: str) -> Iterator[str]:
    """URI with the name of a database of this test, empty, which is dropped at its end."""
    yield from _database(mongodb_server)


def _database(server: str) -> Iterator[str]:
    from mongo_server import database_uri
    from pymongo import MongoClient

    name = f"{DATABASE_PREFIX}{uuid.uuid4().hex[:8]}"
    uri = database_uri(server, name)
    yield uri
    client: MongoClient[Any]
    with MongoClient(uri) as client:
        client.drop_database(name)
