"""A maggma Store in one SQLite file: the results database on a laptop or a head node.

Documents are kept as extended JSON, one row each, upserted in one transaction, so that a
killed process leaves every finished write and nothing else. The fields that jobs are found
by are columns with an index; anything else of a MongoDB query is answered by maggma's own
MemoryStore over the rows that are left.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any, cast

from bson import json_util
from maggma.core import Sort, Store
from maggma.stores import MemoryStore
from monty.json import jsanitize

# Columns that SQL filters on, with a column for the store's own key where that is one
# field; every other criterion is left to the MemoryStore.
INDEXED_FIELDS = ("uuid", "index", "name")
COLUMNS = (*INDEXED_FIELDS, "key")
LOCK_TIMEOUT_S = 60.0


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


class SQLiteStore(Store):
    """A Store on one SQLite file in write-ahead mode; safe for several processes of one host.

    Parameters
    ----------
    path
        The database file. Not on a network file system: WAL needs shared memory.
    table
        Table of the documents; several stores may share a file.
    key
        Fields that identify a document when ``update`` names none.
    """

    def __init__(
        self,
        path: str | Path,
        table: str = "docs",
        key: str | list[str] = "uuid",
        **kwargs: Any,
    ) -> None:
        if not table.isidentifier():
            raise ValueError(f"table {table!r} is not a name of letters, digits and underscores")
        self.path = str(Path(path).resolve())
        self.table = table
        self.kwargs = kwargs
        self._local = threading.local()
        super().__init__(key=cast(str, key), **kwargs)

    @property
    def name(self) -> str:
        """Where the documents are."""
        return f"sqlite://{self.path}/{self.table}"

    @property
    def _collection(self) -> None:
        raise NotImplementedError("an SQLiteStore has no pymongo collection; use query()")

    def connect(self, force_reset: bool = False) -> None:
        """Open the file, and create the table where there is none."""
        if force_reset:
            self.close()
        _ = self._connection

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None and self._local.pid == os.getpid():
            connection.close()
        self._local.connection = None

    @property
    def _connection(self) -> sqlite3.Connection:
        # One connection per thread and process: SQLite's must not cross a fork.
        if getattr(self._local, "connection", None) is None or self._local.pid != os.getpid():
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
            _enter_wal_mode(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            table = self.table
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, key TEXT, "
                'uuid TEXT, "index" INTEGER, name TEXT, doc TEXT NOT NULL)'
            )
            for column in ("key", "uuid", "name"):
                connection.execute(
                    f"CREATE INDEX IF NOT EXISTS {table}_{column} ON {table}({column})"
                )
            self._local.connection, self._local.pid = connection, os.getpid()
        return self._local.connection  # type: ignore[no-any-return]

    def update(self, docs: list[dict[str, Any]] | dict[str, Any], key: Any = None) -> None:
        """Insert or replace documents in one transaction.

        Parameters
        ----------
        docs
            One document or several.
        key
            Field or fields that identify a document; the store's own key where None.
        """
        fields = key or self.key
        fields = fields if isinstance(fields, list) else [fields]
        # As MongoStore does, so that both hold the same documents.
        plain_docs = [
            jsanitize(doc, allow_bson=True, recursive_msonable=True)
            for doc in (docs if isinstance(docs, list) else [docs])
        ]
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for plain in plain_docs:
                self._replace(plain, {field: plain[field] for field in fields})
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _replace(self, doc: dict[str, Any], identity: dict[str, Any]) -> None:
        """Write a document over the first that matches ``identity``, or as a new one."""
        doc.pop("_id", None)
        values = [self._column_value(doc, column) for column in COLUMNS]
        old = next(self._matching(identity).query(identity, ["_id"], limit=1), None)
        # A row id of None lets SQLite choose the next one.
        names = ", ".join(f'"{column}"' for column in COLUMNS)
        self._connection.execute(
            f"INSERT OR REPLACE INTO {self.table}(id, {names}, doc) VALUES (?, ?, ?, ?, ?, ?)",
            (old["_id"] if old else None, *values, json_util.dumps(doc)),
        )

    def _column_value(self, doc: dict[str, Any], column: str) -> str | int | None:
        value = doc.get(self._key_field if column == "key" else column)
        return value if isinstance(value, (str, int)) else None

    @property
    def _key_field(self) -> str:
        """The field behind the column ``key``; empty where the store's key is several fields."""
        return self.key if isinstance(self.key, str) else ""

    def _rows(self, criteria: dict[str, Any] | None) -> Iterator[tuple[int, str]]:
        """Rows that pass the criteria SQL can check; the rest of the criteria is the caller's."""
        clauses, values = [], []
        for field, condition in (criteria or {}).items():
            if field not in (*INDEXED_FIELDS, self._key_field):
                continue
            column = field if field in INDEXED_FIELDS else "key"
            wanted = (
                condition["$in"]
                if isinstance(condition, dict) and set(condition) == {"$in"}
                else [condition]
            )
            if all(isinstance(value, (str, int)) for value in wanted):
                # A column is null where the value is of a kind that only MongoDB compares.
                in_list = "(SELECT value FROM json_each(?))"
                clauses.append(f'("{column}" IN {in_list} OR "{column}" IS NULL)')
                values.append(json_util.dumps(list(wanted)))
        where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        return self._connection.execute(
            f"SELECT id, doc FROM {self.table}{where} ORDER BY id", values
        )

    def _matching(self, criteria: dict[str, Any] | None) -> MemoryStore:
        memory = MemoryStore(key=self.key)
        memory.connect()
        docs = [json_util.loads(doc) | {"_id": row} for row, doc in self._rows(criteria)]
        if docs:
            memory._collection.insert_many(docs)
        return memory

    def query(
        self,
        criteria: dict[str, Any] | None = None,
        properties: dict[str, Any] | list[str] | None = None,
        sort: dict[str, Sort | int] | None = None,
        skip: int = 0,
        limit: int = 0,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yield the documents that match MongoDB criteria."""
        yield from self._matching(criteria).query(
            criteria, properties, sort, skip=skip, limit=limit
        )

    def count(self, criteria: dict[str, Any] | None = None, **kwargs: Any) -> int:
        """Count the documents that match."""
        if not criteria:
            row = self._connection.execute(f"SELECT COUNT(*) FROM {self.table}").fetchone()
            return int(row[0])
        return int(self._matching(criteria).count(criteria))

    def distinct(
        self, field: str, criteria: dict[str, Any] | None = None, all_exist: bool = False
    ) -> list[Any]:
        """Return the distinct values of a field."""
        return list(self._matching(criteria).distinct(field, criteria, all_exist))

    def groupby(self, keys: list[str] | str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Group documents by fields, as MemoryStore does."""
        criteria = args[0] if args else kwargs.get("criteria")
        yield from self._matching(criteria).groupby(keys, *args, **kwargs)

    def ensure_index(self, key: str, unique: bool = False) -> bool:
        """Whether the field has an index: the columns have, others are not indexed."""
        return key in (*INDEXED_FIELDS, self._key_field)

    def remove_docs(self, criteria: dict[str, Any]) -> None:
        """Remove the documents that match."""
        ids = [doc["_id"] for doc in self._matching(criteria).query(criteria, ["_id"])]
        self._connection.execute(
            f"DELETE FROM {self.table} WHERE id IN (SELECT value FROM json_each(?))",
            [json_util.dumps(ids)],
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SQLiteStore) and self.path == other.path and self.table == other.table
        )

    def __hash__(self) -> int:
        return hash((self.path, self.table))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _local=threading.local())
