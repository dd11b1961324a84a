"""The file of the store: identity, versions, damage, full disks, places it cannot be in."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from bson import json_util

from misei.launchers.store import (
    StoreError,
    check_integrity,
    open_store,
)
from misei.screening.store import SQLiteStore

KEY = ["uuid", "index"]


def job(number: int, **fields: Any) -> dict[str, Any]:
    output = {"@class": "Made", "alloy": f"Li{number % 5}", "numbers": list(range(200))}
    return {"uuid": f"u{number}", "index": 1, "name": "job", "output": output, **fields}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of 100 documents, closed, so that all of it is in one file."""
    store = open_store(tmp_path / "results.sqlite")
    store.update([job(number) for number in range(100)])
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["results.sqlite"]
    return tmp_path / "results.sqlite"


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Path]:
    """A copy of a store whose process is gone: part of it is in its -wal file."""
    store = open_store(tmp_path / "live.sqlite")
    store.update([job(number) for number in range(100)])
    store.docs_store._table.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    store.update([job(number) for number in range(100, 150)])
    copy = tmp_path / "copy" / "results.sqlite"
    copy.parent.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{tmp_path / 'live.sqlite'}{end}", f"{copy}{end}")
    yield copy
    store.close()


def refusal(path: Path) -> str:
    """The one line that says why a file is refused; the file stays as it is."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=re.escape(str(path))) as caught:
        open_store(path)
    assert "\n" not in str(caught.value)
    if before is not None:
        assert path.read_bytes() == before
    return str(caught.value)


def test_the_file_carries_its_marks(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (0x6D697365,)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("kind", ["text", "folder", "other database", "foreign marks"])
def test_what_is_no_store_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "results.sqlite"
    expected = "but another SQLite database"
    if kind == "text":
        path.write_text("this is a note, not a database\n" * 50)
        expected = "it is no SQLite file: name another one, or set it aside"
    elif kind == "folder":
        path.mkdir()
        expected = "is a folder"
    else:
        mark = 0 if kind == "other database" else 12
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA application_id={mark}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE docs (a TEXT)")
    assert expected in refusal(path)


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be opened" in refusal(tmp_path / "file" / "results.sqlite")


def test_a_newer_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=2")
    assert "newer misei (version 2 of the store, this one knows 1)" in refusal(path)


def write_version_0(path: Path, docs: list[dict[str, Any]], blobs: list[dict[str, Any]]) -> None:
    """Write a file as the first layout had it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for table, rows in (("docs", docs), ("data", blobs)):
            connection.execute(
                f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, key TEXT, uuid TEXT, "
                '"index" INTEGER, name TEXT, doc TEXT NOT NULL)'
            )
            for column in ("key", "uuid", "name"):
                connection.execute(f"CREATE INDEX {table}_{column} ON {table}({column})")
            for row in rows:
                values = [row.get(name) for name in ("uuid", "index", "name")]
                connection.execute(
                    f'INSERT INTO {table}(uuid, "index", name, doc) VALUES (?, ?, ?, ?)',
                    [*values, json_util.dumps(row)],
                )


def test_a_file_of_version_0_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    docs = [job(number, energy=float("nan")) for number in range(30)]
    docs += [{"uuid": "u1", "index": 2, "output": None}, {"note": "neither uuid nor index"}]
    write_version_0(path, docs, [{"blob_uuid": f"b{n}", "data": [n]} for n in range(3)])
    store = open_store(path)
    again = [{k: v for k, v in doc.items() if k != "_id"} for doc in store.query()]
    assert repr(again) == repr(docs)
    assert store.count({"output.@class": "Made", "output.alloy": "Li2"}) == 6
    assert store.additional_stores["data"].count({"blob_uuid": "b2"}) == 1
    store.update(job(3, energy=1.0))
    assert open_store(path).query_one({"uuid": "u3"})["energy"] == 1.0
    assert open_store(path).count() == 32
    assert check_integrity(path) == []


def open_and_count(path: str) -> None:
    assert SQLiteStore(path, key=KEY).count() == 500


def test_several_processes_migrate_once(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    write_version_0(path, [job(number) for number in range(500)], [])
    context = get_context("fork")
    workers = [context.Process(target=open_and_count, args=(str(path),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4


def test_an_identity_twice_in_version_0_is_refused_and_nothing_lost(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    write_version_0(path, [job(1, value=1), job(2), job(1, value=2)], [])
    with pytest.raises(StoreError, match="older version and holds two documents of one uuid and"):
        open_store(path)
    with closing(sqlite3.connect(path)) as connection:
        texts = connection.execute("SELECT doc FROM docs ORDER BY id").fetchall()
    assert [json.loads(text)["uuid"] for (text,) in texts] == ["u1", "u2", "u1"]


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_noticed_when_it_is_opened(path: Path, kept: float) -> None:
    os.truncate(path, int(kept * path.stat().st_size))
    message = refusal(path)
    assert "-wal file" in message
    assert f"`sqlite3 {path} .recover | sqlite3 RECOVERED`" in message
    assert "set the file and its -wal file aside and run again" in message
    assert check_integrity(path) != []


def test_a_file_that_lost_all_but_its_log_is_not_begun_anew(crashed: Path) -> None:
    """SQLite takes the log of an empty file for rubbish, and deletes it."""
    os.truncate(crashed, 0)
    assert "missing or empty, and results are left in its -wal file" in refusal(crashed)
    crashed.unlink()
    refusal(crashed)
    assert Path(f"{crashed}-wal").stat().st_size > 0


def test_a_crash_loses_nothing_and_truncation_is_noticed_with_a_log_too(crashed: Path) -> None:
    wal = Path(f"{crashed}-wal")
    whole, log = crashed.read_bytes(), wal.read_bytes()
    os.truncate(crashed, len(whole) // 2)
    assert "is damaged" in refusal(crashed)
    for end in ("-shm", "-wal", ""):
        Path(f"{crashed}{end}").unlink(missing_ok=True)
    crashed.write_bytes(whole)
    wal.write_bytes(log)
    assert open_store(crashed).count() == 150


def test_a_truncated_log_loses_only_its_end(crashed: Path) -> None:
    """What was written last stands at its end; what was written before is whole."""
    wal = Path(f"{crashed}-wal")
    os.truncate(wal, wal.stat().st_size // 2)
    store = open_store(crashed)
    assert store.count() == 100
    assert check_integrity(crashed) == []


def test_damage_inside_is_one_line_when_it_is_met(path: Path) -> None:
    page = 4096
    with path.open("r+b") as file:
        for number in range(20, path.stat().st_size // page):
            file.seek(number * page)
            file.write(b"\xff" * page)
    store = open_store(path)
    with pytest.raises(StoreError, match=r"results\.sqlite is damaged \(.*\): its -wal") as caught:
        list(store.query())
    assert "\n" not in str(caught.value)
    assert check_integrity(path) != []


def test_an_empty_file_is_a_new_store_unless_one_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    path.touch()
    with pytest.raises(StoreError, match="is empty, no results store"):
        open_store(path, must_exist=True)
    assert open_store(path).count() == 0


def test_a_missing_store_is_an_error_only_where_it_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    with pytest.raises(StoreError, match="no results store at"):
        open_store(path, must_exist=True)
    with pytest.raises(StoreError, match="no results store at"):
        check_integrity(path)
    assert not path.exists()
    open_store(path)
    assert open_store(path, must_exist=True).count() == 0


def recovers(path: Path, target: Path) -> bool:
    """Whether the sqlite3 program recovers a file; Debian's was built without."""
    command = f"set -o pipefail; sqlite3 {path} .recover | sqlite3 {target}"
    shell = shutil.which("bash") and shutil.which("sqlite3")
    return (
        bool(shell) and subprocess.run(["bash", "-c", command], capture_output=True).returncode == 0
    )


def test_what_sqlite_recovers_is_a_store_again(path: Path, tmp_path: Path) -> None:
    if not recovers(path, tmp_path / "whole.sqlite"):
        pytest.skip("this sqlite3 program recovers nothing")
    os.truncate(path, int(0.5 * path.stat().st_size))
    recovers(path, tmp_path / "recovered.sqlite")
    store = open_store(tmp_path / "recovered.sqlite")
    assert 20 < store.count() < 100
    store.update([job(number) for number in range(100)])
    assert store.count() == 100


def test_a_file_that_lost_its_marks_is_taken_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id=0")
        connection.execute("PRAGMA user_version=0")
        connection.execute("CREATE TABLE lost_and_found (rootpgno INTEGER)")
    assert open_store(path).count() == 100
    test_the_file_carries_its_marks(path)


def test_a_full_disk_loses_nothing_and_writing_goes_on(path: Path) -> None:
    store = open_store(path)
    table = store.docs_store._table
    (full,) = table.rows("PRAGMA page_count")[0]
    table.rows(f"PRAGMA max_page_count={full}")
    with pytest.raises(StoreError, match=r"results\.sqlite: .*disk is full: free some space"):
        store.update([job(number) for number in range(50, 300)])
    assert store.count() == 100
    assert open_store(path).query_one({"uuid": "u99"})["name"] == "job"
    table.rows(f"PRAGMA max_page_count={full + 1000}")
    store.update([job(number) for number in range(50, 300)])
    assert store.count() == 300
    assert check_integrity(path) == []
