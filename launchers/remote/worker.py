"""Run one job of jobflow-remote on a worker: ``python -m misei.launchers.remote.worker FOLDER``.

It stands where ``jf execution run FOLDER`` stands by default (``execution_cmd`` of the project
file), reads and writes the same files, and adds what makes misei's jobs resumable: the job's
folder with its journals, the record of the job beside its output, and names of their own for
the jobs that replace it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from bson import json_util
from jobflow import Job, JobStore
from jobflow.core.flow import get_flow
from jobflow_remote.jobs.data import IN_FILENAME, OUT_FILENAME
from monty.json import MontyDecoder
from monty.serialization import dumpfn, loadfn

from misei.launchers.job_runs import (
    LOOK_AGAIN,
    find_or_claim,
    job_folder,
    left_answer,
    record_store,
    run_job,
    store_answer,
    with_inputs,
)
from misei.launchers.machine import machine_settings
from misei.screening.schemas_runs import NEW_JOBS, STOPS, JobRecord


def run_queued_job(folder: Path) -> None:
    """Run the job that jobflow-remote put in a folder; it takes the answer from there.

    Parameters
    ----------
    folder
        Of jobflow-remote. The job itself runs in its folder under ``MISEI_RUN_DIR``, where its
        journals and its answer outlive a job that is killed and run again.
    """
    start = datetime.now(UTC)
    dumpfn({"start_time": start}, folder / OUT_FILENAME)

    def report(response: dict[str, Any] | None, error: str | None) -> None:
        times = {"start_time": start, "end_time": datetime.now(UTC)}
        dumpfn({"response": response, "error": error, **times}, folder / OUT_FILENAME)

    try:
        content = loadfn(folder / IN_FILENAME)
        store = content["store"]
        store.connect()
        answer = _answer(content["job"], store)
        record = JobRecord.model_validate(json_util.loads(answer)["record"])
        # Before the answer leaves the job's folder: killed here, the job finds it there again.
        report(_response(record), record.traceback)
        if record.state == "finished":
            _store(store, answer)
    except Exception:
        report(None, traceback.format_exc())


def _answer(job: Job, store: JobStore) -> str:
    """Run a job whose inputs jobflow-remote has put in already."""
    folder = job_folder(machine_settings().run_dir, job)
    # What the worker's empty store lacks was not missing: jobflow-remote has looked.
    task = json.dumps({**json.loads(with_inputs(job, store)), "missing_inputs": []})
    answer = LOOK_AGAIN  # as long as another process runs the same job for another store
    while answer == LOOK_AGAIN:
        find_or_claim(store, job, folder)
        answer = left_answer(folder, []) or run_job(task, str(folder))
    return with_own_names(answer)


def _store(store: JobStore, answer: str) -> None:
    record = store_answer(store, answer)
    # jobflow-remote reads all additional stores by the key of jobflow's large objects.
    document = {**record.model_dump(), "blob_uuid": f"{record.uuid}_{record.index}"}
    record_store(store).update(document, key=["uuid", "index"])


def with_own_names(answer: str) -> str:
    """Give the jobs that a job asked for uuids that no other job asks for.

    Two alloys ask for the same slab of Li under the same content key; the database of
    jobflow-remote takes a uuid once only. The new ones are as reproducible as the keys.
    """
    record = json_util.loads(answer)["record"]
    for flow in record["new_jobs"].values():
        for uuid in _uuids(flow):
            if uuid != record["uuid"]:
                answer = answer.replace(uuid, str(uuid5(UUID(record["uuid"]), uuid)))
    return answer


def _uuids(flow: dict[str, Any]) -> Iterator[str]:
    """Uuids of the jobs of a serialized flow or job."""
    if "jobs" not in flow:
        yield flow["uuid"]
    for part in flow.get("jobs", []):
        yield from _uuids(part)


def _response(record: JobRecord) -> dict[str, Any] | None:
    if record.state != "finished":
        return None
    flows = {kind: record.new_jobs.get(kind) for kind in NEW_JOBS}
    return {
        **{kind: _flow(flow) if flow else None for kind, flow in flows.items()},
        **{kind: kind in record.stops for kind in STOPS},
        "stored_data": None,
    }


def _flow(serialized: dict[str, Any]) -> dict[str, Any]:
    # jobflow-remote takes flows only, not single jobs.
    new = MontyDecoder().process_decoded(serialized)
    flow: dict[str, Any] = get_flow(new, allow_external_references=True).as_dict()
    return flow


if __name__ == "__main__":
    run_queued_job(Path(sys.argv[1]))
