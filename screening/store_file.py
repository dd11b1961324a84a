"""The SQLite file of a results store: opened, known by its marks, refused where it is damaged."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

APPLICATION_ID = 0x6D697365  # "mise", in the file's header
VERSION = 1  # of the layout; 0 is the first one, which had neither mark
LOCK_TIMEOUT_S = 60.0
CACHE_KB = 32_000  # at most; indexes of 100,000 documents fit
MOUNTS = Path("/proc/mounts")
NETWORK_FILE_SYSTEMS = {
    "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "panfs",
    "pvfs2", "smb3", "smbfs", "wekafs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs",
}  # fmt: skip

RETRY = "set the file and its -wal file aside and run again"
# What SQLite says, and what to do.
ADVICE = {
    "not a database": "it is no SQLite file: name another one, or set it aside and run again",
    "disk is full": "free some space and run again: what was stored is intact",
    "disk I/O error": "the disk failed, or a quota is used up: what was stored before is intact "
    "once writing is possible",
    "readonly database": "the file or its folder cannot be written: what it holds can be read",
    "unable to open": "check that its folder exists and can be written",
    "locked": "another process has been writing for a minute: wait for it, or end it",
}


class StoreError(ValueError):
    """A results store that cannot be opened, read or written, and what to do about it."""


class Connection(sqlite3.Connection):
    """A connection that can be referred to weakly."""


# Connections of this process to each file. To read a file that SQLite has open, and to close it
# again, drops SQLite's locks: one thread opens at a time.
_connections: dict[tuple[str, int], weakref.WeakSet[Connection]] = {}
_opening = threading.Lock()


def _renew_lock() -> None:
    global _opening  # another thread of the parent may have held it
    _opening = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def damaged(path: str, problem: object) -> StoreError:
    """Return the error of a damaged file."""
    return StoreError(
        f"{path} is damaged ({problem}): its -wal file, if there is one, belongs to it; "
        f"`sqlite3 {path} .recover | sqlite3 RECOVERED` saves what can be read (where sqlite3 was "
        f"built with it), or {RETRY}"
    )


@contextmanager
def clear_errors(path: str) -> Iterator[None]:
    """Turn SQLite's errors into a :class:`StoreError` of one line."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreError(
            f"{path}: another document of the store has the same identity ({error})"
        ) from error
    except sqlite3.DatabaseError as error:
        message = str(error)
        advice = next((advice for text, advice in ADVICE.items() if text in message), None)
        if advice is not None:
            raise StoreError(f"{path}: {message}: {advice}") from error
        if "malformed" in message or "corrupt" in message:
            raise damaged(path, message) from error
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror or error}") from error


def open_file(path: str, adopt: Callable[[sqlite3.Connection], None]) -> Connection:
    """Open a file of this layout, or a new one.

    Parameters
    ----------
    path
        Absolute path of the file.
    adopt
        Called with a connection in a transaction when the file has no marks: it brings the
        tables of an older layout up to date, or raises a :class:`StoreError`.

    Raises
    ------
    StoreError
        When the file is damaged, of a newer version, no results store, or cannot be written
        where that is needed.
    """
    with _opening, clear_errors(path):
        _refuse_what_sqlite_would_delete(path)
        claimed = _claims_of_header(path)
        connection = _connected(path)
        try:
            _check_size(connection, path, claimed)
            _check_marks(connection, path, adopt)
        except BaseException:
            connection.close()
            raise
        _connections.setdefault((path, os.getpid()), weakref.WeakSet()).add(connection)
    return connection


def is_writable(path: str) -> bool:
    """Whether a file and its folder, where SQLite puts its log, can be written."""
    folder = os.access(Path(path).parent, os.W_OK)
    return folder and (not Path(path).exists() or os.access(path, os.W_OK))


def _connected(path: str) -> Connection:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if Path(path).is_dir():
        raise StoreError(f"{path} is a folder, not a results store")
    address = Path(path).as_uri()
    writable = is_writable(path)
    if not writable:
        # With no log beside it nobody writes to the file, and it can be read as it is.
        address += "?mode=ro" + ("" if Path(f"{path}-wal").exists() else "&immutable=1")
    connection = sqlite3.connect(
        address, timeout=LOCK_TIMEOUT_S, isolation_level=None, uri=True, factory=Connection
    )
    try:
        if writable:
            _enter_wal_mode(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            # Some builds overwrite with zeros what is deleted: slow, and results are no secret.
            connection.execute("PRAGMA secure_delete=OFF")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    # SQLite waits for every lock but this one, which processes race for on a new file.
    deadline = monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
            sleep(0.01)


def _refuse_what_sqlite_would_delete(path: str) -> None:
    """Refuse a log whose database has gone: SQLite takes it for rubbish."""
    if _size(path) == 0 and _size(f"{path}-wal") > 0:
        raise damaged(path, "it is missing or empty, and results are left in its -wal file")


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def _claims_of_header(path: str) -> int:
    """Size in bytes that a file should have by its own header; 0 where that cannot be told."""
    if _connections.get((path, os.getpid())) or not _size(path) or Path(path).is_dir():
        return 0
    if not os.access(path, os.R_OK):
        return 0  # SQLite says so
    with Path(path).open("rb") as file:
        header = file.read(100)
    size, pages = (int.from_bytes(header[i:j], "big") for i, j in ((16, 18), (28, 32)))
    # The count holds if its change counter is the file's. A size of 1 stands for 65536.
    counted = header[:6] == b"SQLite" and header[24:28] == header[92:96]
    return pages * (65536 if size == 1 else size) if counted else 0


def _check_size(connection: sqlite3.Connection, path: str, claimed: int) -> None:
    """Refuse a truncated file; pages that are missing may be in the log, or just be written."""
    needed = _pragma(connection, "page_count") * _pragma(connection, "page_size")
    log, size = _size(f"{path}-wal"), _size(path)  # in this order: pages move from log to file
    if max(claimed, needed) > size + log:
        raise damaged(path, "its end is missing")
    if claimed > size:
        _refuse_damage(connection, path)


def _refuse_damage(connection: sqlite3.Connection, path: str) -> None:
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(path, " ".join(str(problem).split()))


def _check_marks(
    connection: sqlite3.Connection, path: str, adopt: Callable[[sqlite3.Connection], None]
) -> None:
    if _is_of_this_version(connection, path):
        return
    if not is_writable(path):
        raise StoreError(
            f"{path} is of an older version and cannot be written: copy it, and open the copy"
        )
    with transaction(connection):
        if not _is_of_this_version(connection, path):  # another process was faster
            adopt(connection)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")


def _is_of_this_version(connection: sqlite3.Connection, path: str) -> bool:
    mark, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if mark not in (0, APPLICATION_ID) or (mark == 0 and version != 0):
        raise StoreError(f"{path} is not a results store of misei, but another SQLite database")
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer misei (version {version} of the store, this one "
            f"knows {VERSION}): update misei, or name another file"
        )
    return bool(mark == APPLICATION_ID and version == VERSION)


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing; nobody else writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has done so itself where the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_integrity(path: str | Path) -> list[str]:
    """Read a whole file and return what is wrong with it; takes seconds for a gigabyte.

    Raises
    ------
    StoreError
        When the file is missing.
    """
    if not Path(path).is_file():
        raise StoreError(f"no results store at {path}")
    address = f"{Path(path).resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, timeout=LOCK_TIMEOUT_S, uri=True)) as connection:
            _check_size(connection, str(path), 0)
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    except (sqlite3.DatabaseError, StoreError) as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def network_file_system(path: str | Path, mounts: Path | None = None) -> str | None:
    """Return the type of the network file system that holds a path, or None.

    Parameters
    ----------
    path
        File or folder, there or not yet.
    mounts
        Table of mounts; ``/proc/mounts`` by default. Where there is none, nothing is known.
    """
    mounts = mounts or MOUNTS
    if not mounts.is_file():
        return None
    resolved, best, kind = Path(path).resolve(), -1, ""
    for line in mounts.read_text(
        encoding=sys.getfilesystemencoding(), errors="replace"
    ).splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        # Spaces in names are written as octal numbers.
        point = Path(fields[1].replace("\\040", " "))
        # Of two mounts at one place the later hides the earlier.
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind if kind in NETWORK_FILE_SYSTEMS else None
