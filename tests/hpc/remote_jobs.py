"""Jobs that the workers of jobflow-remote import by this module's name."""

from __future__ import annotations

from jobflow import Job, Response, job
from local_jobs import Number, add, make, replaced_by
from pydantic import BaseModel

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.workflows.keys import keyed


@job(output_schema=Number)
def ask(label: str, log: str) -> Response:
    """Be replaced by a job that every other of these asks for too."""
    return replaced_by([make(add, "shared slab", [], log)])


@job(output_schema=AdhesionDoc)
def give_adhesion(document: AdhesionDoc) -> AdhesionDoc:
    return document


@job(output_schema=MigrationDoc)
def give_migration(document: MigrationDoc) -> MigrationDoc:
    return document


def asking(label: str, log: str) -> Job:
    return named(ask(label, log), label)


def giving(document: BaseModel) -> Job:
    give = give_adhesion if isinstance(document, AdhesionDoc) else give_migration
    return named(give(document), type(document).__name__)


def named(new: Job, name: str) -> Job:
    new.name = name
    return keyed(new)
