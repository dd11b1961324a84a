"""What jobflow-remote starts on a worker, without jobflow-remote's queue."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jobflow import Job

from misei.launchers.store import open_store

pytest.importorskip("jobflow_remote", reason="jobflow-remote is not installed")

TESTS = Path(__file__).parents[1]
JOB_MODULES = [TESTS / "hpc", TESTS / "launchers"]
sys.path[:0] = [str(folder) for folder in JOB_MODULES if str(folder) not in sys.path]

import local_jobs  # noqa: E402
import remote_jobs  # noqa: E402
from local_jobs import make  # noqa: E402

from misei.launchers.remote.worker import run_queued_job, with_own_names  # noqa: E402


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MISEI_RUN_DIR", str(tmp_path))
    return tmp_path


def _deliver(run_dir: Path, job: Job) -> Path:
    """A job as jobflow-remote brings it to a worker."""
    from jobflow_remote.jobs.data import IN_FILENAME
    from jobflow_remote.remote.data import get_remote_in_file, get_remote_store

    folder = run_dir / "delivered"
    folder.mkdir(exist_ok=True)
    store = get_remote_store(open_store(run_dir / "results.sqlite"), folder, None)
    job_dict = json.loads(job.to_json())
    (folder / IN_FILENAME).write_bytes(get_remote_in_file(job_dict, store).read())
    return folder


def _brought(folder: Path) -> dict[str, Any]:
    from jobflow_remote.jobs.data import OUT_FILENAME

    content: dict[str, Any] = json.loads((folder / OUT_FILENAME).read_text())
    return content


def test_a_job_killed_before_its_answer_was_taken_away_is_not_run_again(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    log = run_dir / "log"
    job = make(local_jobs.add, "once", [], str(log))
    with monkeypatch.context() as patch:
        patch.setattr("misei.launchers.remote.worker.store_answer", killed)
        with pytest.raises(KeyboardInterrupt):
            run_queued_job(_deliver(run_dir, job))
    run_queued_job(_deliver(run_dir, job))
    assert log.read_text() == "add once\n"
    assert _brought(run_dir / "delivered")["error"] is None
    assert not (run_dir / "jobs" / f"{job.uuid}_1").exists()


def test_a_failure_brings_its_traceback(run_dir: Path) -> None:
    job = make(local_jobs.fail, "bad", [], str(run_dir / "log"), "two parts")
    run_queued_job(_deliver(run_dir, job))
    brought = _brought(run_dir / "delivered")
    assert brought["response"] is None
    assert "TwoPartError: this and that" in brought["error"]


def test_jobs_that_two_jobs_ask_for_have_names_of_their_own(tmp_path: Path) -> None:
    def asked_by(label: str) -> tuple[set[str], set[str]]:
        asking = remote_jobs.asking(label, str(tmp_path / "log"))
        replace = asking.run(open_store(tmp_path / "results.sqlite")).replace
        record = {"uuid": asking.uuid, "new_jobs": {"replace": replace.as_dict()}}
        answer = json.loads(with_own_names(json.dumps({"record": record}, default=str)))
        jobs = answer["record"]["new_jobs"]["replace"]["jobs"]
        return set(replace.job_uuids) - {asking.uuid}, {j["uuid"] for j in jobs} - {asking.uuid}

    (shared, own), (again, others) = asked_by("a"), asked_by("b")
    assert shared == again
    assert len(own) == len(others) == 1
    assert own != others
    assert asked_by("a")[1] == own
