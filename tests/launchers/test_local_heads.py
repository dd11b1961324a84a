"""Heads that are killed, and heads that run side by side."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from misei.launchers.job_runs import record_store
from misei.launchers.store import open_store

HEAD = Path(__file__).with_name("run_walk.py")
# Only how long a hanging process is waited for.
DEADLINE_S = 300.0


def start_head(folder: Path, seconds: float) -> subprocess.Popen[str]:
    paths = [str(folder / "log.txt"), str(folder / "results.sqlite"), str(folder / "run")]
    return subprocess.Popen(
        [sys.executable, str(HEAD), *paths, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_lines(head: subprocess.Popen[str], log: Path, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while head.poll() is None and time.monotonic() < deadline:
        if log.exists() and len(log.read_text().splitlines()) >= count:
            return
        time.sleep(0.005)


def finished_jobs(folder: Path) -> list[str]:
    """Return the names of all jobs that the store knows as finished."""
    store = open_store(folder / "results.sqlite")
    return [record["name"] for record in record_store(store).query({"state": "finished"})]


def finished(folder: Path) -> dict[str, list[float]]:
    """Values by job name of what is in the store."""
    found: dict[str, list[float]] = {}
    for doc in open_store(folder / "results.sqlite").query({"output.value": {"$exists": True}}):
        found.setdefault(doc["name"], []).append(doc["output"]["value"])
    return {name: sorted(values) for name, values in found.items()}


def test_two_heads_at_once_run_each_job_once(tmp_path: Path) -> None:
    heads = [start_head(tmp_path, 0.1) for _ in range(2)]
    answers = [json.loads(head.communicate(timeout=DEADLINE_S)[0]) for head in heads]
    assert [answer["failed"] for answer in answers] == [{}, {}]
    computed = Counter(name for answer in answers for name in answer["computed"])
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert max(Counter(lines).values()) == 1
    assert all(answer["computed"] for answer in answers)
    assert computed == Counter(finished_jobs(tmp_path))


@pytest.mark.slow
def test_kill_9_loses_only_what_was_running(tmp_path: Path) -> None:
    """Killed three times at random moments, then run to the end."""
    generator = random.Random()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    start_head(whole, 0.03).communicate(timeout=DEADLINE_S)
    log = killed / "log.txt"
    kills = []
    for _ in range(3):
        before = finished(killed) if log.exists() else {}
        old_lines = len(log.read_text().splitlines()) if log.exists() else 0
        kills.append(old_lines + generator.randint(1, 6))
        head = start_head(killed, 0.03)
        wait_for_lines(head, log, kills[-1])
        time.sleep(generator.uniform(0, 0.05))
        os.killpg(head.pid, signal.SIGKILL)
        head.communicate()
        new = log.read_text().splitlines()[old_lines:]
        assert not set(before) & {line.removeprefix("add ") for line in new}, kills
    head = start_head(killed, 0.03)
    out, _ = head.communicate(timeout=DEADLINE_S)
    assert json.loads(out)["failed"] == {}
    assert finished(killed) == finished(whole)
    runs = Counter(line for line in log.read_text().splitlines() if line.startswith("add"))
    assert max(runs.values()) <= 1 + len(kills)
    # Two workers: each kill loses at most the two jobs that ran.
    assert sum(count - 1 for count in runs.values()) <= 2 * len(kills)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_workers_do_not_outlive_a_killed_head(tmp_path: Path) -> None:
    head = start_head(tmp_path, 0.05)
    wait_for_lines(head, tmp_path / "log.txt", 1)
    lists = Path(f"/proc/{head.pid}/task").glob("*/children")
    children = [pid for children in lists for pid in children.read_text().split()]
    assert len(children) >= 2
    os.kill(head.pid, signal.SIGKILL)
    head.wait()
    deadline = time.monotonic() + DEADLINE_S
    left = children
    while left and time.monotonic() < deadline:
        left = [pid for pid in left if is_running(pid)]
        time.sleep(0.05)
    assert left == []


def is_running(pid: str) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
