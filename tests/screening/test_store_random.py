"""Random documents of mixed types, random criteria: SQLiteStore answers as MemoryStore does."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import DBRef, ObjectId, Regex
from maggma.core import Store
from maggma.stores import MemoryStore

from misei.screening.store import SQLiteStore
from misei.screening.store_criteria import compiled, json_term
from misei.screening.store_documents import dumps, loads

NAN, INFINITY = float("nan"), float("inf")
# Values that SQL, JSON and Python tell apart in different ways.
SCALARS: list[Any] = [
    None, True, False, 0, 1, 2, -1, 1.0, 0.0, -0.0, 0.5, 0.1 + 0.2, 0.3, 1e-320, 1e300, INFINITY,
    -INFINITY, NAN, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), "", "a", "b", "ab", "A", "é", "😀",
    "z\uffff", "$x", "1", "a.b", "it's", "a\x00b", 'q"\\', datetime(2025, 1, 1), b"abc",
    datetime(2025, 1, 1, microsecond=123456), ObjectId("6b01b14e3c98ff59289debba"),
]  # fmt: skip
FIELDS = [
    "uuid", "index", "name", "state", "x", "y", "completed_at", "é", "output", "output.@class",
    "output.alloy", "output.x", "output.x.y", "x.y", "y.0", "x.y.x", "name.x", "absent", "absent.x",
]  # fmt: skip
COMPARISONS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]
PATTERNS = [re.compile("a"), Regex("b"), re.compile("A", re.IGNORECASE)]


class Maker:
    """Random documents and criteria."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def scalar(self) -> Any:
        return self.random.choice(SCALARS)

    def value(self, depth: int = 0) -> Any:
        kind = self.random.random()
        if kind < 0.7 or depth > 2:
            return self.scalar()
        items = [self.value(depth + 1) for _ in range(self.random.randint(0, 3))]
        # A document has no $-names at its top; further down only ours are told apart.
        names = ["x", "y", "0", "@class", "alloy", *(["$date", "a.b", "é"] if depth else [])]
        return items if kind < 0.85 else {self.random.choice(names): item for item in items}

    def document(self, number: int) -> dict[str, Any]:
        doc: dict[str, Any] = {"uuid": f"u{number % 7}", "index": number // 7}
        for name in ("name", "state", "x", "y", "completed_at", "é", "output"):
            if self.random.random() < 0.75:
                doc[name] = self.value()
        if self.random.random() < 0.6:
            doc["output"] = {name: self.value(2) for name in ("@class", "alloy", "x")}
        return doc

    def condition(self, depth: int = 0) -> Any:
        kind = self.random.random()
        if kind < 0.35:
            return self.value(depth) if kind < 0.3 else self.random.choice(PATTERNS)
        names = self.random.choices(
            [*COMPARISONS, "$in", "$nin", "$exists", "$regex", "$not", "$size", "$type"],
            k=self.random.choice([1, 1, 1, 2, 3]),
        )
        return {name: self.operand(name, depth) for name in names}

    def operand(self, name: str, depth: int) -> Any:
        if name in COMPARISONS:
            return self.value(1)
        if name in ("$in", "$nin"):
            size = self.random.randint(0, 4)
            return [self.random.choice([self.value(1), *PATTERNS[:1]]) for _ in range(size)]
        if name == "$not":
            inner = self.condition(depth + 1) if depth < 2 else {"$gt": 0}
            operators = isinstance(inner, dict) and all(str(key)[:1] == "$" for key in inner)
            return inner if operators or isinstance(inner, re.Pattern) else {"$eq": inner}
        choices: dict[str, list[Any]] = {
            "$exists": [True, False, 1, 0],
            "$regex": ["a", "^A", re.compile("b")],
            "$size": [0, 1, 2],
            "$type": ["string", "double", "int", "bool", "array", "object"],
        }
        return self.random.choice(choices[name])

    def criteria(self, depth: int = 0) -> dict[str, Any]:
        criteria: dict[str, Any] = {}
        for _ in range(self.random.choice([0, 1, 1, 1, 2])):
            if depth < 2 and self.random.random() < 0.2:
                count = self.random.randint(1, 3)
                parts = [self.criteria(depth + 1) for _ in range(count)]
                criteria[self.random.choice(["$and", "$or", "$nor"])] = parts
            else:
                criteria[self.random.choice(FIELDS)] = self.condition()
        return criteria


def content(docs: Any) -> list[str]:
    """Documents without row ids, as text: NaN is not equal to itself, and 1 is to True."""
    return [repr(sorted((k, v) for k, v in doc.items() if k != "_id")) for doc in docs]


def values(found: list[Any]) -> set[str]:
    """Values without what a set of Python's leaves to chance: 1, 1.0 and True are one of it."""
    plain = [v + 0.0 if isinstance(v, (bool, int, float)) else v for v in found]
    return {re.sub(r"-?0\.0|False", "0", repr(v).replace("True", "1")) for v in plain}


def distinct(store: Store, field: str, criteria: dict[str, Any]) -> set[str]:
    return values(store.distinct(field, criteria))


def answer(ask: Callable[..., Any], *arguments: Any, **choices: Any) -> Any:
    """What is answered, or the kind of error."""
    try:
        found = ask(*arguments, **choices)
        return content(found) if isinstance(found, Iterator) else found
    except Exception as error:
        return type(error).__name__


@pytest.fixture(scope="module", params=[1, 2, 3])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    maker = Maker(request.param)
    path = tmp_path_factory.mktemp("store") / "a.sqlite"
    pair = SQLiteStore(path, key=["uuid", "index"]), MemoryStore(key=["uuid", "index"])
    docs = [maker.document(number) for number in range(60)]
    for store in pair:
        store.connect()
        store.update(docs)
    if request.param == 3:
        for field in ("x", "output.x", "x.y", "name"):
            assert pair[0].ensure_index(field)
    return maker, *pair


def test_documents_come_back_exactly(both: tuple[Maker, Store, Store]) -> None:
    _, sqlite, memory = both
    assert content(sqlite.query()) == content(memory.query())
    assert sqlite.count() == 60


def test_queries_and_counts(both: tuple[Maker, Store, Store]) -> None:
    maker, *stores = both
    selective = 0
    for _ in range(250):
        criteria = maker.criteria()
        found, expected = (answer(store.query, criteria) for store in stores)
        assert found == expected, criteria
        counts = [answer(store.count, criteria) for store in stores]
        assert counts[0] == counts[1], criteria
        selective += isinstance(expected, list) and 0 < len(expected) < 60
    assert selective > 40


def test_sorting_paging_and_projections(both: tuple[Maker, Store, Store]) -> None:
    maker, *stores = both
    for _ in range(120):
        criteria = maker.criteria()
        names = maker.random.choices(["uuid", "index", "state", "y.0", "completed_at"], k=2)
        choices: dict[str, Any] = {
            "sort": {name: maker.random.choice([1, -1]) for name in names},
            "skip": maker.random.choice([0, 0, 3, 70]),
            "limit": maker.random.choice([0, 1, 5, 100]),
        }
        properties = maker.random.choice(
            [
                None,
                ["uuid", "index"],
                ["name", "state"],
                ["x", "uuid"],
                {"x": 0},
                {"y": 1, "_id": 0},
            ]
        )
        found, expected = (
            answer(store.query, criteria, copy(properties), **choices) for store in stores
        )
        assert found == expected, (criteria, properties, choices)


def test_distinct_values(both: tuple[Maker, Store, Store]) -> None:
    maker, *stores = both
    for _ in range(80):
        criteria, field = maker.criteria(), maker.random.choice(FIELDS)
        found, expected = (answer(distinct, store, field, criteria) for store in stores)
        assert found == expected, (field, criteria)


def test_removal(tmp_path: Path) -> None:
    maker = Maker(4)
    pair = SQLiteStore(tmp_path / "a.sqlite", key=["uuid", "index"]), MemoryStore(key="uuid")
    docs = [maker.document(number) for number in range(60)]
    removed = 0
    for _ in range(40):
        criteria = maker.criteria()
        for store in pair:
            store.connect()
            store.update(docs, key=["uuid", "index"])
        outcomes = [answer(store.remove_docs, criteria) for store in pair]
        assert outcomes[0] == outcomes[1]
        assert sorted(content(pair[0].query())) == sorted(content(pair[1].query())), criteria
        removed += pair[0].count() < 60
    assert removed > 10


def test_sql_alone_decides_what_it_can() -> None:
    """The two conditions are one where nothing is left to MongoDB's rules."""
    assert compiled({}, json_term).surely.text == "1"
    for field in ("x..y", "x.$y", "", 'x"', "é"):
        assert json_term(field) is None
        assert compiled({field: 1}, json_term).perhaps.text == "1"
    verdict = compiled({"$or": [{"x": {"$size": 1}}, {"y": 1}]}, json_term)
    assert verdict.perhaps.text == "1"
    assert verdict.surely.text != "0"


@pytest.mark.parametrize(
    "value",
    [
        *SCALARS,
        2**80,
        "\ud800",
        {"$date": "no date"},
        {"$regex": "^a", "$options": "i"},
        {"$$twice": {"$numberLong": "x"}},
        {"$symbol": "a"},
        {"a.b": [{"c": {"$oid": 1}}]},
        DBRef("docs", 1),
        datetime(1, 1, 1),
    ],
    ids=ascii,
)
def test_text_of_a_document_is_faithful(value: Any) -> None:
    doc = {"value": value, "list": [value], "inner": {"value": value}}
    again = loads(dumps(doc))
    expected = value
    if isinstance(value, datetime):  # MongoDB has milliseconds
        expected = value.replace(microsecond=value.microsecond // 1000 * 1000)
    assert repr(again["value"]) == repr(again["list"][0]) == repr(expected)
    assert type(again["inner"]["value"]) is type(expected)


def test_dates_with_a_zone_are_kept_in_utc(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite")
    when = datetime.fromisoformat("2025-01-01T01:00:00+02:00")
    store.update({"uuid": "u1", "when": when})
    assert store.query_one({"uuid": "u1"})["when"] == when.astimezone(UTC).replace(tzinfo=None)
    assert store.count({"when": when}) == 1
    assert store.count({"when": {"$gt": when}}) == 0
