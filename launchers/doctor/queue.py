"""Checks of a queue: cluster file, commands, partition, and whether a job of that size fits."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from misei.launchers.doctor.findings import Finding, failed, ok, skipped, warning
from misei.launchers.queues.cluster_file import Cluster, ClusterFileError, load_cluster

QUEUE_TIMEOUT_S = 15


@dataclass(frozen=True)
class Commands:
    """Commands of a queue system: those misei needs, one that asks it, one that asks a queue."""

    needed: tuple[str, ...]
    ask: tuple[str, ...]
    ask_queue: tuple[str, ...]


COMMANDS = {
    "slurm": Commands(
        ("sbatch", "squeue", "scancel"), ("sinfo", "-h"), ("scontrol", "-o", "show", "partition")
    ),
    "pbs": Commands(("qsub", "qstat", "qdel"), ("qstat", "-B"), ("qstat", "-Q")),
    "sge": Commands(("qsub", "qstat", "qdel"), ("qstat",), ("qconf", "-sq")),
    "lsf": Commands(("bsub", "bjobs", "bkill"), ("bqueues",), ("bqueues",)),
}


@dataclass(frozen=True)
class Answer:
    """What a command printed (stdout, or stderr where it failed) and whether it went well."""

    well: bool
    text: str


def ask(*command: str, script: str | None = None) -> Answer:
    """Run a command of the queue; one that is missing or does not answer in time has failed."""
    name = command[0]
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=QUEUE_TIMEOUT_S, input=script
        )
    except FileNotFoundError:
        return Answer(False, f"{name} is not on the PATH")
    except subprocess.TimeoutExpired:
        return Answer(False, f"{name} did not answer in {QUEUE_TIMEOUT_S} s")
    if run.returncode == 0:
        return Answer(True, run.stdout.strip() or run.stderr.strip())
    said = (run.stderr.strip() or run.stdout.strip()).splitlines()
    return Answer(False, said[-1] if said else f"{name} ended with {run.returncode}")


def check_queue(path: Path | None) -> Iterator[Finding]:
    """Everything about the queue of a cluster file."""
    if path is None:
        yield skipped("queue", "no cluster file", "name one with --cluster or MISEI_CLUSTER")
        return
    try:
        cluster = load_cluster(path)
    except ClusterFileError as error:
        yield failed("cluster file", str(error), "`misei cluster slurm` prints one that is right")
        return
    yield ok(
        "cluster file",
        f"{path}: {cluster.queue_system}, {cluster.max_jobs} jobs of {cluster.cores} cores, "
        f"{cluster.memory_gb:g} GB, {cluster.walltime}",
    )
    commands = COMMANDS[cluster.queue_system]
    missing = [name for name in commands.needed if shutil.which(name) is None]
    if missing:
        yield failed(
            "queue commands",
            f"not on the PATH: {', '.join(missing)}",
            f"run this on a login node, load the module of {cluster.queue_system.upper()}, or "
            "mend queue_system in the cluster file",
        )
        return
    yield ok("queue commands", f"{', '.join(commands.needed)} ({shutil.which(commands.needed[0])})")
    answer = ask(*commands.ask)
    if not answer.well:
        to_do = "try the command yourself; is the queue system down, or not meant for this machine?"
        yield failed("queue", f"{' '.join(commands.ask)}: {answer.text}", to_do)
        return
    yield ok("queue", f"answers {commands.ask[0]}")
    yield from _slurm(cluster) if cluster.queue_system == "slurm" else _other(cluster, commands)


def _other(cluster: Cluster, commands: Commands) -> Iterator[Finding]:
    if cluster.queue is None:
        yield skipped("partition", "the cluster file names no queue; the system's default is used")
        return
    answer = ask(*commands.ask_queue, cluster.queue)
    if answer.well:
        yield ok("partition", f"{cluster.queue} exists; its limits are not compared")
    else:
        to_do = f"mend queue in the cluster file; `{commands.ask[0]}` lists what there is"
        yield failed("partition", f"{cluster.queue}: {answer.text}", to_do)


def _slurm(cluster: Cluster) -> Iterator[Finding]:
    answer = ask(*COMMANDS["slurm"].ask_queue)
    if not answer.well:
        yield failed("partition", answer.text, "try `scontrol show partition` yourself")
        return
    partitions = [_fields(line) for line in answer.text.splitlines()]
    names = ", ".join(p.get("PartitionName", "") for p in partitions)
    chosen = next((p for p in partitions if _is_chosen(p, cluster.queue)), None)
    if chosen is None:
        found = (
            f"no partition {cluster.queue!r}" if cluster.queue else "none is the default partition"
        )
        to_do = f"set queue in the cluster file to one of: {names}"
        yield failed("partition", found, to_do)
        return
    name, state = chosen["PartitionName"], chosen.get("State", "UP")
    if state == "UP":
        yield ok("partition", f"{name}, {chosen.get('TotalNodes', '?')} nodes, up")
    else:
        yield failed("partition", f"{name} is {state}", f"wait, or choose another one of: {names}")
    yield _walltime(cluster, name, chosen.get("MaxTime", "UNLIMITED"))
    yield _fits(cluster)


def _fields(line: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S*)", line))


def _is_chosen(partition: dict[str, str], queue: str | None) -> bool:
    if queue is None:
        return partition.get("Default") == "YES"
    # A job may name several; the first one stands for them.
    return partition.get("PartitionName") == queue.split(",")[0]


def _walltime(cluster: Cluster, partition: str, limit: str) -> Finding:
    seconds = slurm_seconds(limit)
    found = f"{cluster.walltime} of {limit} in {partition}"
    if seconds is None or cluster.walltime_s <= seconds:
        return ok("walltime", found)
    to_do = f"set walltime in the cluster file to {limit} or less: the jobs would wait for ever"
    return failed("walltime", found, to_do)


def slurm_seconds(limit: str) -> int | None:
    """Return a limit of SLURM (``D-HH:MM:SS``, ``HH:MM:SS``) in s; None where there is none."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", limit)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _fits(cluster: Cluster) -> Finding:
    """Ask SLURM, without submitting, whether a job of this size could start."""
    wanted = {
        "--partition": cluster.queue,
        "--account": cluster.account,
        "--time": cluster.walltime,
        "--cpus-per-task": cluster.cores,
        # As dask-jobqueue asks for it.
        "--mem": f"{int(cluster.memory_gb * 1024)}M",
    }
    lines = [f"{name}={value}" for name, value in wanted.items() if value is not None]
    lines = ["--ntasks=1", *lines, *cluster.directives]
    kept = [line for line in lines if not any(text in line for text in cluster.skip_directives)]
    script = "\n".join(["#!/bin/sh", *(f"#SBATCH {line}" for line in kept), "true\n"])
    answer = ask("sbatch", "--test-only", script=script)
    if not answer.well:
        return failed(
            "job size",
            answer.text,
            "mend cores, memory_gb, queue, account or directives in the cluster file "
            "(`sinfo -o '%P %c %m %l'` shows what nodes have), or wait for nodes that are down "
            "(`sinfo -R`)",
        )
    said = answer.text.removeprefix("sbatch: ")
    if "to start at" in said:
        return ok("job size", said)
    return warning("job size", said, "SLURM says more than that the job can start: read it")
