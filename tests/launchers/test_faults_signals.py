"""Ctrl-C and SIGTERM: the run ends in order, says one line, leaves no process and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from fault_bench import (
    DEADLINE_S,
    children,
    contents,
    is_running,
    lines,
    needs_proc,
    start_head,
    undisturbed,
    wait_for_lines,
    wait_until,
)

STOPPED = "misei: stopped; what was finished is kept, run again to go on"


def told(head: subprocess.Popen[str]) -> list[str]:
    """What a head says on stderr besides its progress."""
    _, err = head.communicate(timeout=DEADLINE_S)
    return [line for line in err.splitlines() if not line.startswith("toys: ")]


@needs_proc
@pytest.mark.slow
def test_a_stopped_run_says_so_and_goes_on(tmp_path: Path) -> None:
    """Ctrl-C of a terminal reaches the workers too, a queue's SIGTERM only the head."""
    whole = undisturbed(tmp_path, 0.2)
    store, workers = tmp_path / "results.sqlite", list[str]()
    for send, number in ((os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)):
        head = start_head(tmp_path, 0.2)
        wait_for_lines(head, tmp_path, len(lines(tmp_path)) + 3)
        workers += children(head.pid)
        send(head.pid, number)
        assert told(head) == [STOPPED]
        assert head.returncode == 130
        assert 0 < len(contents(store)) < len(whole)
        assert contents(store).items() <= whole.items()
    wait_until(lambda: not any(is_running(pid) for pid in workers))
    head = start_head(tmp_path, 0.2)
    out, _ = head.communicate(timeout=DEADLINE_S)
    assert json.loads(out)["failed"] == {}
    assert contents(store) == whole


@needs_proc
def test_ctrl_c_while_the_workers_start(tmp_path: Path) -> None:
    """Before the first job: half-started processes end without tracebacks."""
    head = start_head(tmp_path, 0.05)
    wait_until(lambda: head.poll() is not None or len(children(head.pid)) >= 2)
    workers = children(head.pid)
    os.killpg(head.pid, signal.SIGINT)
    assert told(head) == [STOPPED]
    assert head.returncode == 130
    wait_until(lambda: not any(is_running(pid) for pid in workers))
