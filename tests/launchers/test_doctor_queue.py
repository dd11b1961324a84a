from __future__ import annotations

import stat
from pathlib import Path

import pytest

from misei.launchers.doctor import queue as doctor_queue
from misei.launchers.doctor.findings import Finding
from misei.launchers.doctor.queue import check_queue, slurm_seconds

CLUSTER = 'queue_system: slurm\ncores: 4\nmemory_gb: 8\nwalltime: "24:00:00"\n'
PARTITIONS = """\
PartitionName=short Default=YES MaxTime=01:00:00 TotalNodes=2 State=UP
PartitionName=long Default=NO MaxTime=7-00:00:00 TotalNodes=9 State=UP
PartitionName=old Default=NO MaxTime=UNLIMITED TotalNodes=1 State=DOWN
"""
NAMES = ("sbatch", "squeue", "scancel", "sinfo", "scontrol", "qsub", "qstat", "qdel", "qconf")


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, alone on the PATH, of commands of queue systems that say nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in NAMES:
        script(folder / name, "exit 0")
    (tmp_path / "partitions").write_text(PARTITIONS)
    script(folder / "scontrol", f"while read line; do echo $line; done < {tmp_path}/partitions")
    script(folder / "sbatch", "echo 'sbatch: Job 7 to start at noon using 4 processors' >&2")
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def rows(tmp_path: Path, text: str = CLUSTER) -> dict[str, Finding]:
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    return {finding.what: finding for finding in check_queue(file)}


def test_no_cluster_file() -> None:
    (found,) = check_queue(None)
    assert (found.state, "--cluster" in found.to_do) == ("skipped", True)


@pytest.mark.parametrize(
    ("text", "said"), [("queue_system: slurm\n", "'cores'"), (CLUSTER + "quue: x\n", "'quue'")]
)
def test_bad_cluster_file(text: str, said: str, tmp_path: Path) -> None:
    (found,) = rows(tmp_path, text).values()
    assert (found.what, found.state, said in found.found) == ("cluster file", "failed", True)
    assert "misei cluster slurm" in found.to_do


@pytest.mark.usefixtures("commands")
def test_queue_in_order(tmp_path: Path) -> None:
    found = rows(tmp_path, CLUSTER + "queue: long\n")
    assert {row.state for row in found.values()} == {"ok"}
    assert list(found) == [
        "cluster file", "queue commands", "queue", "partition", "walltime", "job size",
    ]  # fmt: skip
    assert found["partition"].found == "long, 9 nodes, up"
    assert found["job size"].found.startswith("Job 7 to start")


def test_what_sbatch_is_asked(commands: Path, tmp_path: Path) -> None:
    script(commands / "sbatch", f"echo $* > {tmp_path}/asked; while read line; do echo $line; done")
    text = CLUSTER + 'account: mine\ndirectives: ["--gres=gpu:1"]\nskip_directives: ["--mem"]\n'
    found = rows(tmp_path, text)["job size"]
    assert (tmp_path / "asked").read_text() == "--test-only\n"
    assert found.state == "warning"  # it says something else than when the job would start
    assert found.found.split("\n") == [
        "#!/bin/sh",
        "#SBATCH --ntasks=1",
        "#SBATCH --account=mine",
        "#SBATCH --time=24:00:00",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --gres=gpu:1",
        "true",
    ]


def test_commands_are_not_there(commands: Path, tmp_path: Path) -> None:
    (commands / "scancel").unlink()
    found = rows(tmp_path)
    assert list(found) == ["cluster file", "queue commands"]
    assert found["queue commands"].state == "failed"
    assert found["queue commands"].found == "not on the PATH: scancel"
    assert "SLURM" in found["queue commands"].to_do


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'sinfo: error: Unable to contact slurm controller' >&2; exit 1", "Unable"),
        ("exit 4", "ended with 4"),
        ("while true; do :; done", "did not answer in"),
    ],
)
def test_queue_does_not_answer(
    text: str, said: str, commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "while" in text:
        monkeypatch.setattr(doctor_queue, "QUEUE_TIMEOUT_S", 0.2)
    script(commands / "sinfo", text)
    found = rows(tmp_path)
    assert list(found)[-1] == "queue"
    assert (found["queue"].state, said in found["queue"].found) == ("failed", True)
    assert found["queue"].to_do


@pytest.mark.usefixtures("commands")
def test_partition_that_does_not_exist(tmp_path: Path) -> None:
    found = rows(tmp_path, CLUSTER + "queue: huge\n")["partition"]
    assert (found.state, found.found) == ("failed", "no partition 'huge'")
    assert found.to_do.endswith("one of: short, long, old")


@pytest.mark.usefixtures("commands")
def test_partition_that_is_down(tmp_path: Path) -> None:
    found = rows(tmp_path, CLUSTER + "queue: old\n")
    assert (found["partition"].state, found["partition"].found) == ("failed", "old is DOWN")
    assert found["walltime"].state == "ok"


@pytest.mark.usefixtures("commands")
def test_walltime_over_the_limit_of_the_default_partition(tmp_path: Path) -> None:
    found = rows(tmp_path)["walltime"]
    assert (found.state, found.found) == ("failed", "24:00:00 of 01:00:00 in short")
    assert "01:00:00 or less" in found.to_do


def test_job_that_slurm_would_not_take(commands: Path, tmp_path: Path) -> None:
    refusal = "allocation failure: Requested node configuration is not available"
    script(commands / "sbatch", f"echo '{refusal}' >&2; exit 1")
    found = rows(tmp_path)["job size"]
    assert (found.state, found.found) == ("failed", refusal)
    assert "memory_gb" in found.to_do


def test_pbs(commands: Path, tmp_path: Path) -> None:
    text = CLUSTER.replace("slurm", "pbs")
    assert rows(tmp_path, text)["partition"].state == "skipped"
    script(commands / "qstat", '[ "$2" != batch ] || { echo "Unknown queue batch" >&2; exit 170; }')
    assert rows(tmp_path, text + "queue: work\n")["partition"].state == "ok"
    found = rows(tmp_path, text + "queue: batch\n")["partition"]
    assert (found.state, found.found) == ("failed", "batch: Unknown queue batch")


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("01:00:00", 3600), ("7-00:00:30", 7 * 86400 + 30), ("UNLIMITED", None)],
)
def test_limits_of_slurm(limit: str, seconds: int | None) -> None:
    assert slurm_seconds(limit) == seconds
