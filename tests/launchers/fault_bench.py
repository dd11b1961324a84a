"""What the fault tests share: flows whose results can be compared, and a head to disturb."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import local_jobs as jobs
import pytest
import typer
from jobflow import Flow, Job, JobStore, job
from local_jobs import make, random_walk
from pydantic import BaseModel

from misei.launchers.commands.console import one_line_errors
from misei.launchers.job_runs import record_store
from misei.launchers.local import RunReport, run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store

HEAD = Path(__file__).with_name("run_fault_head.py")
# Only how long a hanging process is waited for.
DEADLINE_S = 300.0

Contents = dict[tuple[str, int], str]

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")


def small_flow(log: str) -> Flow:
    """A job, one that becomes two others, and one that needs them."""
    first = make(jobs.add, "first", [], log)
    grown = make(jobs.expand, "grown", [first.output], log, 1)
    last = make(jobs.add, "last", [grown.output], log)
    return Flow([first, grown, last], output=last.output)


class Bulk(BaseModel):
    """Output of :func:`bulky`."""

    text: str
    numbers: list[float]


@job(data="numbers", output_schema=Bulk)
def bulky(label: str, terms: list[object], log: str, seed: int) -> Bulk:
    """About 100 kB of output, a half of it in the store of large objects."""
    jobs.note(log, label)
    return Bulk(text=f"{seed:08d}" * 6000, numbers=[float(seed + n) for n in range(6000)])


def bulky_jobs(log: str, count: int) -> list[Job]:
    return [make(bulky, f"job {number}", [], log, number) for number in range(count)]


@job(output_schema=jobs.Number)
def removing(label: str, terms: list[object], log: str, gone: str, run_dir: str) -> jobs.Number:
    """Remove the folder that it runs in, the first time."""
    again = label in log_lines(log)
    jobs.note(log, label)
    if not again:
        shutil.rmtree(Path.cwd() if gone == "the job's folder" else run_dir)
    return jobs.Number(value=1.0)


def told(act: Callable[[], Any], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says of what stops it."""
    with pytest.raises(typer.Exit) as caught:
        one_line_errors(act)()
    assert caught.value.exit_code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return str(line)


def run_inline(
    flows: Iterable[Flow | Job], store: JobStore | str | Path, run_dir: Path, **options: Any
) -> RunReport:
    opened = store if isinstance(store, JobStore) else open_store(store)
    return run_flows(flows, opened, run_dir, InlinePool(), **options)


def undisturbed(folder: Path, seconds: float) -> Contents:
    """Contents of the store of a random walk that nothing disturbs."""
    log = folder / "log.txt"  # an input of every job, so the same one as of the other runs
    run_inline(random_walk(str(log), seconds), folder / "whole.sqlite", folder / "whole")
    log.unlink()
    return contents(folder / "whole.sqlite")


def contents(store: JobStore | str | Path) -> Contents:
    """Outputs of a store with the jobs that their records tell of, by (uuid, index)."""
    opened = store if isinstance(store, JobStore) else open_store(store)
    records = {
        (record["uuid"], record["index"]): (record["name"], _job_ids(record["new_jobs"]))
        for record in record_store(opened).query({"state": "finished"})
    }
    found: Contents = {}
    for doc in opened.query({}, load=True):
        identity = (doc["uuid"], doc["index"])
        found[identity] = json.dumps([doc["output"], records.get(identity)], sort_keys=True)
    return found


def _job_ids(new_jobs: dict[str, Any]) -> dict[str, list[str]]:
    # A flow has a random uuid, its jobs have not.
    return {kind: [new["uuid"] for new in flow["jobs"]] for kind, flow in new_jobs.items()}


def start_head(folder: Path, seconds: float, **places: Path) -> subprocess.Popen[str]:
    """Start a head in a session of its own."""
    paths = {"store": folder / "results.sqlite", "run_dir": folder / "run", **places}
    arguments = [str(folder / "log.txt"), str(paths["store"]), str(paths["run_dir"]), str(seconds)]
    return subprocess.Popen(
        [sys.executable, str(HEAD), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.01)


def wait_for_lines(head: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Wait until the jobs have logged so many lines, or the head has ended."""
    wait_until(lambda: head.poll() is not None or len(lines(folder)) >= count)


def lines(folder: Path) -> list[str]:
    return log_lines(folder / "log.txt")


def log_lines(log: str | Path) -> list[str]:
    return Path(log).read_text().splitlines() if Path(log).exists() else []


def children(pid: int) -> list[str]:
    """Processes that a process has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for listed in lists for child in listed.read_text().split()]


def is_running(pid: str) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def in_children(*acts: Callable[[], Any]) -> list[int]:
    """Run things in forks of this process, all at once; return their exit codes."""
    forks = [_fork(act) for act in acts]
    return [os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) for fork in forks]


def _fork(act: Callable[[], Any]) -> int:
    child = os.fork()
    if child == 0:
        code = 99
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return child
