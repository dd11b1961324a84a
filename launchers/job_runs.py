"""Run one job, and keep what came of it.

The process that has the results store resolves a job's inputs (:func:`with_inputs`) and
stores its answer (:func:`store_answer`). In between, :func:`run_job` needs neither store nor
network: only the job's folder, where the answer stays until it is stored, so that a result
outlives whoever was to store it.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from bson import json_util
from jobflow import CURRENT_JOB, Job, JobStore
from maggma.core import Store
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder

from misei.launchers.tracebacks import error_line
from misei.screening.schemas_runs import NEW_JOBS, STOPS, JobRecord
from misei.workflows.journal import JOURNAL_FILES, JOURNAL_SWITCH

JobId = tuple[str, int]


class JobFolderError(ValueError):
    """A folder of jobs that cannot be written."""


ANSWER_FILE = "answer.json"
LOCK_FILE = "lock"
CLOSED_FILE = "stored"
LOOK_AGAIN = "look again"


def job_folder(run_dir: Path, job: Job) -> Path:
    """Return the folder of a job: the same whenever and wherever it is run."""
    return run_dir.resolve() / "jobs" / f"{job.uuid}_{job.index}"


def record_store(store: JobStore) -> Store:
    """Return the store of the :class:`JobRecord` documents."""
    return _additional(store, "records")


def _additional(store: JobStore, name: str) -> Store:
    stores: dict[str, Store] = store.additional_stores  # type: ignore[has-type]
    return stores[name]


def find_records(store: JobStore, ids: Iterable[JobId]) -> dict[JobId, JobRecord]:
    """Return the records of the jobs that ended before, failed ones too."""
    wanted = set(ids)
    criteria = {"uuid": {"$in": sorted({uuid for uuid, _ in wanted})}}
    found = record_store(store).query(criteria)
    records = [JobRecord.model_validate(doc) for doc in found]
    return {(r.uuid, r.index): r for r in records if (r.uuid, r.index) in wanted}


def find_reusable(store: JobStore, job: Job) -> JobRecord | None:
    """Return the record of a finished job whose output is stored and still holds.

    The output of a job that went without failed inputs holds no longer once one of these
    has finished. An output that another program stored (jobflow-remote, an older version)
    has no record and holds where it is the job's last.
    """
    record = find_records(store, [(job.uuid, job.index)]).get((job.uuid, job.index))
    if record is None:
        bare = JobRecord(uuid=job.uuid, index=job.index, name=job.name, state="finished")
        return bare if _has_last_output(store, job.uuid) else None
    if record.state != "finished" or not _is_stored(store, job):
        return None
    mended = record_store(store).query_one(
        {"uuid": {"$in": record.missing_inputs}, "state": "finished"}, ["uuid"]
    )
    return record if mended is None else None


def _is_stored(store: JobStore, job: Job) -> bool:
    criteria = {"uuid": job.uuid, "index": job.index}
    return store.docs_store.query_one(criteria, ["uuid"]) is not None


def _has_last_output(store: JobStore, uuid: str) -> bool:
    # The output of a job that was replaced is empty.
    doc = store.docs_store.query_one({"uuid": uuid}, ["output"], sort={"index": -1})
    return doc is not None and doc.get("output") is not None


def with_inputs(job: Job, store: JobStore) -> str:
    """Return a job with its inputs, as JSON for :func:`run_job`.

    Raises
    ------
    ValueError
        When an input is missing that the job does not accept to go without (jobflow).
    """
    # Records by index: what is missing in a replaced job is missing in what replaced it.
    criteria = {"uuid": {"$in": sorted(job.input_uuids)}}
    inputs = list(record_store(store).query(criteria, ["uuid", "missing_inputs"]))
    stored = store.docs_store.query(criteria, ["uuid"])
    missing = set(job.input_uuids) - {doc["uuid"] for doc in stored}
    for record in inputs:
        missing.update(record["missing_inputs"])
    if job.config.resolve_references:
        job = job.resolve_args(store=store, inplace=False)
    job_json = json.dumps(job, cls=MontyEncoder)
    task = {"uuid": job.uuid, "index": job.index, "name": job.name, "job": job_json}
    return json.dumps({**task, "missing_inputs": sorted(missing)})


class _Outbox(MemoryStore):
    """Keeps what a job stores, for :func:`store_answer`; one of its own is empty to queries."""

    def __init__(self) -> None:
        super().__init__()
        self.docs: list[dict[str, Any]] = []

    def update(self, docs: Any, key: Any = None) -> None:
        self.docs += docs if isinstance(docs, list) else [docs]


def find_or_claim(store: JobStore, job: Job, folder: Path) -> JobRecord | None:
    """Return the record of a job that is done, or claim its folder for :func:`run_job`.

    Whoever runs a job claims its folder first and looks into the store then; whoever stores
    its answer closes the folder then. So a worker that finds its folder closed knows that the
    job was done between the look into the store and its own start.

    Raises
    ------
    JobFolderError
        When the folder cannot be made (disk full, read-only).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CLOSED_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise JobFolderError(
            f"cannot write the job folder {folder}: {error.strerror}; mend that or choose another "
            "run folder (MISEI_RUN_DIR), and run again: what was finished is kept"
        ) from error
    record = find_reusable(store, job)
    if record is not None:
        _clear(folder, finished=True)
    return record


def run_job(task_json: str, folder: str) -> str:
    """Run one job in its folder and return its answer; a failure is an answer too.

    Parameters
    ----------
    task_json
        From :func:`with_inputs`.
    folder
        Of the job, claimed by :func:`find_or_claim`.

    Returns
    -------
    str
        The answer for :func:`store_answer`, which is also in ``folder/answer.json``; or
        :data:`LOOK_AGAIN` where the job was done meanwhile: look into store and folder.
    """
    task = json.loads(task_json)
    try:
        with locked(Path(folder)):
            return _answer_in(task, Path(folder))
    except FileNotFoundError:
        return LOOK_AGAIN


def _answer_in(task: dict[str, Any], folder: Path) -> str:
    # In the order in which a folder is cleared.
    if left_answer(folder, task["missing_inputs"]) is not None:
        return LOOK_AGAIN
    if (folder / CLOSED_FILE).exists() or not (folder / LOCK_FILE).exists():
        return LOOK_AGAIN
    answer = json_util.dumps(_answer(task, folder))
    if not folder.exists():
        return LOOK_AGAIN
    with suppress(OSError):  # a full disk: whoever waits for the answer has it all the same
        draft = folder / f"{ANSWER_FILE}.part"
        draft.write_text(answer)
        draft.replace(folder / ANSWER_FILE)
    return answer


def left_answer(folder: Path, missing_inputs: list[str]) -> str | None:
    """Return the answer that was left in a folder by a run whose head did not live to store it."""
    try:
        text = (folder / ANSWER_FILE).read_text()
        record = json_util.loads(text)["record"]
    except (FileNotFoundError, ValueError):  # none, or cut short by a machine that went down
        return None
    good = record["state"] == "finished" and record["missing_inputs"] == missing_inputs
    return text if good else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that one process at a time works in it.

    A process that dies loses its lock. A file system without locks is gone on without.
    """
    with (folder / LOCK_FILE).open("a") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answer(task: dict[str, Any], folder: Path) -> dict[str, Any]:
    start = perf_counter()
    result: dict[str, Any] = {}
    try:
        # SystemExit too: what a code that a job calls makes of its own failures.
        result = _result(json.loads(task["job"], cls=MontyDecoder), folder)
        outcome: dict[str, Any] = {"state": "finished", **result.pop("record")}
    except (Exception, SystemExit):
        outcome = failure(traceback.format_exc())
    record = JobRecord(
        uuid=task["uuid"],
        index=task["index"],
        name=task["name"],
        missing_inputs=task["missing_inputs"],
        folder=str(folder),
        host=socket.gethostname(),
        ended_at=datetime.now(UTC).isoformat(),
        seconds=perf_counter() - start,
        **outcome,
    )
    return {"record": record.model_dump(), "docs": [], "blobs": [], **result}


def failure(text: str) -> dict[str, Any]:
    """Fields of the record of a job that failed with a traceback."""
    return {"state": "failed", "error": error_line(text), "traceback": text}


def _result(job: Job, folder: Path) -> dict[str, Any]:
    docs, blobs = _Outbox(), _Outbox()
    store = JobStore(docs, additional_stores={"data": blobs})
    with chdir(folder), _journaled(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            response = job.run(store=store, job_dir=folder)
        finally:
            CURRENT_JOB.reset()  # jobflow leaves a job that failed there
    new = {kind: getattr(response, kind) for kind in NEW_JOBS}
    record = {
        "new_jobs": {k: json.loads(json.dumps(v, cls=MontyEncoder)) for k, v in new.items() if v},
        "stops": [kind for kind in STOPS if getattr(response, kind)],
    }
    return {"record": record, "docs": docs.docs, "blobs": blobs.docs}


@contextmanager
def _journaled() -> Iterator[None]:
    before = os.environ.get(JOURNAL_SWITCH)
    os.environ[JOURNAL_SWITCH] = "1"
    try:
        yield
    finally:
        del os.environ[JOURNAL_SWITCH]
        if before is not None:
            os.environ[JOURNAL_SWITCH] = before


def store_answer(store: JobStore, answer: str) -> JobRecord:
    """Store what a job gave and clear its folder; the same answer may be stored twice.

    The output comes last: a job counts as finished when it has both a record and an output.
    """
    content = json_util.loads(answer)
    record = JobRecord.model_validate(content["record"])
    if content["blobs"]:
        _additional(store, "data").update(content["blobs"], key="blob_uuid")
    record_store(store).update(record.model_dump(), key=["uuid", "index"])
    if content["docs"]:
        store.docs_store.update(content["docs"], key=["uuid", "index"])
    _clear(Path(record.folder), finished=record.state == "finished")
    return record


def _clear(folder: Path, finished: bool) -> None:
    """Remove the answer; of a finished job also journals and lock, and close the folder.

    Another process may be clearing it too, and what is left over does no harm.
    """
    if not finished:
        (folder / ANSWER_FILE).unlink(missing_ok=True)
        return
    with suppress(OSError):
        (folder / CLOSED_FILE).touch()
        for leftover in [folder / ANSWER_FILE, *folder.glob(JOURNAL_FILES), folder / LOCK_FILE]:
            leftover.unlink(missing_ok=True)
        if [path.name for path in folder.iterdir()] == [CLOSED_FILE]:  # the job left no files
            (folder / CLOSED_FILE).unlink()
            folder.rmdir()
