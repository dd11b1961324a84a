"""Head process of the kill test: run_walk.py LOG STORE RUN_DIR SECONDS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local_jobs import random_walk

from misei.launchers.local import run_flows
from misei.launchers.pools import local_pool
from misei.launchers.store import open_store

if __name__ == "__main__":
    log, store, run_dir, seconds = sys.argv[1:]
    with local_pool(2) as pool:
        report = run_flows(random_walk(log, float(seconds)), open_store(store), Path(run_dir), pool)
    print(json.dumps({"computed": report.computed, "failed": report.failed}))
