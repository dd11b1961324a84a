"""A real screening of two alloys, and what the local run of it gives: once in a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

NAME = "two-alloys"
CAMPAIGN = f"""\
name: {NAME}
electrolytes: [Li6PS5Cl]
metals: [Cd, Tl]
"""
# Sums in parallel have no fixed order: with one thread, results are the same to the last digit.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def write_campaign(folder: Path) -> Path:
    """Write the campaign file into a folder."""
    path = folder / "campaign.yaml"
    path.write_text(CAMPAIGN)
    return path


def misei(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of misei, on one thread a process; it has to succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "misei.launchers.cli", *arguments],
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


@cache
def local_ranking() -> Any:
    """Ranking of the campaign as run on two local processes."""
    with tempfile.TemporaryDirectory(prefix="misei-local-") as folder:
        write_campaign(Path(folder))
        clean = {"MISEI_RUN_DIR": "runs", "MISEI_STORE": str(Path(folder, "results.sqlite"))}
        misei("screen", "campaign.yaml", "--workers", "2", cwd=Path(folder), **clean)
        found = ranking(Path(folder), **clean)
    assert len(found["candidates"]) == 2
    return found
