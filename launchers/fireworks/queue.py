"""Workers as jobs of the queue: FireWorks' queue adapter, made from the cluster file."""

from __future__ import annotations

import getpass
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from misei.launchers.fireworks.launchpad import public_name
from misei.launchers.fireworks.rockets import LAUNCH_FILES, job_number
from misei.launchers.pools import THREAD_SETTINGS
from misei.launchers.queues.cluster_file import Cluster
from misei.settings import Settings

if TYPE_CHECKING:
    from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

QUEUE_TYPES = {"slurm": "SLURM", "pbs": "PBS", "sge": "SGE", "lsf": "LoadSharingFacility"}
JOB_FILE = "queue_job.json"
CLI = "misei.launchers.cli"
# A worker waits this long for jobs that others may still bring, then gives its cores back.
IDLE_S = 600
# The rest of a queue job's time is for the last job that was started.
STARTING_SHARE = 0.9
ANSWER_WITHIN_S = 30.0
_ASK = {
    "slurm": ("squeue", "-h", "-o", "%A", "-u"),
    "pbs": ("qselect", "-u"),
    "sge": ("qstat", "-u"),
    "lsf": ("bjobs", "-noheader", "-o", "jobid", "-u"),
}
_CANCEL = {"slurm": "scancel", "pbs": "qdel", "sge": "qdel", "lsf": "bkill"}


class QueueError(ValueError):
    """A queue that does not take a job, or a command of it that does not work."""


class QueueJob(BaseModel):
    """A job of the queue in which workers run; written to its launch folder."""

    model_config = ConfigDict(frozen=True)

    queue_system: str
    number: str
    launchpad: str
    folder: Path


@dataclass(frozen=True)
class Launch:
    """What a queue job runs, besides what the cluster file says.

    Attributes
    ----------
    settings
        Of this machine; paths in them are made absolute.
    folder
        Launch folder.
    category
        Of the Fireworks to take.
    """

    settings: Settings
    folder: Path
    category: str | None = None


def make_adapter(cluster: Cluster, launch: Launch) -> CommonAdapter:
    """Return FireWorks' queue adapter for a cluster file.

    Nothing secret is in it: a queue job gets passwords from the environment of whoever submits
    it, which SLURM and LSF hand on, and of which PBS and SGE are told the names to hand on.
    """
    from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

    template = Path(str(files("misei.launchers.fireworks") / "templates")) / (
        f"{cluster.queue_system}.txt"
    )
    text = template.read_text()
    known = set(re.findall(r"\$\$\{(\w+)\}", text))
    values = {k: v for k, v in _values(cluster, launch).items() if k in known and v is not None}
    for line in text.splitlines():
        if any(skip in _filled(line, values) for skip in cluster.skip_directives):
            values = {k: v for k, v in values.items() if f"$${{{k}}}" not in line}
    return CommonAdapter(
        QUEUE_TYPES[cluster.queue_system], "misei", template_file=str(template), **values
    )


def _filled(line: str, values: dict[str, Any]) -> str:
    return re.sub(r"\$\$\{(\w+)\}", lambda match: str(values.get(match[1], "")), line)


def _values(cluster: Cluster, launch: Launch) -> dict[str, Any]:
    prefix = {"slurm": "#SBATCH", "pbs": "#PBS", "sge": "#$", "lsf": "#BSUB"}[cluster.queue_system]
    memory_mb = round(cluster.memory_gb * 1024)
    return {
        "job_name": "misei",
        "shell": "/bin/bash",
        "launch_dir": str(launch.folder),
        "output": LAUNCH_FILES,
        "nodes": 1,
        "tasks": 1,
        "cores": cluster.cores,
        "memory_mb": memory_mb,
        "core_memory_mb": -(-memory_mb // cluster.cores),
        "walltime": cluster.queue_walltime,
        "queue": cluster.queue,
        "account": cluster.account,
        "variables": ",".join(_secret_variables()) or None,
        "directives": f"\n{prefix} ".join(cluster.directives) or None,
        "pre_rocket": "\n".join([*_exports(cluster, launch.settings), *cluster.setup]),
        "rocket_launch": _command(cluster, launch),
    }


def _secret_variables() -> list[str]:
    """Names of misei's settings in this environment, and of FireWorks' configuration file."""
    return sorted(n for n in os.environ if n.startswith("MISEI_") or n == "FW_CONFIG_FILE")


def _exports(cluster: Cluster, settings: Settings) -> list[str]:
    public = {"MISEI_RUN_DIR": str(settings.run_dir.resolve())}
    if "://" not in settings.store_location:
        public["MISEI_STORE"] = public_name(settings.store_location)
    public |= dict.fromkeys(THREAD_SETTINGS, str(cluster.threads_per_worker))
    return [f"export {name}={shlex.quote(value)}" for name, value in public.items()]


def _command(cluster: Cluster, launch: Launch) -> str:
    words = [
        sys.executable, "-m", CLI, "launch", "--here",
        "--workers", str(cluster.workers_per_job),
        "--folder", str(launch.folder),
        "--idle", str(IDLE_S),
        "--run-seconds", str(int(STARTING_SHARE * cluster.walltime_s)),
    ]  # fmt: skip
    if launch.category is not None:
        words += ["--category", launch.category]
    # Where FireWorks looks for its own files, if it has any.
    return f"cd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(words)}"


def submit_job(adapter: CommonAdapter, cluster: Cluster, folder: Path, launchpad: str) -> QueueJob:
    """Write the script into a folder, submit it, and note the job's number beside it.

    Raises
    ------
    QueueError
        When the queue does not take it, with what it said.
    """
    from fireworks.fw_config import SUBMIT_SCRIPT_NAME
    from monty.os import cd

    said = _Listener()
    logger = adapter.get_qlogger(f"qadapter.{adapter.q_name}")
    logger.addHandler(said)
    logger.disabled = False  # other packages (jobflow-remote) disable the loggers they find
    try:
        with cd(str(folder)):
            Path(SUBMIT_SCRIPT_NAME).write_text(adapter.get_script_str(str(folder)))
            number = adapter.submit_to_queue(SUBMIT_SCRIPT_NAME)
    finally:
        logger.removeHandler(said)
    if number is None:
        raise QueueError(f"the queue did not take {folder / SUBMIT_SCRIPT_NAME}: {said.reason()}")
    job = QueueJob(
        queue_system=cluster.queue_system, number=str(number), launchpad=launchpad, folder=folder
    )
    (folder / JOB_FILE).write_text(job.model_dump_json(indent=2))
    return job


class _Listener(logging.Handler):
    """Keeps what FireWorks logs of a failed submission: the only place that says why."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += record.getMessage().splitlines()

    def reason(self) -> str:
        answers = [line for line in self.lines if "error response reads" in line]
        errors = [line for line in self.lines if re.match(r"\w*Error\b", line)]
        text = (answers or errors or self.lines or ["no reason given"])[-1]
        return (
            text.partition("reads: ")[2].removeprefix("b").strip("'\"").replace("\\n", " ") or text
        )


def known_jobs(run_dir: Path, launchpad: str) -> list[QueueJob]:
    """Return the queue jobs submitted from a results folder for a LaunchPad, ended ones too."""
    paths = sorted((run_dir.resolve() / "launches").glob(f"*/{JOB_FILE}"))
    jobs = [QueueJob.model_validate_json(path.read_text()) for path in paths]
    return [job for job in jobs if job.launchpad == launchpad]


def numbers_in_queue(queue_system: str) -> set[str] | None:
    """Numbers of this user's jobs that wait or run; None where the queue cannot be asked."""
    command = [*_ASK[queue_system], getpass.getuser()]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode and "No unfinished job found" not in done.stderr:  # LSF's empty queue
        return None
    words = (line.split()[0] for line in done.stdout.splitlines() if line.strip())
    return {job_number(word) for word in words if word[0].isdigit()}


def active_jobs(jobs: Iterable[QueueJob]) -> list[QueueJob]:
    """Those of some queue jobs that wait or run; all of a queue that cannot be asked."""
    jobs = list(jobs)
    queues = {system: numbers_in_queue(system) for system in {j.queue_system for j in jobs}}
    return [
        job
        for job in jobs
        if (numbers := queues[job.queue_system]) is None or job.number in numbers
    ]


def cancel_jobs(jobs: Iterable[QueueJob]) -> None:
    """Take jobs out of the queue, running or not; one that has ended meanwhile is no error."""
    by_system: dict[str, list[str]] = {}
    for job in jobs:
        by_system.setdefault(job.queue_system, []).append(job.number)
    for system, numbers in by_system.items():
        try:
            subprocess.run([_CANCEL[system], *numbers], capture_output=True, check=False)
        except OSError as error:
            raise QueueError(f"{_CANCEL[system]} does not run: {error.strerror}") from error
