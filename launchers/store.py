"""Open the results store of a run: an SQLite file, or a MongoDB database by its URI."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from jobflow import JobStore

from misei.screening.store import SQLiteStore
from misei.screening.store_file import StoreError, check_integrity, network_file_system

__all__ = [
    "StoreError",
    "check_integrity",
    "is_mongodb",
    "network_file_system",
    "open_store",
    "public_name",
]

MONGODB = ("mongodb://", "mongodb+srv://")
MONGODB_FORM = "mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE"
# A server that is there answers within this; a run that has begun waits for longer.
ANSWER_TIME_MS = 5000
JOB_KEY = ["uuid", "index"]


def is_mongodb(location: str | Path) -> bool:
    """Whether a location is the URI of a MongoDB database."""
    return str(location).startswith(MONGODB)


def public_name(location: str | Path) -> str:
    """Return a location without user, password and options, for messages and logs."""
    if not is_mongodb(location):
        return str(location)
    scheme, rest = str(location).split("://", 1)
    # A password may hold any sign: what stands before the last @ is not shown, whatever it is.
    return f"{scheme}://{rest.rsplit('@', 1)[-1].split('?', 1)[0]}"


def open_store(location: str | Path, must_exist: bool = False) -> JobStore:
    """Open (or create) the results store of a run.

    Parameters
    ----------
    location
        SQLite file, or ``mongodb://...`` or ``mongodb+srv://...`` with the name of the
        database. Large objects go to the store "data", the records of jobs that ended to
        "records": two more tables of the file, or GridFS and a collection of the database.
    must_exist
        Whether a missing file is an error instead of a new store.

    Returns
    -------
    JobStore
        Connected.

    Raises
    ------
    StoreError
        When the file is missing, damaged, of a newer version, not a results store or on a
        network file system; or when the database has no name or does not answer.
    """
    if is_mongodb(location):
        return _open_mongodb(str(location))
    return _open_file(Path(location).resolve(), must_exist)


def _open_file(path: Path, must_exist: bool) -> JobStore:
    if must_exist and not path.exists():
        raise StoreError(f"no results store at {path}; `misei screen` writes one")
    if must_exist and path.is_file() and path.stat().st_size == 0:
        raise StoreError(f"{path} is empty, no results store; `misei screen` writes one")
    if (kind := network_file_system(path)) is not None:
        raise StoreError(
            f"{path} is on a network file system ({kind}), where SQLite can lose results: set "
            f"MISEI_STORE to a file on a local disk of this machine, or to {MONGODB_FORM}"
        )
    store = JobStore(
        SQLiteStore(path, table="docs", key=JOB_KEY),
        additional_stores={
            "data": SQLiteStore(path, table="data", key="blob_uuid"),
            "records": SQLiteStore(path, table="records", key=JOB_KEY),
        },
    )
    store.connect()
    return store


def _open_mongodb(uri: str) -> JobStore:
    from maggma.stores import GridFSStore, MongoStore
    from pymongo.errors import OperationFailure

    database = _answering_database(uri)
    docs, records = (
        MongoStore(database, name, uri=uri, key="uuid") for name in ("docs", "records")
    )
    data = GridFSStore(database, "data", uri=uri, key="blob_uuid")
    store = JobStore(docs, additional_stores={"data": data, "records": records})
    store.connect()
    # Who may only read has to live with the indexes that are there.
    with suppress(OperationFailure):
        for collection in (docs._collection, records._collection):
            collection.create_index([(field, 1) for field in JOB_KEY], unique=True)
        docs.ensure_index("output.@class")
        data.ensure_index("blob_uuid")
    return store


def _answering_database(uri: str) -> str:
    """Return the name of the database of a URI, once its server has answered."""
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

    name = public_name(uri)
    try:
        client: MongoClient[dict[str, object]]
        with MongoClient(uri, serverSelectionTimeoutMS=ANSWER_TIME_MS) as client:
            database = client.get_default_database().name
            client.admin.command("ping")
            client[database].list_collection_names()
    except (ConfigurationError, ValueError):
        # Its text may hold part of a password.
        raise StoreError(
            f"{name} is not the address of a database: the form is {MONGODB_FORM}, with a host "
            "that exists; special signs of a password are written as %40 (@), %2F (/), %3A (:)"
        ) from None
    except OperationFailure as error:
        raise StoreError(
            f"{name} refuses access: {(error.details or {}).get('errmsg', 'not authorized')}"
        ) from None
    except PyMongoError:
        raise StoreError(
            f"{name} does not answer within {ANSWER_TIME_MS / 1000:.0f} s: check host, port and "
            "network, or set MISEI_STORE to the path of an SQLite file"
        ) from None
    return database
