"""Head process of the fault tests: run_fault_head.py LOG STORE RUN_DIR SECONDS, as a command.

What the command line does around a run, without the time that a campaign takes.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import typer
from local_jobs import random_walk

from misei.launchers.commands.console import one_line_errors, progress
from misei.launchers.local import run_flows
from misei.launchers.pools import local_pool
from misei.launchers.store import open_store


@one_line_errors
def main(log: str, store: str, run_dir: Path, seconds: float) -> None:
    """Run the toy flows on two workers."""
    opened = open_store(store)
    with progress("toys") as on_progress, local_pool(2) as pool:
        report = run_flows(random_walk(log, seconds), opened, run_dir, pool, on_progress)
    print(json.dumps({"computed": report.computed, "failed": report.failed}))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="Some jobs are not connected")
    typer.run(main)
