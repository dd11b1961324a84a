"""Read documents back from a results store: a jobflow JobStore, or a maggma Store of its jobs.

A job has one entry per index; the highest holds its final output, which for a job that was
replaced by a flow is a reference to the output of another job.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from misei.screening.schemas import CalculationDoc

REFERENCE_CLASS = "OutputReference"

D = TypeVar("D", bound=BaseModel)


class ResultsError(ValueError):
    """A query with an unknown field, or a stored document that is not what was asked for."""


class Queryable(Protocol):
    """What is needed of a store; jobflow's JobStore and maggma's Stores have it."""

    def query(self, criteria: dict[str, Any], properties: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the given properties of the entries that match MongoDB criteria."""


def find_documents(
    store: Queryable, schema: type[D], accept_unconverged: bool = False, **fields: Any
) -> list[D]:
    """Return the documents of one kind, the last completed first.

    Parameters
    ----------
    store
        Connected results store.
    schema
        Class of the documents, e.g. ``AdhesionDoc``.
    accept_unconverged
        Whether documents with ``converged=False`` are returned too.
    **fields
        Values that fields of the document must have, e.g. ``alloy="Li15Ge4"``,
        ``engine="sevennet"``; computed fields count.

    Raises
    ------
    ResultsError
        When the schema has no such field, or a stored document does not fit it.
    """
    _check_fields(schema, fields)
    criteria = {
        "output.@class": schema.__name__,
        **{f"output.{name}": value for name, value in fields.items()},
    }
    jobs = list(store.query(criteria, ["uuid", "index", "output", "completed_at"]))
    last = _last_indices(store, [job["uuid"] for job in jobs])
    final = [job for job in jobs if job["index"] == last[job["uuid"]]]
    final.sort(key=lambda job: str(job.get("completed_at", "")), reverse=True)
    documents = [_rebuild(job["output"], schema, job["uuid"]) for job in final]
    return [doc for doc in documents if accept_unconverged or _is_converged(doc)]


def find_document(store: Queryable, uuid: str, schema: type[D]) -> D | None:
    """Return the final output of a job.

    Parameters
    ----------
    store
        Connected results store.
    uuid
        Of the job; references to other jobs' outputs are followed.
    schema
        Class that the output must have.

    Returns
    -------
    Document or None
        None where the job has not finished. Converged or not: whoever names one job is given
        what it found, and has to look at ``converged``.

    Raises
    ------
    ResultsError
        When the output is something else, or does not fit the schema.
    """
    output = _final_output(store, uuid)
    if output is None:
        return None
    found = output.get("@class") if isinstance(output, dict) else type(output).__name__
    if found != schema.__name__:
        raise ResultsError(f"job {uuid} holds a {found}, not a {schema.__name__}")
    return _rebuild(output, schema, uuid)


def _check_fields(schema: type[BaseModel], fields: dict[str, Any]) -> None:
    valid = [*schema.model_fields, *schema.model_computed_fields]
    for name in fields:
        if name not in valid:
            raise ResultsError(
                f"{schema.__name__} has no field {name!r}; valid: {', '.join(valid)}"
            )


def _last_indices(store: Queryable, uuids: list[str]) -> dict[str, int]:
    last: dict[str, int] = {}
    for job in store.query({"uuid": {"$in": uuids}}, ["uuid", "index"]):
        last[job["uuid"]] = max(job["index"], last.get(job["uuid"], job["index"]))
    return last


def _final_output(store: Queryable, uuid: str) -> Any:
    jobs = list(store.query({"uuid": uuid}, ["uuid", "index", "output"]))
    if not jobs:
        return None
    output = max(jobs, key=lambda job: job["index"])["output"]
    if not (isinstance(output, dict) and output.get("@class") == REFERENCE_CLASS):
        return output
    target = _final_output(store, output["uuid"])
    for _, key in output["attributes"]:
        target = None if target is None else target[key]
    return target


def _rebuild(output: dict[str, Any], schema: type[D], uuid: str) -> D:
    try:
        return schema.model_validate(output)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ResultsError(
            f"the output of job {uuid} is not a {schema.__name__} of this version: "
            f"{where}: {problem['msg']}"
        ) from error


def _is_converged(document: BaseModel) -> bool:
    return not isinstance(document, CalculationDoc) or document.converged
