"""Several writers of one file, copies of a store, and what an update may do."""

from __future__ import annotations

import json
import pickle
import sqlite3
import threading
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from jobflow import JobStore
from maggma.core import Validator
from monty.json import MontyDecoder

from misei.launchers.store import StoreError, open_store
from misei.screening.store import SQLiteStore


def jobs() -> list[dict[str, Any]]:
    outputs = [{"metal": "Mg", "nested": {"number": number}} for number in range(60)]
    return [
        {"uuid": f"u{number % 15}", "index": number // 15 + 1, "output": output}
        for number, output in enumerate(outputs)
    ]


def content(docs: Any) -> list[dict[str, Any]]:
    """Documents without the row ids, which only the backend knows."""
    return [{k: v for k, v in doc.items() if k != "_id"} for doc in docs]


def test_two_tables_of_one_file_are_apart(tmp_path: Path) -> None:
    docs, data = (SQLiteStore(tmp_path / "a.sqlite", table=t) for t in ("docs", "data"))
    docs.update({"uuid": "u1"})
    data.update({"uuid": "u2"})
    assert [doc["uuid"] for doc in docs.query()] == ["u1"]
    with pytest.raises(ValueError, match="letters, digits"):
        SQLiteStore(tmp_path / "a.sqlite", table="docs; drop table docs")


def test_reopening_finds_what_was_written(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite", key=["uuid", "index"])
    store.update(jobs())
    store.close()
    again = SQLiteStore(tmp_path / "a.sqlite", key=["uuid", "index"])
    again.connect()
    assert again.count() == 60
    store.connect(force_reset=True)
    assert store.count() == 60


@pytest.mark.parametrize("key", ["uuid", ["uuid", "index"]])
def test_serialisation_round_trips(tmp_path: Path, key: Any) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite", table="data", key=key)
    store.update({"uuid": "u1", "index": 1})
    copies = [
        SQLiteStore.from_dict(store.as_dict()),
        json.loads(store.to_json(), cls=MontyDecoder),
        pickle.loads(pickle.dumps(store)),
    ]
    for copy in copies:
        assert copy == store
        assert hash(copy) == hash(store)
        assert (copy.key, copy.table, copy.count()) == (key, "data", 1)
    assert SQLiteStore(tmp_path / "b.sqlite") != store


def test_a_job_store_round_trips_and_keeps_large_objects_apart(tmp_path: Path) -> None:
    store = open_store(tmp_path / "sub" / "a.sqlite")
    for uuid in ("u1", "u2"):
        doc = {"uuid": uuid, "index": 1, "output": {"grid": [1, 2, 3], "energy": 1.0}}
        store.update(doc, save={"data": "grid"})
    again: JobStore = json.loads(store.to_json(), cls=MontyDecoder)
    again.connect()
    assert again.get_output("u2", load=True) == {"grid": [1, 2, 3], "energy": 1.0}
    assert "blob_uuid" in again.query_one({"uuid": "u1"}, load=False)["output"]["grid"]
    assert again.additional_stores["data"].count() == 2


def write_many(path: str, writer: int) -> None:
    store = SQLiteStore(path, key=["uuid", "index"])
    for number in range(40):
        store.update({"uuid": f"w{writer}", "index": number, "value": number})
        store.update({"uuid": "shared", "index": 1, "from": writer})


def test_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    """Also the opening of a file that is not there yet is a race."""
    path = str(tmp_path / "a.sqlite")
    context = get_context("fork")
    processes = [context.Process(target=write_many, args=(path, writer)) for writer in range(4)]
    threads = [threading.Thread(target=write_many, args=(path, writer)) for writer in (4, 5)]
    for worker in [*processes, *threads]:
        worker.start()
    for worker in [*processes, *threads]:
        worker.join()
    assert [process.exitcode for process in processes] == [0] * 4
    store = SQLiteStore(path)
    assert store.count() == 6 * 40 + 1
    assert store.count({"uuid": "shared"}) == 1
    assert sorted(store.distinct("uuid")) == ["shared", *(f"w{n}" for n in range(6))]


def test_a_connection_is_not_carried_over_a_fork(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite")
    store.update({"uuid": "parent"})
    child = get_context("fork").Process(target=store.update, args=({"uuid": "child"},))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert sorted(store.distinct("uuid")) == ["child", "parent"]


def test_a_failed_update_leaves_nothing_and_frees_the_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite")
    store.connect()

    class Unreadable:
        def as_dict(self) -> dict[str, Any]:
            raise RuntimeError("cannot be written")

    with pytest.raises(RuntimeError, match="cannot be written"):
        store.update([{"uuid": "u1"}, {"uuid": "u2", "value": Unreadable()}])
    other = sqlite3.connect(tmp_path / "a.sqlite", timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.execute("COMMIT")
    assert store.count() == 0


def test_no_two_documents_share_uuid_and_index(tmp_path: Path) -> None:
    """Also jobflow, which gives its stores another key, and a reopened file keep to it."""
    path = tmp_path / "a.sqlite"
    docs = open_store(path).docs_store
    assert docs.key == "uuid"
    docs.update([{"uuid": "u1", "index": n} for n in (1, 2)], key=["uuid", "index"])
    with pytest.raises(StoreError, match=r"a\.sqlite: another document .* same identity"):
        docs.update([{"uuid": "u2", "index": 1}, {"uuid": "u1", "index": 2}], key="uuid")
    again = SQLiteStore.from_dict(docs.as_dict())
    again.update({"uuid": "u1", "index": 1, "value": 1}, key=["uuid", "index"])
    assert content(again.query({"uuid": "u1"})) == [
        {"uuid": "u1", "index": 1, "value": 1},
        {"uuid": "u1", "index": 2},
    ]
    assert again.count() == 2


def test_documents_may_change_while_a_query_is_read(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite")
    store.update([{"uuid": f"u{n}", "name": "a"} for n in range(500)])
    for number, doc in enumerate(store.query({"name": "a"}, sort={"name": 1})):
        store.update({"uuid": doc["uuid"], "name": "b"})
        if number == 50:
            store.remove_docs({"uuid": {"$in": ["u499", "u498"]}})
    assert store.count({"name": "b"}) == store.count() == 498


def test_a_validator_is_asked(tmp_path: Path) -> None:
    class NoZinc(Validator):
        strict = False

        def is_valid(self, doc: dict[str, Any]) -> bool:
            return doc.get("metal") != "Zn"

        def validation_errors(self, doc: dict[str, Any]) -> list[str]:
            return ["zinc"]

    validator = NoZinc()
    store = SQLiteStore(tmp_path / "a.sqlite", validator=validator)
    store.update([{"uuid": "u1", "metal": "Zn"}, {"uuid": "u2"}])
    assert store.distinct("uuid") == ["u2"]
    validator.strict = True
    with pytest.raises(ValueError, match="zinc"):
        store.update({"uuid": "u1", "metal": "Zn"})
