"""Jobs that workers import by this module's name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from jobflow import job
from pydantic import BaseModel

from misei.workflows.keys import keyed


class Surroundings(BaseModel):
    """What a worker's process sees."""

    queue_job: str
    node: str
    threads: str
    texts: list[str]  # its environment and command line, and its parents'
    open_files: list[str]


@job(output_schema=Surroundings)
def look_around(label: str) -> Surroundings:
    """Everything by which this process could know or hold the store."""
    texts, pid = [], os.getpid()
    while pid > 1:
        process = Path(f"/proc/{pid}")
        texts += [
            text.decode(errors="replace")
            for name in ("environ", "cmdline")
            for text in (process / name).read_bytes().split(b"\0")
        ]
        names = (process / "cmdline").read_bytes()
        if b"slurm_script" in names:  # above it are the queue's own daemons
            break
        pid = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    links = [file for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    return Surroundings(
        queue_job=os.environ["SLURM_JOB_ID"],
        node=os.environ["SLURMD_NODENAME"],
        threads=os.environ["OMP_NUM_THREADS"],
        texts=[*texts, *os.environ.values()],
        open_files=[os.readlink(file) for file in links if file.exists()],
    )


class Number(BaseModel):
    """Output of what is killed."""

    value: float


@job(output_schema=Number)
def cancel_own_queue_job(label: str, tries: str, times: int) -> Number:
    """Be taken away by the queue some times before it gives an answer."""
    log = Path(tries)
    with log.open("a") as file:
        file.write(f"{os.environ['SLURM_JOB_ID']}\n")
    if len(log.read_text().splitlines()) <= times:
        os.system("scancel $SLURM_JOB_ID")
        signal.pause()
    return Number(value=1.0)


@job(output_schema=Number)
def kill_worker(label: str, tries: str) -> Number:
    """Take every worker down."""
    with Path(tries).open("a") as file:
        file.write(f"{os.getpid()}\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return Number(value=0.0)


def make(function: object, *arguments: object) -> object:
    """Keyed job, named by its label."""
    new = function(*arguments)  # type: ignore[operator]
    new.name = arguments[0]
    return keyed(new)
