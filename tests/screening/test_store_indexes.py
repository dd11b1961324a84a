"""Which queries take an index, and indexes made on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from misei.launchers.store import StoreError
from misei.screening.store import SQLiteStore


def jobs() -> list[dict[str, Any]]:
    outputs = [{"metal": "Mg", "nested": {"number": number}} for number in range(60)]
    return [
        {"uuid": f"u{number % 15}", "index": number // 15 + 1, "output": output}
        for number, output in enumerate(outputs)
    ]


def plan(store: SQLiteStore, criteria: dict[str, Any]) -> str:
    """How SQLite goes about a query."""
    table = store._table
    _, (_, perhaps) = table._understood(criteria)
    sql = f"EXPLAIN QUERY PLAN SELECT id FROM {table.name} WHERE {perhaps.text}"
    return str(table.rows(sql, perhaps.values))


@pytest.mark.parametrize(
    "criteria",
    [
        {"uuid": "u1"},
        {"uuid": {"$in": ["u1", "u2"]}, "index": 1},
        {"blob_uuid": {"$in": [f"b{n}" for n in range(2000)]}},
        {"$or": [{"uuid": f"u{n}", "index": n} for n in range(1500)]},
        {"name": "relax"},
        {"completed_at": {"$gt": "2026-01-01"}},
        {"output.@class": "AdhesionDoc", "output.alloy": "Li3Al"},
        {"output.energy": 1.5},
    ],
    ids=lambda criteria: str(criteria)[:40],
)
def test_queries_take_an_index(tmp_path: Path, criteria: dict[str, Any]) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite", key="blob_uuid")
    assert "SCAN" in plan(store, {"output.nested.number": 1})
    assert store.ensure_index("output.energy")
    found = plan(store, criteria)
    assert "SEARCH" in found
    assert "SCAN docs" not in found


def test_class_and_alloy_are_one_index(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite")
    criteria = {"output.@class": "AdhesionDoc", "output.alloy": "Li3Al"}
    assert "output.@class=? AND output.alloy=?" in plan(store, criteria)


def test_a_unique_index_is_refused_where_values_are_not(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.sqlite", key=["uuid", "index"])
    store.update(jobs())
    assert store.ensure_index("output.nested.number", unique=True)
    assert not store.ensure_index("output.metal", unique=True)
    with pytest.raises(StoreError, match="same identity"):
        store.update({"uuid": "new", "index": 1, "output": {"nested": {"number": 3}}})
    assert store.count() == 60
