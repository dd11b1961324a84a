"""How the jobs of flows ended, those that they asked for while running among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobflow import Flow, Job, JobStore
from monty.json import MontyDecoder

from misei.launchers.job_runs import JobId, find_records
from misei.screening.schemas_runs import JobRecord


def walk_records(
    flows: Iterable[Flow | Job], store: JobStore
) -> Iterator[tuple[JobId, JobRecord | None]]:
    """Yield each job with its record, or None where it never ended; shared ones as often as used.

    Parameters
    ----------
    flows
        Flows of keyed jobs.
    store
        Results store.
    """
    for flow in flows:
        members = flow.iterflow() if isinstance(flow, Flow) else [(flow, [])]
        ids = [(job.uuid, job.index) for job, _ in members]
        records = find_records(store, ids)
        for identity in ids:
            record = records.get(identity)
            yield identity, record
            for new in record.new_jobs.values() if record else ():
                yield from walk_records([MontyDecoder().process_decoded(new)], store)
