"""Work keyed by content: the same calculation has the same job uuid in every flow.

jobflow gives a rebuilt flow new random uuids, so that nothing finished could be found
again. Here the uuid is a hash of what the job computes: function, maker settings,
inputs (references count by their own, already keyed, uuids) and versions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID, uuid5

from jobflow import CURRENT_JOB, Flow, Job, Maker, OutputReference, Response
from monty.json import MontyDecoder, MontyEncoder, jsanitize
from pydantic import BaseModel

NAMESPACE = UUID("6f1b1d0e-6c0b-4a55-9c83-2f2a6a3b7f10")
# Raised when results of an older version of the code must not be reused.
CONTENT_VERSION = 2


def _content(job: Job, version: str) -> dict[str, Any]:
    maker = job.maker
    return {
        "content_version": CONTENT_VERSION,
        "version": version,
        "function": f"{job.function.__module__}.{job.function.__qualname__}",
        "maker": _settings(maker) if maker is not None else None,
        "args": job.function_args,
        "kwargs": job.function_kwargs,
    }


def _settings(maker: Maker) -> dict[str, Any]:
    # Naming a job names its maker too (Job.__setattr__): a name is a label, not a setting.
    return {key: value for key, value in maker.as_dict().items() if key != "name"}


def content_uuid(job: Job, version: str = "") -> str:
    """Return the uuid that belongs to the content of a job.

    Parameters
    ----------
    job
        A job whose references already carry content uuids.
    version
        Version of whatever computes the result, e.g. of the engine.

    Returns
    -------
    str
        A version 5 UUID, the same for the same content in any process.
    """
    content = jsanitize(_content(job, version), strict=True, enum_values=True, allow_bson=False)
    text = json.dumps(_drop_versions(content), sort_keys=True, cls=MontyEncoder)
    return str(uuid5(NAMESPACE, hashlib.sha256(text.encode()).hexdigest()))


def _drop_versions(value: Any) -> Any:
    # Package versions inside as_dict would make every update a new calculation; what
    # matters is in `version`.
    if isinstance(value, dict):
        return {k: _drop_versions(v) for k, v in value.items() if k != "@version"}
    if isinstance(value, list):
        return [_drop_versions(v) for v in value]
    return value


def keyed(job: Job, output_schema: type[BaseModel] | None = None, version: str = "") -> Job:
    """Give a new job its content uuid, before any reference to its output is made.

    Parameters
    ----------
    job
        A job fresh from a maker.
    output_schema
        Schema to declare where the maker (atomate2's force-field makers) declares none.
    version
        Version of whatever computes the result, e.g. of the engine.

    Returns
    -------
    Job
        The same job.
    """
    if output_schema is not None:
        job.output_schema = output_schema
    if job.output_schema is None:
        raise TypeError(f"the job {job.name!r} declares no output schema")
    job.set_uuid(content_uuid(job, version))
    job.output = OutputReference(job.uuid, output_schema=job.output_schema)
    return job


def keyed_flow(flow: Flow, version: str = "") -> Flow:
    """Give the jobs of somebody else's flow, e.g. of atomate2, their content uuids.

    Jobs that such a job asks for while it runs keep random uuids: its record in the results store
    names them, so that they are found again with it.

    Parameters
    ----------
    flow
        As its maker made it.
    version
        Version of whatever computes the results, e.g. of the engine.

    Returns
    -------
    Flow
        A copy; its jobs, their references to each other and the flow's output have the new uuids.
    """
    text = json.dumps(flow.as_dict(), cls=MontyEncoder)
    # Parents come first, so that what a job refers to has its new uuid already.
    for uuid in [job.uuid for job, _ in flow.iterflow()]:
        copy = json.loads(text, cls=MontyDecoder)
        job = next(job for job, _ in copy.iterflow() if job.uuid == uuid)
        text = text.replace(uuid, content_uuid(job, version))
    return cast(Flow, json.loads(text, cls=MontyDecoder))


def replaced_by(jobs: Sequence[Flow | Job]) -> Response[Any]:
    """Response that replaces the running job by others; the last one's output stands for it.

    jobflow then stores a reference under the running job's uuid and would hold that reference
    against its schema; the last job declares the same schema.
    """
    CURRENT_JOB.job.output_schema = None  # type: ignore[assignment]
    return Response(replace=Flow([*jobs], output=jobs[-1].output))
