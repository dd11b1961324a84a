"""A run that is killed at random moments repeats no finished evaluation."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_local_heads import wait_for_lines

KILLS = 3
MOST_BETWEEN_KILLS = 15  # evaluations; the whole run has 56
WORKERS = 2
# Loaded by every Python process of the run: notes each evaluation that EMT finishes, and
# makes it slow enough to be killed.
SITECUSTOMIZE = """
import hashlib, os, time
from ase.calculators.emt import EMT

calculate = EMT.calculate

def noted(self, atoms=None, *args, **kwargs):
    time.sleep(0.03)
    calculate(self, atoms, *args, **kwargs)
    content = self.atoms.positions.tobytes() + self.atoms.cell.array.tobytes()
    with open(os.environ["EVALUATION_LOG"], "a") as file:
        file.write(os.path.basename(os.getcwd()) + hashlib.sha1(content).hexdigest() + "\\n")

EMT.calculate = noted
"""


def start(folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "EVALUATION_LOG": str(folder / "log.txt"),
    }
    script = Path(__file__).with_name("run_killed.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(folder / "store.db"), str(folder / "runs")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def evaluations(folder: Path) -> Counter[str]:
    return Counter((folder / "log.txt").read_text().split())


@pytest.mark.slow
def test_killed_runs_repeat_no_finished_evaluation(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    answer = start(whole).communicate()[0]
    generator = random.Random(5)
    for _ in range(KILLS):
        head = start(killed)
        log = killed / "log.txt"
        lines = len(log.read_text().split()) if log.exists() else 0
        wait_for_lines(head, log, lines + generator.randint(1, MOST_BETWEEN_KILLS))
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()
    again = start(killed).communicate()[0]
    assert json.loads(again) == json.loads(answer)
    assert json.loads(answer)["failed"] == {}
    repeated = evaluations(killed) - evaluations(whole)
    # What a kill catches between the end of an evaluation and its record.
    assert sum(repeated.values()) <= KILLS * WORKERS
    assert set(evaluations(killed)) == set(evaluations(whole))
