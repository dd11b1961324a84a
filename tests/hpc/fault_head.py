"""Head process of the fault tests over queue workers: fault_head.py FOLDER LABEL ..."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from fault_jobs import held_flow

from misei.launchers.local import run_flows
from misei.launchers.pools import open_pool
from misei.launchers.queues import jobs as queue_jobs
from misei.launchers.store import open_store
from misei.settings import Settings

if __name__ == "__main__":
    queue_jobs.POLL_S = 1.0  # this queue serves nobody else
    folder, labels = Path(sys.argv[1]), sys.argv[2:]
    settings = Settings(run_dir=folder / "run", cluster=folder / "cluster.yaml")
    flow = held_flow(str(folder / "log.txt"), labels)
    with open_pool(settings) as pool:
        report = run_flows([flow], open_store(settings.store_location), settings.run_dir, pool)
    print(json.dumps(asdict(report)))
