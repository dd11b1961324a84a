"""Head process of the kill test: run_walk.py LOG STORE RUN_DIR SECONDS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local_jobs import random_walk

from misei.launchers.local import run_flows
from misei.launchers.store import open_store

if __name__ == "__main__":
    log, store, run_dir, seconds = sys.argv[1:]
    report = run_flows(
        random_walk(log, float(seconds)), open_store(store), Path(run_dir), workers=2
    )
    print(json.dumps({"computed": report.computed, "failed": report.failed}))
