"""A job that waits for the test, for workers to import by this module's name."""

from __future__ import annotations

import time
from pathlib import Path

from jobflow import job
from local_jobs import Number, note


@job(output_schema=Number)
def wait_for_go(label: str, terms: list[object], log: str) -> Number:
    """Wait until there is a file ``go`` beside the log; what kills it in between, may."""
    note(log, f"wait {label}")
    while not Path(log).with_name("go").exists():
        time.sleep(0.1)
    return Number(value=1.0)
