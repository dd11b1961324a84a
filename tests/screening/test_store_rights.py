"""A store that may be read and not written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from tempfile import gettempdir

import pytest

from misei.launchers.store import StoreError, open_store

JOBS = [{"uuid": f"u{number}", "index": 1} for number in range(100)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "results.sqlite")
    store.update(JOBS)
    store.close()
    return tmp_path / "results.sqlite"


def without_rights(path: str, work: Callable[[Path], None]) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    work(Path(path))


def as_reader(path: Path, work: Callable[[Path], None]) -> int | None:
    """Do work in a process that may read a folder but not write to it."""
    for folder in path.parents:
        if Path(gettempdir()) in folder.parents:
            folder.chmod(0o755)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    process = get_context("fork").Process(target=without_rights, args=(str(path), work))
    process.start()
    process.join()
    path.parent.chmod(0o755)
    return process.exitcode


def read_only(path: Path) -> None:
    store = open_store(path)
    assert store.count() == 100
    assert store.query_one({"uuid": "u7"})["index"] == 1
    with pytest.raises(StoreError, match="cannot be written: what it holds can be read"):
        store.update({"uuid": "new", "index": 1})
    assert store.count() == 100


def refused_as_old(path: Path) -> None:
    with pytest.raises(StoreError, match="of an older version and cannot be written: copy it"):
        open_store(path)


def refused_as_unwritable(path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened|unable to open|cannot be written"):
        open_store(path.parent / "sub" / "new.sqlite")
    with pytest.raises(StoreError, match="unable to open"):
        open_store(path.parent / "new.sqlite")


def test_a_store_that_cannot_be_written_can_be_read(path: Path) -> None:
    before = path.read_bytes()
    assert as_reader(path, read_only) == 0
    assert as_reader(path, refused_as_unwritable) == 0
    assert path.read_bytes() == before


def test_a_store_without_the_newest_table_can_be_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE records")
    assert as_reader(path, read_only) == 0
    assert open_store(path).additional_stores["records"].count() == 0


def test_an_old_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE docs (id INTEGER PRIMARY KEY, key TEXT, uuid TEXT, "
            '"index" INTEGER, name TEXT, doc TEXT NOT NULL)'
        )
    assert as_reader(path, refused_as_old) == 0
