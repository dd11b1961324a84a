"""Queue jobs on a queue of three shell scripts: what it refuses and what it forgets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client

from misei.launchers.queues import jobs as queue_jobs
from misei.launchers.queues.cluster_file import Cluster
from misei.launchers.queues.clusters import make_cluster

DEADLINE_S = 300.0
# The number of a job is the number of its process group.
COMMANDS = {
    "sbatch": """\
exec 9> {folder}/lock; flock 9
if [ -e {folder}/down ]; then echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1
fi
if [ "$(squeue | wc -l)" -ge {limit} ]; then
  echo refused >> {folder}/refused
  echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1
fi
cp "$1" {folder}/script.$$
setsid sh {folder}/script.$$ > /dev/null 2>&1 < /dev/null 9>&- &
echo $! >> {folder}/jobs
echo "Submitted batch job $!"
""",
    "squeue": """\
if [ -e {folder}/down ]; then exit 1; fi
for job in $(cat {folder}/jobs 2>/dev/null); do kill -0 $job 2>/dev/null && echo $job; done
true
""",
    "scancel": "kill -- -$1\n",
}
LIMIT = 1

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, lines in COMMANDS.items():
        text = f"#!/bin/sh\nPATH={programs}:$PATH\n" + lines.format(folder=tmp_path, limit=LIMIT)
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(queue_jobs, "LOOK_S", 0.1)
    monkeypatch.setattr(queue_jobs, "POLL_S", 0.2)
    yield tmp_path
    for job in (tmp_path / "jobs").read_text().split():
        os.system(f"kill -9 -- -{job} 2> /dev/null")


def start(folder: Path, **changes: object) -> queue_jobs.QueueJobs:
    described = {
        "queue_system": "slurm", "max_jobs": 2, "cores": 1, "memory_gb": 1,
        "walltime": "1:00:00", "interface": "lo",
    }  # fmt: skip
    cluster = make_cluster(Cluster(**(described | changes)), folder / "run")
    assert isinstance(cluster, queue_jobs.QueueJobs)
    return cluster


def wait_for(file: Path) -> Callable[[], str]:
    """Return a task; a function within one travels as it is, whatever workers can import."""

    def task(path: str = str(file)) -> str:
        import os
        import time

        while not os.path.exists(path):
            time.sleep(0.05)
        return os.environ["OMP_NUM_THREADS"]

    return task


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_limit_on_jobs_does_not_end_the_run(folder: Path) -> None:
    """More is refused than a run may be refused in a row, but a job of it runs."""
    with start(folder) as cluster, Client(cluster) as client:
        executor = client.get_executor(pure=False)
        futures = [executor.submit(wait_for(folder / "go")) for _ in range(2)]
        refused = folder / "refused"
        wait_until(
            lambda: refused.exists() and len(refused.read_text().split()) > queue_jobs.MAX_FRUITLESS
        )
        (folder / "go").touch()
        assert [future.result(DEADLINE_S) for future in futures] == ["1", "1"]
        assert len((folder / "jobs").read_text().split()) == LIMIT


def test_a_controller_that_starts_again_is_waited_for(folder: Path) -> None:
    """Jobs ended meanwhile; nobody could be told that others are wanted."""
    with start(folder, max_jobs=1) as cluster, Client(cluster) as client:
        future = client.get_executor(pure=False).submit(wait_for(folder / "go"))
        wait_until(lambda: any(w.processing for w in cluster.scheduler.workers.values()))
        (job,) = (folder / "jobs").read_text().split()
        (folder / "down").touch()
        os.system(f"kill -- -{job}")
        wait_until(lambda: not cluster.scheduler.workers)
        (folder / "go").touch()
        (folder / "down").unlink()
        assert future.result(DEADLINE_S) == "1"
        assert len((folder / "jobs").read_text().split()) == 2


def test_queue_jobs_without_work_are_given_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_jobs, "SPARE_S", 0.5)
    (folder / "go").touch()
    with start(folder, max_jobs=1) as cluster, Client(cluster) as client:
        executor = client.get_executor(pure=False)
        for number in (1, 2):  # and submitted anew where there is work again
            executor.submit(wait_for(folder / "go")).result(DEADLINE_S)
            wait_until(lambda: not cluster.worker_spec and not cluster.workers)
            jobs = (folder / "jobs").read_text().split()
            assert len(jobs) == number
            wait_until(lambda jobs=jobs: not any(Path(f"/proc/{job}").exists() for job in jobs))
