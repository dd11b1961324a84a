"""Queries of one table of the results store: SQL as far as it can tell, then MongoDB's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from maggma.core import Sort
from maggma.stores import MemoryStore
from mongomock_ng.filtering import filter_applies, resolve_sort_key
from mongomock_ng.helpers import patch_datetime_awareness_in_document

from misei.screening.store_criteria import Sql, Term, Verdict, compiled, json_term
from misei.screening.store_documents import DEAD_END, UNDECIDED, field_value, loads
from misei.screening.store_file import Connection, clear_errors
from misei.screening.store_tables import quoted

Document = dict[str, Any]
Criteria = Mapping[str, Any] | None
BATCH = 200  # documents read at once

T = TypeVar("T")


def batched(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield the items in lists of ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def in_memory(docs: Iterable[Document]) -> MemoryStore:
    """Return maggma's MemoryStore of some documents."""
    memory = MemoryStore()
    memory.connect()
    for batch in batched(docs):
        memory._collection.insert_many(batch)
    return memory


@dataclass(frozen=True)
class Table:
    """A table of documents, as one connection sees it.

    Parameters
    ----------
    connection
        Of this thread and process.
    path
        File, for errors.
    name
        Of the table.
    columns
        Fields that have a column.
    key
        Fields that identify a document.
    """

    connection: Connection
    path: str
    name: str
    columns: list[str]
    key: list[str]

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a statement, so that no statement stays open."""
        with clear_errors(self.path):
            return self.connection.execute(sql, values).fetchall()

    def _understood(self, criteria: Criteria) -> tuple[Mapping[str, Any], Verdict]:
        """Return criteria with dates as they are stored, and what SQL can tell of them."""
        patched: Mapping[str, Any] = patch_datetime_awareness_in_document(criteria or {})
        return patched, compiled(patched, self._term)

    def _term(self, field: str) -> Term | None:
        if field == "_id":
            return Term("id")
        return Term(quoted(field)) if field in self.columns else json_term(field)

    def matching(
        self,
        criteria: Criteria = None,
        sort: Mapping[str, Sort | int] | None = None,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[Document]:
        """Yield whole documents that match, with their row as ``_id``."""
        criteria, verdict = self._understood(criteria)
        signs = {field: Sort(sign).value for field, sign in (sort or {}).items()}
        end = skip + limit if limit else None
        order = self._order(signs, verdict.perhaps)
        if order is None:
            docs = list(self._documents(self._candidates(verdict), criteria))
            for field, sign in reversed(signs.items()):
                docs.sort(key=_sort_key(field), reverse=sign < 0)
            return iter(docs[skip:end])
        rows = self._candidates(verdict, order, end or 0)
        if not rows:
            filter_applies(criteria, {})  # names an operator that does not exist
        if all(row[1] for row in rows):
            return self._documents(rows[skip:end], criteria)
        return islice(self._documents(rows, criteria), skip, end)

    def _candidates(
        self, verdict: Verdict, order: str = "id", limit: int = 0, extra: str = ""
    ) -> list[Any]:
        """Rows that perhaps match: id, whether SQL is sure, and columns asked for."""
        surely, perhaps = verdict
        sql = (
            f"SELECT id, {surely.text}{extra} FROM {self.name} "
            f"WHERE {perhaps.text} ORDER BY {order}"
        )
        values = (*surely.values, *perhaps.values)
        if limit:
            rows = self.rows(f"{sql} LIMIT ?", (*values, limit))
            if len(rows) < limit or all(row[1] for row in rows):
                return rows
        return self.rows(sql, values)

    def _documents(self, rows: Iterable[Sequence[Any]], criteria: Criteria) -> Iterator[Document]:
        """Yield the documents of (row, whether it surely matches, ...) that match after all."""
        for batch in batched(rows):
            listed = ",".join(str(row[0]) for row in batch)
            texts = dict(self.rows(f"SELECT id, doc FROM {self.name} WHERE id IN ({listed})"))
            for row in batch:
                if row[0] not in texts:
                    continue  # removed meanwhile
                doc = loads(texts.pop(row[0])) | {"_id": row[0]}
                if row[1] or filter_applies(criteria, doc):
                    yield doc

    def _order(self, signs: Mapping[str, int], perhaps: Sql) -> str | None:
        """Order of rows in SQL; None where MongoDB orders the values otherwise."""
        terms = []
        for field, sign in signs.items():
            name = quoted(field) if field in self.columns else "id"
            if field in self.columns:
                # Tags stand for values that SQL does not know.
                tags = f"SELECT 1 FROM {self.name} WHERE {name} >= x'' AND {perhaps.text} LIMIT 1"
                if self.rows(tags, perhaps.values):
                    return None
            elif field not in ("_id", "$natural"):
                return None
            terms.append(f"{name} {'DESC' if sign < 0 else 'ASC'}")
        return ", ".join([*terms, "id"])

    def parts(self, criteria: Criteria, fields: Sequence[str]) -> list[Document] | None:
        """Return fields of documents from their columns; None where documents must be read."""
        if not set(fields) <= set(self.columns):
            return None
        extra = "".join(f", {quoted(field)}" for field in fields)
        rows = self._candidates(self._understood(criteria)[1], extra=extra)
        if not rows or any(not row[1] or set(row[2:]) & set(UNDECIDED) for row in rows):
            return None
        return [
            {"_id": row[0]}
            | {
                field: field_value(value)
                for field, value in zip(fields, row[2:], strict=True)
                if value is not None
            }
            for row in rows
        ]

    def count(self, criteria: Criteria) -> int:
        """Count the documents that match."""
        criteria, (surely, perhaps) = self._understood(criteria)
        sql = f"SELECT COUNT(*) FROM {self.name} WHERE {surely.text}"
        sure = int(self.rows(sql, surely.values)[0][0])
        return sure + sum(1 for _ in self._doubtful(criteria, surely, perhaps))

    def _doubtful(self, criteria: Criteria, surely: Sql, perhaps: Sql) -> Iterator[Document]:
        """Documents that match, of those that SQL cannot tell of."""
        if surely == perhaps:
            return iter(())
        sql = (
            f"SELECT id, 0 FROM {self.name} "
            f"WHERE {perhaps.text} AND NOT ifnull({surely.text}, 0) ORDER BY id"
        )
        return self._documents(self.rows(sql, (*perhaps.values, *surely.values)), criteria)

    def distinct(self, field: str, criteria: Criteria) -> list[Any]:
        """Return the distinct values of a field."""
        criteria, (surely, perhaps) = self._understood(criteria)
        if field in self.columns:
            rows = self.rows(
                f"SELECT DISTINCT {quoted(field)}, {surely.text} FROM {self.name} "
                f"WHERE {perhaps.text}",
                (*surely.values, *perhaps.values),
            )
            if all(sure and value not in UNDECIDED for value, sure in rows):
                found = {value for value, _ in rows} - {None, DEAD_END}
                return list({field_value(value) for value in found})
        name = field.split(".")[0]
        docs = ({k: v for k, v in doc.items() if k == name} for doc in self.matching(criteria))
        return list(in_memory(docs).distinct(field))

    def remove(self, criteria: Criteria) -> None:
        """Remove the documents that match, in the transaction of the caller."""
        criteria, (surely, perhaps) = self._understood(criteria)
        rows = [(doc["_id"],) for doc in self._doubtful(criteria, surely, perhaps)]
        self.connection.execute(f"DELETE FROM {self.name} WHERE {surely.text}", surely.values)
        self.connection.executemany(f"DELETE FROM {self.name} WHERE id = ?", rows)


def _sort_key(field: str) -> Callable[[Document], Any]:
    return lambda doc: resolve_sort_key(field, doc)
