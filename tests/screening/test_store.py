"""SQLiteStore gives the answers of maggma's MemoryStore, and survives several writers."""

from __future__ import annotations

import json
import pickle
import random
import re
import sqlite3
import threading
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from jobflow import JobStore
from maggma.core import Store
from maggma.stores import MemoryStore
from monty.json import MontyDecoder

from misei.launchers.store import StoreError, open_store
from misei.screening.store import SQLiteStore

METALS = ["Mg", "Al", "Si", "Ge"]
CRITERIA: list[dict[str, Any]] = [
    {},
    {"uuid": "u7"},
    {"uuid": {"$in": ["u1", "u2", "absent"]}},
    {"uuid": {"$in": []}},
    {"uuid": {"$gt": "u5"}},
    {"uuid": {"$in": ["u1", re.compile("^u2")]}},
    {"uuid": "u1", "index": 2},
    {"index": {"$gt": 1, "$lt": 4}},
    {"index": {"$in": [1, 3]}, "output.metal": {"$in": ["Mg", "Ge"]}},
    {"index": 2.0},
    {"name": "relax"},
    {"name": None},
    {"name": {"$in": [None, "static"]}},
    {"name": {"$ne": "relax"}},
    {"name": {"$exists": False}},
    {"name": {"$regex": "^re"}},
    {"name": re.compile("IC$", re.IGNORECASE)},
    {"name": "first of a list"},
    {"name": {"nested": 1}},
    {"output.energy": {"$gt": -1.5, "$lte": 0.5}},
    {"output.metal": "Al"},
    {"$or": [{"uuid": "u3"}, {"output.metal": "Si"}]},
    {"$and": [{"index": 1}, {"output.energy": {"$lt": 0}}]},
    {"tags": "b"},
    {"tags.0": "a"},
    {"tags": {"$size": 2}},
    {"output.energy": {"$not": {"$gt": 0}}},
]
IDS = [str(criteria) for criteria in CRITERIA]


def random_docs(count: int = 60, seed: int = 1) -> list[dict[str, Any]]:
    generator = random.Random(seed)
    names: list[Any] = ["relax", "static", "STATIC", None, ["first of a list", "x"], {"nested": 1}]
    docs = []
    for number in range(count):
        doc: dict[str, Any] = {
            "uuid": f"u{number % 15}",
            "index": number // 15 + 1,
            "name": generator.choice(names),
            "tags": generator.sample(["a", "b", "c"], generator.randint(0, 3)),
            "output": {
                "metal": generator.choice(METALS),
                "energy": generator.uniform(-3, 3),
                "nested": {"number": number, "when": datetime(2025, 1, 1 + number % 28)},
            },
        }
        if generator.random() < 0.2:
            del doc["name"]
        docs.append(doc)
    return docs


def content(docs: Any) -> list[dict[str, Any]]:
    """Documents without the row ids, which only the backend knows."""
    return [{k: v for k, v in doc.items() if k != "_id"} for doc in docs]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    sqlite = SQLiteStore(tmp_path_factory.mktemp("store") / "a.sqlite", key=["uuid", "index"])
    memory = MemoryStore(key=["uuid", "index"])
    for store in (sqlite, memory):
        store.connect()
        store.update(random_docs())
    return sqlite, memory


def fresh_pair(path: Path, key: Any = "uuid") -> tuple[Store, Store]:
    pair = SQLiteStore(path, key=key), MemoryStore(key=key)
    for store in pair:
        store.connect()
    return pair


@pytest.mark.parametrize("criteria", CRITERIA, ids=IDS)
def test_query_and_count_agree_with_the_memory_store(
    both: tuple[Store, Store], criteria: dict[str, Any]
) -> None:
    sqlite, memory = both
    expected = content(memory.query(criteria))
    assert content(sqlite.query(criteria)) == expected
    assert sqlite.count(criteria) == memory.count(criteria) == len(expected)


def test_the_criteria_tell_documents_apart(both: tuple[Store, Store]) -> None:
    counts = [both[1].count(criteria) for criteria in CRITERIA]
    assert sum(0 < count < 60 for count in counts) > 20


@pytest.mark.parametrize("properties", [["output.metal", "uuid"], {"output.energy": 1}, ["absent"]])
def test_projections_agree(both: tuple[Store, Store], properties: Any) -> None:
    sqlite, memory = both
    criteria = {"index": 1}
    assert content(sqlite.query(criteria, properties)) == content(
        memory.query(criteria, properties)
    )


@pytest.mark.parametrize(
    ("sort", "skip", "limit"),
    [
        ({"output.energy": 1}, 0, 0),
        ({"output.energy": -1}, 5, 7),
        ({"index": -1, "output.energy": 1}, 0, 3),
        (None, 50, 20),
    ],
)
def test_sort_skip_and_limit_agree(
    both: tuple[Store, Store], sort: dict[str, int] | None, skip: int, limit: int
) -> None:
    answers = [content(store.query({}, sort=sort, skip=skip, limit=limit)) for store in both]
    assert answers[0] == answers[1]
    assert 0 < len(answers[0]) <= 60
    last = both[0].query_one({}, sort={"output.nested.number": -1})
    assert last["output"]["nested"]["number"] == 59


@pytest.mark.parametrize("criteria", [None, {"index": {"$lte": 2}}])
@pytest.mark.parametrize("field", ["output.metal", "uuid", "index"])
def test_distinct_agrees(
    both: tuple[Store, Store], field: str, criteria: dict[str, Any] | None
) -> None:
    sqlite, memory = both
    assert sorted(sqlite.distinct(field, criteria)) == sorted(memory.distinct(field, criteria))


def test_groupby_agrees(both: tuple[Store, Store]) -> None:
    def groups(store: Store) -> Any:
        found = store.groupby(["output.metal", "index"], {"index": {"$lt": 3}}, ["uuid"])
        return [(group, content(docs)) for group, docs in found]

    assert groups(both[0]) == groups(both[1])
    assert len(groups(both[0])) == 2 * len(METALS)


@pytest.mark.parametrize("criteria", [{"output.metal": "Mg"}, {"uuid": {"$in": ["u1", "u2"]}}, {}])
def test_remove_docs_agrees(tmp_path: Path, criteria: dict[str, Any]) -> None:
    sqlite, memory = fresh_pair(tmp_path / "a.sqlite", ["uuid", "index"])
    for store in (sqlite, memory):
        store.update(random_docs())
        store.remove_docs(criteria)
    assert content(sqlite.query()) == content(memory.query())
    assert sqlite.count() < 60


@pytest.mark.parametrize("key", [None, "uuid", ["uuid"], ["uuid", "index"], ["output.no"], "name"])
def test_upserts_agree_whatever_key_identifies(tmp_path: Path, key: Any) -> None:
    """The same document written under several keys is still one document."""
    pair = fresh_pair(tmp_path / "a.sqlite")
    docs = [doc | {"name": f"n{number % 9}"} for number, doc in enumerate(random_docs(40))]
    for store in pair:
        for doc in docs:
            doc["output.no"] = doc["output"]["nested"]["number"]
        store.update(docs[:20], key=["uuid", "index"])
        if key == ["output.no"]:
            # A dotted name is a path in a criterion: the field is not found, a new one is made.
            store.update(docs[15:25], key=key)
        else:
            store.update([doc | {"again": 1} for doc in docs[10:]], key=key)
            store.update(docs[3] | {"again": 2}, key=key)
    assert content(pair[0].query()) == content(pair[1].query())
    assert pair[0].count() == pair[1].count() > 0


def test_a_document_without_the_key_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    sqlite, memory = fresh_pair(tmp_path / "a.sqlite")
    for store in (sqlite, memory):
        with pytest.raises(KeyError, match="uuid"):
            store.update([{"uuid": "u1"}, {"name": "no uuid"}])
        assert store.count() == 0


def test_a_document_can_be_written_back_as_read(tmp_path: Path) -> None:
    sqlite, _ = fresh_pair(tmp_path / "a.sqlite")
    sqlite.update({"uuid": "u1", "value": 1})
    doc = sqlite.query_one({"uuid": "u1"})
    sqlite.update(doc | {"value": 2})
    assert [doc["value"] for doc in sqlite.query()] == [2]


def test_two_tables_of_one_file_are_apart(tmp_path: Path) -> None:
    docs, data = (SQLiteStore(tmp_path / "a.sqlite", table=t) for t in ("docs", "data"))
    docs.update({"uuid": "u1"})
    data.update({"uuid": "u2"})
    assert [doc["uuid"] for doc in docs.query()] == ["u1"]
    with pytest.raises(ValueError, match="letters, digits"):
        SQLiteStore(tmp_path / "a.sqlite", table="docs; drop table docs")


def test_reopening_finds_what_was_written(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite", key=["uuid", "index"])
    store.update(random_docs())
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


def test_indexed_fields_are_named(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite", key="blob_uuid")
    assert store.ensure_index("uuid")
    assert store.ensure_index("blob_uuid")
    assert not store.ensure_index("output")
    store.update([{"blob_uuid": f"b{n}"} for n in range(5)])
    plan = store._connection.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM docs WHERE key = 'b1'"
    ).fetchall()
    assert "INDEX" in str(plan)
    assert len(list(store._rows({"blob_uuid": {"$in": ["b1", "b2"]}}))) == 2


@pytest.mark.parametrize("kind", ["text", "folder", "other database", "below a file"])
def test_what_is_no_store_is_one_clear_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "results.sqlite"
    if kind == "text":
        path.write_text("this is a note, not a database\n" * 50)
    elif kind == "folder":
        path.mkdir()
    elif kind == "other database":
        sqlite3.connect(path).execute("CREATE TABLE docs (a TEXT)").connection.close()
    else:
        path.write_text("x")
        path = path / "results.sqlite"
    with pytest.raises(StoreError, match=re.escape(str(path))) as caught:
        open_store(path)
    assert "\n" not in str(caught.value)


def test_a_missing_store_is_an_error_only_where_it_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    with pytest.raises(StoreError, match="no results store at"):
        open_store(path, must_exist=True)
    assert not path.exists()
    open_store(path)
    assert open_store(path, must_exist=True).count() == 0
