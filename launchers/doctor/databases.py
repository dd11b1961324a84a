"""Checks of the results store and of FireWorks' LaunchPad."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from misei.launchers.doctor.findings import Finding, failed, ok, skipped
from misei.launchers.doctor.folders import existing_folder
from misei.settings import Settings

if TYPE_CHECKING:
    from jobflow import JobStore

PROBE_NAME = "misei doctor"
FIREWORK_STATES = ("WAITING", "READY", "RESERVED", "RUNNING", "FIZZLED", "COMPLETED")


class ProbeError(ValueError):
    """A store that does not give back what was written."""


def check_store(settings: Settings, integrity: bool) -> Iterator[Finding]:
    """Whether the results store can be opened and written, and on request whether it is whole."""
    from misei.launchers.store import is_mongodb

    location = settings.store_location
    if is_mongodb(location):
        yield _mongodb(location)
    else:
        yield from _sqlite(Path(location).absolute(), integrity)


def _sqlite(path: Path, integrity: bool) -> Iterator[Finding]:
    from misei.launchers.store import network_file_system, open_store
    from misei.screening.store_file import VERSION

    if (kind := network_file_system(path)) is not None:
        yield failed(
            "store",
            f"{path} is on a network file system ({kind}), where SQLite can lose results",
            "set MISEI_STORE to a file on a disk of the machine that runs `misei screen`, or to "
            "mongodb://...",
        )
        return
    if not path.exists():
        yield _new_file(path)
        return
    size = path.stat().st_size / 1e6
    if integrity:
        yield _integrity(path)
    store = open_store(str(path))  # its errors say what to do
    _write_and_remove(store)
    yield ok(
        "store",
        f"{path}: {store.count()} documents, {size:.1f} MB, can be written (SQLite, layout "
        f"{VERSION})",
    )
    store.close()
    if not integrity:
        found = "every page: not asked for"
        yield skipped("store's integrity", found, "--integrity reads the whole file")


def _new_file(path: Path) -> Finding:
    from misei.launchers.store import open_store

    folder = existing_folder(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".misei-doctor-", dir=folder) as probe:
            _write_and_remove(open_store(str(Path(probe) / path.name)))
    except OSError as error:
        found = f"{path} cannot be made: {error.strerror or error} ({folder})"
        return failed("store", found, "set MISEI_STORE to a file that you may write")
    return ok("store", f"{path} is new, and can be made there (SQLite)")


def _integrity(path: Path) -> Finding:
    from misei.launchers.store import check_integrity

    if problems := check_integrity(path):
        to_do = f"`sqlite3 {path} .recover | sqlite3 RECOVERED` saves what can be read"
        return failed("store's integrity", "; ".join(problems), to_do)
    return ok("store's integrity", "every page was read and is right")


def _write_and_remove(store: JobStore) -> None:
    """Write a document of our own, read it back and take it away.

    Raises
    ------
    ProbeError
        When it does not come back, or stays.
    """
    identity = {"uuid": f"misei-doctor-{uuid4()}", "index": 0}
    docs = store.docs_store
    try:
        docs.update({**identity, "name": PROBE_NAME}, key=["uuid", "index"])
        if docs.count(identity) != 1:
            raise ProbeError("a document that was written does not come back")
    finally:
        docs.remove_docs(identity)
    if docs.count(identity):
        raise ProbeError("a document cannot be removed")


def _mongodb(uri: str) -> Finding:
    from pymongo.errors import PyMongoError

    from misei.launchers.store import open_store, public_name

    store = open_store(uri)  # its errors say what to do
    try:
        _write_and_remove(store)
    except (PyMongoError, ProbeError) as error:
        to_do = "give the user of MISEI_STORE the role readWrite on this database"
        return failed("store", f"{public_name(uri)} cannot be written: {error}", to_do)
    found = f"{public_name(uri)}: {store.count()} documents, can be written (MongoDB)"
    store.close()
    return ok("store", found)


def check_launchpad(settings: Settings, wanted: bool) -> Iterator[Finding]:
    """Whether the LaunchPad answers and can be written, and what is in it."""
    from misei.launchers.fireworks.launchpad import has_launchpad, launchpad_name, open_launchpad

    if not wanted and settings.launchpad is None:
        found = "not asked for" if has_launchpad(settings) else "none is configured"
        yield skipped("LaunchPad", found, "--launchpad looks at it (MISEI_LAUNCHPAD names it)")
        return
    launchpad = open_launchpad(settings)  # its errors say what to do
    probes = launchpad.db["misei_doctor"]
    inserted = probes.insert_one({"name": PROBE_NAME}).inserted_id
    probes.delete_one({"_id": inserted})
    counts = {state: launchpad.fireworks.count_documents({"state": state}) for state in
              FIREWORK_STATES}  # fmt: skip
    told = ", ".join(f"{n} {state.lower()}" for state, n in counts.items() if n) or "no Fireworks"
    yield ok(
        "LaunchPad",
        f"{launchpad_name(launchpad)}: {told}; FireWorks {version('FireWorks')}, can be written",
    )
