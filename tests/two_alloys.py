"""A real screening of two alloys, and what the local run of it gives: once in a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import sleep
from typing import Any

from misei.launchers.job_runs import locked
from misei.launchers.store import open_store

MISEI = (sys.executable, "-m", "misei.launchers.cli")
NAME = "two-alloys"
CAMPAIGN = f"""\
name: {NAME}
electrolytes: [Li6PS5Cl]
metals: [Cd, Tl]
"""
# Sums in parallel have no fixed order; what is left with one thread is NOISE.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# The single-precision model evaluates a little differently once its kernels are compiled, so that
# numbers depend on what a process did before: by 1e-4 (eV in a barrier) between two runs.
NOISE = 1e-3


def write_campaign(folder: Path) -> Path:
    """Write the campaign file into a folder."""
    path = folder / "campaign.yaml"
    path.write_text(CAMPAIGN)
    return path


def killed_after(jobs: int, *arguments: str, cwd: Path, **environment: str) -> int:
    """Kill a command of misei once so many jobs have finished; return how many had."""
    head = subprocess.Popen(
        [*MISEI, *arguments],
        cwd=cwd,
        env={**os.environ, **ONE_THREAD, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    finished = 0
    while finished < jobs and head.poll() is None:
        sleep(0.5)
        if Path(environment["MISEI_STORE"]).is_file():
            finished = open_store(environment["MISEI_STORE"]).count()
    assert head.poll() is None, "it ended before it was killed"
    head.kill()
    head.wait()
    return open_store(environment["MISEI_STORE"]).count()


def misei(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of misei, on one thread a process; it has to succeed."""
    done = subprocess.run(
        [*MISEI, *arguments],
        cwd=cwd,
        env={**os.environ, **ONE_THREAD, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"misei {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


def ranking(folder: Path, **environment: str) -> Any:
    """Ranking of the campaign whose file and results are in a folder."""
    return json.loads(misei("rank", "campaign.yaml", "--json", cwd=folder, **environment).stdout)


def local_ranking() -> Any:
    """Ranking of the campaign as run on one local process."""
    return json.loads((local_run() / "ranking.json").read_text())


def local_run() -> Path:
    """Folder of the campaign as run on one local process, once for all of a session.

    A second process would load and compile the model again, for about as long as it saves.
    """
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir(), f"misei-local-run-{session}")
    folder.mkdir(exist_ok=True)
    with locked(folder):
        if not (folder / "ranking.json").exists():
            write_campaign(folder)
            clean = {"MISEI_RUN_DIR": "runs", "MISEI_STORE": "runs/results.sqlite"}
            misei("screen", "campaign.yaml", "--workers", "1", cwd=folder, **clean)
            found = ranking(folder, **clean)
            assert len(found["candidates"]) == 2
            (folder / "ranking.json").write_text(json.dumps(found))
    return folder


def assert_same(found: Any, expected: Any, where: str = "ranking") -> None:
    """Compare two rankings: all of it the same, numbers within :data:`NOISE`."""
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key, value in expected.items():
            assert_same(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, value in enumerate(expected):
            assert_same(found[number], value, f"{where}[{number}]")
    elif isinstance(expected, float):
        assert abs(found - expected) <= NOISE, (where, found, expected)
    else:
        assert found == expected, where
