from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from misei.launchers.doctor import job as doctor_job
from misei.launchers.doctor.engine import EngineProbe, probe_engine
from misei.launchers.doctor.findings import Finding
from misei.launchers.doctor.job import check_local_job, compared
from misei.launchers.job_runs import LOOK_AGAIN
from misei.launchers.pools import InlinePool
from misei.settings import Settings

WAIT_S = 240.0


@pytest.fixture(scope="module")
def here() -> EngineProbe:
    return probe_engine("emt")


class DeadPool:
    """Never answers."""

    size = 1

    def submit(self, task_json: str, folder: str) -> Future[str]:
        return Future()

    def close(self) -> None:
        pass


class BlindPool(DeadPool):
    """Its workers see nothing of the folders of the head."""

    def submit(self, task_json: str, folder: str) -> Future[str]:
        future: Future[str] = Future()
        future.set_result(LOOK_AGAIN)
        return future


def rows(pool: Any, run_dir: Path, here: EngineProbe, wait_s: float = WAIT_S) -> list[Finding]:
    settings = Settings(run_dir=run_dir)
    return list(
        doctor_job._check_pool("queue worker", lambda _: pool, settings, here, wait_s, "wait")
    )


def test_worker_of_this_machine(tmp_path: Path, here: EngineProbe) -> None:
    job, run_dir = check_local_job(Settings(run_dir=tmp_path), here, WAIT_S)
    assert (job.what, job.state) == ("local worker", "ok")
    assert here.host in job.found
    # The lock of this process is a real one: the worker met it.
    assert (run_dir.state, "locks hold there" in run_dir.found) == ("ok", True)
    assert list(tmp_path.iterdir()) == []


def test_worker_that_does_not_come(tmp_path: Path, here: EngineProbe) -> None:
    (found,) = rows(DeadPool(), tmp_path, here, wait_s=0.06)
    assert (found.state, found.found) == ("failed", "no answer in 0.001 min")
    assert found.to_do == "wait"
    assert list(tmp_path.iterdir()) == []


def test_worker_that_does_not_come_and_says_why(tmp_path: Path, here: EngineProbe) -> None:
    class Telling(DeadPool):
        def submit(self, task_json: str, folder: str) -> Future[str]:
            logs = next(tmp_path.iterdir()) / "queue_logs"
            logs.mkdir()
            (logs / "misei-7.out").write_text("setup\nbash: line 3: my_setup: command not found\n")
            return Future()

    (found,) = rows(Telling(), tmp_path, here, wait_s=0.06)
    assert "bash: line 3: my_setup: command not found" in found.found


def test_worker_without_the_run_dir(tmp_path: Path, here: EngineProbe) -> None:
    (found,) = rows(BlindPool(), tmp_path, here)
    assert (found.state, "does not see" in found.found) == ("failed", True)
    assert "MISEI_RUN_DIR" in found.to_do


def test_job_that_fails(tmp_path: Path, here: EngineProbe, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> EngineProbe:
        raise ImportError("libcudart.so.12")

    monkeypatch.setattr(doctor_job, "probe_engine", fail)
    (found,) = rows(InlinePool(), tmp_path, here)
    assert (found.state, found.found) == ("failed", "ImportError: libcudart.so.12")
    assert found.to_do


def test_locks_that_do_not_reach_the_worker(
    tmp_path: Path, here: EngineProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_job, "_is_locked", lambda _: False)
    job, run_dir = rows(InlinePool(), tmp_path, here)
    assert (job.state, run_dir.state) == ("ok", "warning")
    assert run_dir.to_do


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"energy": 1.0}, "eV/atom, here"),
        ({"energy": float("nan")}, "eV/atom, here"),
        ({"engine_version": "ase 1.0"}, "has misei"),
        ({"misei_version": "9"}, "has misei 9"),
    ],
)
def test_another_engine_there(there: dict[str, Any], said: str, here: EngineProbe) -> None:
    found = compared("queue worker", here, here.model_copy(update=there), 1.0)
    assert (found.state, said in found.found) == ("failed", True)
    assert found.to_do
