"""kill -9 of heads and workers, at every step and at random: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import local_jobs as jobs
import pytest
from fault_bench import (
    DEADLINE_S,
    children,
    contents,
    in_children,
    is_running,
    lines,
    needs_proc,
    run_inline,
    small_flow,
    start_head,
    undisturbed,
    wait_for_lines,
    wait_until,
)
from jobflow import Flow
from local_jobs import make, random_walk

from misei.launchers.local import KILLED_WORKER, run_flows
from misei.launchers.pools import DaskPool, local_pool
from misei.launchers.store import open_store

KILLED = 42
KILLS = 4
WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "REPLACE", "COMMIT")
FILE_STEPS = ("mkdir", "write_text", "replace", "touch", "unlink", "rmdir")


class Deadline:
    """Ends this process at the n-th step of its disk, as kill -9 would."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(KILLED)

    def on_statement(self, statement: str) -> None:
        if statement.startswith(WRITES):
            self.step()

    def watch(self) -> None:
        """Count every write of SQLite and every change of a file from now on."""
        connect = sqlite3.connect

        def watched(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **kwargs)
            connection.set_trace_callback(self.on_statement)
            return connection

        sqlite3.connect = watched
        for name in FILE_STEPS:
            setattr(Path, name, self._counted(getattr(Path, name)))

    def _counted(self, method: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return method(*args, **kwargs)

        return counted


@pytest.mark.slow
def test_a_head_killed_at_any_step_goes_on(tmp_path: Path) -> None:
    """Between any two writes: blobs, records, outputs, answers, journals, folders."""
    log = str(tmp_path / "log.txt")
    whole_store = tmp_path / "whole.sqlite"
    run_inline([small_flow(log)], whole_store, tmp_path / "whole")
    whole, steps = contents(whole_store), 0
    while True:
        steps += 1
        Path(log).unlink(missing_ok=True)
        place = tmp_path / str(steps)
        store, run_dir = place / "results.sqlite", place / "run"

        def head(steps: int = steps, store: Path = store, run_dir: Path = run_dir) -> None:
            Deadline(steps).watch()
            run_inline([small_flow(log)], store, run_dir)

        if in_children(head) != [KILLED]:
            break
        before = contents(store)
        assert before.items() <= whole.items(), steps
        report = run_inline([small_flow(log)], store, run_dir)
        assert report.failed == {}, steps
        assert contents(store) == whole, steps
        # A result is lost only where the kill came before its answer was on the disk.
        assert sum(Counter(lines(tmp_path)).values()) <= len(set(lines(tmp_path))) + 1, steps
        assert not list((run_dir / "jobs").iterdir()), "left folders"
    assert steps > 40, "every step of storing five jobs"


@needs_proc
@pytest.mark.slow
def test_a_head_killed_alone_at_random_goes_on(tmp_path: Path) -> None:
    """Its workers see to the end of their jobs or not; none is run twice at once."""
    generator = random.Random()
    whole, store = undisturbed(tmp_path, 0.05), tmp_path / "results.sqlite"
    head, count = start_head(tmp_path, 0.05), generator.randint(1, 15)
    wait_for_lines(head, tmp_path, count)
    workers = children(head.pid)
    time.sleep(generator.uniform(0, 0.05))
    head.kill()
    head.communicate()
    before = contents(store)
    assert before.items() <= whole.items(), count
    head = start_head(tmp_path, 0.05)
    answer = json.loads(head.communicate(timeout=DEADLINE_S)[0])
    assert answer["failed"] == {}, count
    assert contents(store) == whole
    # It may lose the two jobs that ran; what was answered is in the folders.
    assert sum(number - 1 for number in Counter(lines(tmp_path)).values()) <= 2
    wait_until(lambda: not any(is_running(pid) for pid in workers))


class Killer(Thread):
    """Kills the processes that work for a pool, one by one, until it is stopped."""

    def __init__(self, log: Path, kills: int) -> None:
        super().__init__(daemon=True)
        self.log, self.kills, self.ended = log, kills, Event()
        self.generator = random.Random()

    def run(self) -> None:
        seen = 0
        while self.kills and not self.ended.wait(0.005):
            started = self.log.read_text().count("\n") if self.log.exists() else 0
            if started < seen + 2:
                continue
            seen = started
            time.sleep(self.generator.uniform(0, 0.1))
            workers = [pid for pid in children(os.getpid()) if _is_worker(pid)]
            if workers:
                os.kill(int(self.generator.choice(workers)), signal.SIGKILL)
                self.kills -= 1


def _is_worker(pid: str) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
    return "spawn_main" in command and is_running(pid)


@needs_proc
@pytest.mark.slow
def test_workers_killed_at_random_are_replaced(tmp_path: Path) -> None:
    """Where a kill says nothing of a job (a queue), the run ends right all by itself."""
    log = tmp_path / "log.txt"
    whole = undisturbed(tmp_path, 0.1)
    store = open_store(tmp_path / "results.sqlite")
    local = local_pool(2)
    killer = Killer(log, KILLS)
    with DaskPool(local._make_cluster, 2, attempts=6) as pool:
        killer.start()
        try:
            report = run_flows(random_walk(str(log), 0.1), store, tmp_path / "run", pool)
        finally:
            killer.ended.set()
            killer.join()
    assert killer.kills < KILLS
    assert report.failed == {}
    assert contents(store) == whole


@needs_proc
def test_a_job_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    """Every attempt takes a worker down; what the other worker does is not blamed for it."""
    log = str(tmp_path / "log.txt")
    store = open_store(tmp_path / "results.sqlite")
    bad = make(jobs.fail, "bad", [], log, "kill")
    good = [make(jobs.add, f"good {n}", [], log, 0.2) for n in range(4)]
    local = local_pool(2)
    with DaskPool(local._make_cluster, 2, attempts=2) as pool:
        report = run_flows([bad, *good], store, tmp_path / "run", pool)
    assert report.failed == {"bad": KILLED_WORKER}
    # An answer that a dead worker left behind counts as found.
    assert sorted(report.computed + report.reused) == [f"good {n}" for n in range(4)]
    assert Counter(lines(tmp_path)) == Counter(
        {"fail bad": 2, **{f"add good {n}": 1 for n in range(4)}}
    )


def test_two_heads_in_different_folders_share_a_store(tmp_path: Path) -> None:
    """No lock tells them of each other: a job may run twice, and is stored once."""
    whole = undisturbed(tmp_path, 0.01)
    walk, store = partial(random_walk, str(tmp_path / "log.txt"), 0.01), tmp_path / "shared.sqlite"
    heads = [lambda n=n: _finished(walk(), store, tmp_path / f"run {n}") for n in range(3)]
    assert in_children(*heads) == [0, 0, 0]
    assert contents(store) == whole


def test_two_heads_with_different_stores_share_folders(tmp_path: Path) -> None:
    """What one finds answered or closed by the other it still brings into its own store."""
    whole = undisturbed(tmp_path, 0.01)
    walk, stores = partial(random_walk, str(tmp_path / "log.txt"), 0.01), _stores(tmp_path)
    heads = [lambda store=store: _finished(walk(), store, tmp_path / "run") for store in stores]
    assert in_children(*heads) == [0, 0, 0]
    assert [contents(store) for store in stores] == [whole, whole, whole]


def _stores(folder: Path) -> list[Path]:
    return [folder / f"{number}.sqlite" for number in range(3)]


def _finished(flows: list[Flow], store: Path, run_dir: Path) -> None:
    assert run_inline(flows, store, run_dir).failed == {}
