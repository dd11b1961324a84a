"""The cluster file, the job scripts that follow from it, and the errors in a queue's logs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from misei.launchers.commands.cluster import cluster as cluster_command
from misei.launchers.queues.cluster_file import (
    QUEUE_SYSTEMS,
    Cluster,
    ClusterFileError,
    load_cluster,
    template,
)
from misei.launchers.queues.logs import problem_line, queue_problem, ran_out_of_memory

SMALLEST = {"queue_system": "slurm", "cores": 4, "memory_gb": 16, "walltime": "24:00:00"}


def write(folder: Path, text: str) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("queue_system", QUEUE_SYSTEMS)
def test_template_is_a_cluster_file(queue_system, tmp_path):
    app = typer.Typer()
    app.command()(cluster_command)
    printed = CliRunner().invoke(app, [queue_system])
    assert printed.exit_code == 0
    assert printed.output == template(queue_system)
    loaded = load_cluster(write(tmp_path, printed.output))
    assert loaded.queue_system == queue_system
    assert loaded.walltime_s == 86_400
    # Every key is there to be changed.
    for key in Cluster.model_fields:
        assert re.search(rf"^{key}:", printed.output, re.MULTILINE), key


def test_unknown_queue_system_names_the_known_ones():
    with pytest.raises(ClusterFileError, match="'moab'; valid: slurm, pbs, sge, lsf"):
        template("moab")


@pytest.mark.parametrize(
    ("walltime", "seconds", "normal"),
    [
        ('"24:00:00"', 86_400, "24:00:00"),
        ("24:00:00", 86_400, "24:00:00"),  # a number to YAML
        ("00:10:30", 630, "00:10:30"),  # and this a text
        ('"1:30"', 5_400, "01:30:00"),
        ('"2-12:00:00"', 216_000, "60:00:00"),
    ],
)
def test_walltimes(walltime, seconds, normal, tmp_path):
    text = f"queue_system: slurm\ncores: 1\nmemory_gb: 2\nwalltime: {walltime}\n"
    loaded = load_cluster(write(tmp_path, text))
    assert (loaded.walltime_s, loaded.walltime) == (seconds, normal)


def test_lsf_takes_no_seconds():
    lsf = Cluster(**{**SMALLEST, "queue_system": "lsf", "walltime": "1:00:30"})
    assert lsf.queue_walltime == "01:01"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("queue_sytem: slurm", ["unknown key 'queue_sytem'", "queue_system", "interface"]),
        ("queue_system: moab", ["queue_system", "'moab'", "slurm", "lsf"]),
        ("walltime: soon", ["walltime", "'soon'", '"24:00:00"']),
        ("walltime: 24", ["walltime", "24 s", '"24:00:00"']),
        ('walltime: "1:75:00"', ["walltime", "1:75:00"]),
        ("cores: 0", ["cores", "got 0"]),
        ("memory_gb: .inf", ["memory_gb", "finite"]),
        ("workers_per_job: 8", ["workers_per_job", "8", "cores is 4"]),
        ("directives: ['#SBATCH --exclusive']", ["without #SBATCH", "--exclusive"]),
        ("skip_directives: ['']", ["skip_directives.0"]),
        ("setup: module load x", ["setup", "'module load x'"]),
        ("account: |\n  a\n  rm -rf x", ["account"]),
    ],
)
def test_bad_values_are_named_in_one_line(change, words, tmp_path):
    key = change.split(":")[0]
    lines = {name: f"{name}: {value!r}" for name, value in SMALLEST.items()} | {key: change}
    path = write(tmp_path, "\n".join(lines.values()))
    with pytest.raises(ClusterFileError) as raised:
        load_cluster(path)
    message = str(raised.value)
    assert "\n" not in message
    for word in [str(path), *words]:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "not YAML"), ("", "holds no keys"), ("cores: 1", "'queue_system' is missing")],
)
def test_files_that_are_none(text, words, tmp_path):
    with pytest.raises(ClusterFileError, match=words):
        load_cluster(write(tmp_path, text))


def test_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ClusterFileError, match=r"No such file.*misei cluster slurm > none\.yaml"):
        load_cluster(tmp_path / "none.yaml")


# Job scripts. The commands only have to be there, nothing is submitted.


@pytest.fixture
def queue_commands(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "qsub", "bsub"):
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


SCRIPTS = {
    "slurm": [
        "#SBATCH -t 36:00:00", "#SBATCH --mem=16G", "#SBATCH --cpus-per-task=8",
        "#SBATCH -A chem", "#SBATCH -p long", "#SBATCH --exclusive",
    ],
    "pbs": [
        "#PBS -l walltime=36:00:00", "#PBS -l select=1:ncpus=8:mem=16384MB",
        "#PBS -A chem", "#PBS -q long", "#PBS --exclusive",
    ],
    "sge": [
        "#$ -l h_rt=36:00:00", "#$ -l h_vmem=2048M", "#$ -pe smp 8",
        "#$ -P chem", "#$ -q long", "#$ --exclusive",
    ],
    "lsf": [
        "#BSUB -W 36:00", "#BSUB -M 17179870", "#BSUB -n 8",
        '#BSUB -P "chem"', "#BSUB -q long", "#BSUB --exclusive",
    ],
}  # fmt: skip


@pytest.mark.parametrize("queue_system", QUEUE_SYSTEMS)
def test_job_scripts_ask_for_what_the_file_says(
    queue_system, queue_commands, tmp_path, monkeypatch
):
    from misei.launchers.queues.clusters import make_cluster

    monkeypatch.setenv("LSF_ENVDIR", str(tmp_path))  # no site's unit of memory: kilobytes
    described = Cluster(
        queue_system=queue_system, cores=8, workers_per_job=2, memory_gb=16,
        walltime="1-12:00:00", account="chem", queue="long", setup=["module load misei"],
        directives=["--exclusive"], interface="lo",
    )  # fmt: skip
    with make_cluster(described, tmp_path / "run") as workers:
        script = workers.job_script()
        assert workers.scheduler_address.startswith("tls://127.0.0.1:")
        keys = list((tmp_path / "run" / "queue_logs").glob(".*.key.*"))
        assert [key.stat().st_mode & 0o077 for key in keys] == [0]
    assert not keys[0].exists()
    lines = script.splitlines()
    for line in [*SCRIPTS[queue_system], "module load misei", "export OMP_NUM_THREADS='4'"]:
        assert line in lines
    worker = lines[-2] if not lines[-1] else lines[-1]
    for option in ("--nthreads 1 ", "--nworkers 2", "--tls-key", "--lifetime 129000s"):
        assert option in worker
    assert lines.index("module load misei") < lines.index(worker)


def test_directives_are_left_out_where_the_file_says(queue_commands, tmp_path):
    from misei.launchers.queues.clusters import make_cluster

    described = Cluster(
        queue_system="sge", cores=8, memory_gb=16, walltime="1:00:00", interface="lo",
        directives=["-pe openmp 8"], skip_directives=["-pe smp", "h_vmem"],
    )  # fmt: skip
    with make_cluster(described, tmp_path / "run") as workers:
        script = workers.job_script()
    assert "#$ -pe openmp 8" in script
    assert "-pe smp" not in script
    assert "h_vmem" not in script


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interface": "nosuch0"}, "nosuch0"),
        ({"queue_system": "lsf"}, "bsub of lsf is not here"),
    ],
)
def test_what_cannot_start_says_so(change, words, queue_commands, tmp_path):
    from misei.launchers.queues.clusters import QueueError, make_cluster

    (queue_commands / "bsub").unlink()
    with pytest.raises(QueueError, match=words):
        make_cluster(Cluster(**(SMALLEST | change)), tmp_path / "run")


def test_folder_with_a_space_is_refused(queue_commands, tmp_path):
    from misei.launchers.queues.clusters import QueueError, make_cluster

    with pytest.raises(QueueError, match="has a space"):
        make_cluster(Cluster(**SMALLEST), tmp_path / "my run")


# The queue's own words.

LOG = """\
2026-11-21 15:00:00,000 - distributed.nanny - INFO -         Start Nanny at: 'tls://10.0.0.3:1'
/scratch/misei: some warning about nothing
distributed.comm.core.CommClosedError: in <TLS (closed)>: Stream is closed
{line}
later: lines say less
"""


@pytest.mark.parametrize(
    "line",
    [
        "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-21T15:01 DUE TO TIME LIMIT ***",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch.",
        "/var/spool/slurmd/job00012/slurm_script: line 17: module: command not found",
        "ModuleNotFoundError: No module named 'misei'",
        "bash: /home/me/venv/bin/python: No such file or directory",
        "sbatch: error: invalid partition specified: nosuch",
        "=>> PBS: job killed: walltime 3602 exceeded limit 3600",
        "TERM_RUNLIMIT: job killed after reaching LSF run time limit.",
    ],
)
def test_the_line_that_says_what_went_wrong(line):
    assert problem_line(LOG.format(line=line)) == line


def test_an_end_that_was_asked_for_is_no_problem():
    line = "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-21T15:01:00 ***"
    assert problem_line(LOG.format(line=line)) is None


def test_log_of_one_job_or_of_the_last(tmp_path):
    (tmp_path / "misei-12.err").write_text("OSError: old\n")
    (tmp_path / "misei-123.err").write_text("slurmstepd: error: Detected 1 oom-kill event(s)\n")
    (tmp_path / "misei-123.out").write_text("")
    (tmp_path / ".dask-jobqueue.worker.key.1").write_text("KeyError: no log\n")
    os.utime(tmp_path / "misei-12.err", (1, 1))
    assert queue_problem(tmp_path, "12") == "OSError: old"
    assert queue_problem(tmp_path) == "slurmstepd: error: Detected 1 oom-kill event(s)"
    assert queue_problem(tmp_path, "7") is None
    assert ran_out_of_memory(tmp_path, "123")
    assert not ran_out_of_memory(tmp_path, "12")
    assert queue_problem(tmp_path / "none") is None
