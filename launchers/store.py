"""Open the results store of a run."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from jobflow import JobStore

from misei.screening.store import SQLiteStore


class StoreError(ValueError):
    """A results store that cannot be opened."""


def open_store(path: str | Path, must_exist: bool = False) -> JobStore:
    """Open (or create) the results store of a run.

    Parameters
    ----------
    path
        SQLite file. atomate2's large objects go to a second table of it.
    must_exist
        Whether a missing file is an error instead of a new store.

    Returns
    -------
    JobStore
        Connected.

    Raises
    ------
    StoreError
        When the file is missing, cannot be opened, or is not an SQLite database.
    """
    if must_exist and not Path(path).is_file():
        raise StoreError(f"no results store at {path}; `misei screen` writes one")
    store = JobStore(
        SQLiteStore(path, table="docs", key=["uuid", "index"]),
        additional_stores={"data": SQLiteStore(path, table="data", key="blob_uuid")},
    )
    try:
        store.connect()
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreError(f"{path} is not a results store of misei: {error}") from error
    return store
