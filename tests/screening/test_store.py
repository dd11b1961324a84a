"""SQLiteStore gives the answers of maggma's MemoryStore."""

from __future__ import annotations

import random
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from maggma.core import Store
from maggma.stores import MemoryStore

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


def fresh_pair(path: Path, key: Any = "uuid", **choices: Any) -> tuple[Store, Store]:
    pair = SQLiteStore(path, key=key, **choices), MemoryStore(key=key)
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
    pair = fresh_pair(tmp_path / "a.sqlite", unique=["of no document"])
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


def test_an_index_is_made_on_request_and_changes_no_answer(tmp_path: Path) -> None:
    sqlite, memory = fresh_pair(tmp_path / "a.sqlite", ["uuid", "index"])
    for store in (sqlite, memory):
        store.update(random_docs())
    for field in ("output.energy", "output.metal", "tags", "engine", "_id"):
        assert sqlite.ensure_index(field)
    assert sqlite.ensure_index(["uuid", "output.energy"])
    assert not sqlite.ensure_index("output.$where")
    for criteria in CRITERIA:
        assert content(sqlite.query(criteria)) == content(memory.query(criteria))


def test_keys_that_are_no_text_and_no_number_are_told_apart(tmp_path: Path) -> None:
    pair = fresh_pair(tmp_path / "a.sqlite", ["uuid", "index"])
    keys: list[Any] = [None, True, [1], [2], {"a": 1}, {"a": 2}, 1.5, "1.5", datetime(2025, 1, 1)]
    for store in pair:
        for number, key in enumerate([*keys, *keys]):
            store.update({"uuid": key, "index": 1, "value": number})
    assert content(pair[0].query()) == content(pair[1].query())
    assert [doc["value"] for doc in pair[0].query()] == list(range(len(keys), 2 * len(keys)))


def test_last_updated_and_newer_in_agree(tmp_path: Path) -> None:
    pairs = [fresh_pair(tmp_path / f"{name}.sqlite") for name in "ab"]
    for old, new in zip(*pairs, strict=True):
        assert old.last_updated == datetime.min
        old.update([{"uuid": f"u{n}", "last_updated": datetime(2025, 1, 1 + n)} for n in range(4)])
        new.update([{"uuid": f"u{n}", "last_updated": datetime(2025, 1, 8 - n)} for n in range(6)])
        assert old.last_updated == datetime(2025, 1, 4)
        assert sorted(old.newer_in(new)) == ["u0", "u1", "u2", "u3"]
        assert sorted(old.newer_in(new, exhaustive=True)) == [f"u{n}" for n in range(6)]
