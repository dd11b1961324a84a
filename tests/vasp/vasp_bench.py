"""Running VASP jobs in the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobflow import Flow, Job
from monty.json import MontyDecoder

from misei.launchers.job_runs import find_records, job_folder
from misei.launchers.local import RunReport, run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store


class Bench:
    """The local runner in this process, with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.run_dir = folder / "run"
        self.store = open_store(folder / "results.sqlite")

    def run(self, flow: Flow | Job) -> RunReport:
        """Run a flow as far as it goes."""
        return run_flows([flow], self.store, self.run_dir, InlinePool())

    def output(self, flow: Flow | Job) -> Any:
        """Output of a flow that finished; a failure is raised with its traceback."""
        report = self.run(flow)
        assert not report.failed, "\n".join(report.failed.values())
        job = flow if isinstance(flow, Job) else None
        uuid = job.uuid if job else flow.output.uuid  # type: ignore[union-attr]
        stored = self.store.get_output(uuid, load=True)
        return MontyDecoder().process_decoded(stored)

    def folder(self, job: Job) -> Path:
        """Folder of a job."""
        return job_folder(self.run_dir, job)

    def error(self, job: Job) -> str:
        """What the record of a failed job says."""
        assert self.run(job).failed
        error = find_records(self.store, [(job.uuid, 1)])[(job.uuid, 1)].error
        assert error is not None
        return error
