"""A maggma Store in one SQLite file: the results database on a laptop or a head node.

Each document is one row: its text, and columns for the fields that documents are found by.
Criteria are answered by SQL as far as SQL can tell; of rows that it cannot tell of, MongoDB's
rules decide, as mongomock has them. A document is written in one statement, so that a killed
process leaves every finished write and nothing else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from maggma.core import Sort, Store
from monty.json import jsanitize

from misei.screening.store_file import (
    Connection,
    StoreError,
    check_integrity,
    clear_errors,
    is_writable,
    open_file,
    transaction,
)
from misei.screening.store_queries import Document, Table, batched, in_memory
from misei.screening.store_tables import (
    adopt_tables,
    columns_of,
    create_index,
    create_path_index,
    create_table,
    identified,
    key_of,
    quoted,
    row_values,
)

# Connections that a fork brought along: to close them would disturb the parent's.
_inherited: list[Connection] = []


class _Opened(NamedTuple):
    """The table of a store, for one process."""

    process: int
    table: Table


class SQLiteStore(Store):
    """A Store on one SQLite file in write-ahead mode; safe for several processes of one host.

    Errors of the file are raised as :class:`~misei.screening.store_file.StoreError`.

    Parameters
    ----------
    path
        The database file. Not on a network file system: its log needs shared memory.
    table
        Table of the documents; several stores may share a file.
    key
        Fields that identify a document when ``update`` names none.
    unique
        Fields that no two documents may share; ``key`` by default. A table keeps those that
        it was made with.
    """

    def __init__(
        self,
        path: str | Path,
        table: str = "docs",
        key: str | list[str] = "uuid",
        unique: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if not table.isidentifier():
            raise ValueError(f"table {table!r} is not a name of letters, digits and underscores")
        self.path = str(Path(path).resolve())
        self.table = table
        # jobflow replaces the key of its stores: what is unique is kept apart.
        self.unique = unique or ([key] if isinstance(key, str) else list(key))
        self.kwargs = kwargs
        self._local = threading.local()
        super().__init__(key=cast(str, key), **kwargs)

    @property
    def name(self) -> str:
        """Where the documents are."""
        return f"sqlite://{self.path}/{self.table}"

    @property
    def _collection(self) -> None:
        raise AttributeError("an SQLiteStore has no pymongo collection; use query()")

    def connect(self, force_reset: bool = False) -> None:
        """Open the file, and create the table where there is none."""
        if force_reset:
            self.close()
        _ = self._table

    def close(self) -> None:
        """Close this thread's connection."""
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is not None:
            if opened.process == os.getpid():
                opened.table.connection.close()
            else:
                _inherited.append(opened.table.connection)
        self._local.opened = None

    @property
    def _table(self) -> Table:
        # One connection per thread and process: SQLite's must not cross a fork.
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.process != os.getpid():
            self.close()
            opened = _Opened(os.getpid(), self._open())
            self._local.opened = opened
        return opened.table

    def _open(self) -> Table:
        connection = open_file(self.path, lambda new: adopt_tables(new, self.path))
        with clear_errors(self.path):
            if not columns_of(connection, self.table):
                self._create(connection)
            columns, key = columns_of(connection, self.table), key_of(connection, self.table)
        return Table(connection, self.path, self.table, columns, key)

    def _create(self, connection: Connection) -> None:
        if not is_writable(self.path):
            # An empty one of this connection's own.
            connection.execute(f"CREATE TEMP TABLE {self.table} (id INTEGER PRIMARY KEY, doc TEXT)")
            return
        with transaction(connection):
            if not columns_of(connection, self.table):  # another process was faster
                create_table(connection, self.table, self.unique)

    def update(self, docs: list[Document] | Document, key: Any = None) -> None:
        """Insert or replace documents in one transaction.

        Parameters
        ----------
        docs
            One document or several.
        key
            Field or fields that identify a document; the store's own key where None.

        Raises
        ------
        StoreError
            When nothing can be written (disk full, file read-only), or another document of the
            store has the same unique fields. Nothing is written then.
        """
        key = key or self.key
        fields = key if isinstance(key, list) else [key]
        # As MongoStore does, so that both hold the same documents.
        plain_docs = [
            jsanitize(doc, allow_bson=True, recursive_msonable=True)
            for doc in (docs if isinstance(docs, list) else [docs])
        ]
        valid = [doc for doc in plain_docs if self._is_valid(doc)]
        with clear_errors(self.path), transaction(self._table.connection):
            for doc in valid:
                self._write(doc, {field: doc[field] for field in fields})

    def _is_valid(self, doc: Document) -> bool:
        if self.validator is None or self.validator.is_valid(doc):
            return True
        errors = self.validator.validation_errors(doc)
        if getattr(self.validator, "strict", False):
            raise ValueError(errors)
        self.logger.error(errors)
        return False

    def _write(self, doc: Document, identity: Document) -> None:
        """Write a document over the first that has its identity, or as a new one."""
        doc.pop("_id", None)
        table = self._table
        values = row_values(doc, table.columns)
        names = [quoted(column) for column in (*table.columns, "doc")]
        marks = ", ".join("?" * len(names))
        insert = f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({marks})"
        if set(identity) == set(table.key) and _is_identified(values, table):
            target = f"({', '.join(map(quoted, table.key))}) WHERE {identified(table.key)}"
            changes = ", ".join(f"{name} = excluded.{name}" for name in names)
            sql = f"{insert} ON CONFLICT {target} DO UPDATE SET {changes}"
            table.connection.execute(sql, values)
            return
        old = next(table.matching(identity, limit=1), None)
        if old is None:
            table.connection.execute(insert, values)
        else:
            changes = ", ".join(f"{name} = ?" for name in names)
            sql = f"UPDATE {self.table} SET {changes} WHERE id = ?"
            table.connection.execute(sql, [*values, old["_id"]])

    def query(
        self,
        criteria: dict[str, Any] | None = None,
        properties: dict[str, Any] | list[str] | None = None,
        sort: dict[str, Sort | int] | None = None,
        skip: int = 0,
        limit: int = 0,
        **kwargs: Any,
    ) -> Iterator[Document]:
        """Yield the documents that match MongoDB criteria.

        Parameters
        ----------
        criteria, properties, sort, skip, limit
            As of maggma's MongoStore. ``_id`` is the number of the row.
        """
        fields = _included(properties)
        if fields and not (sort or skip or limit):
            parts = self._table.parts(criteria, fields)
            if parts is not None:
                yield from parts
                return
        docs = self._table.matching(criteria, sort, skip, limit)
        if not properties:
            yield from docs
        elif fields:
            kept = {*fields, "_id"}
            yield from ({k: v for k, v in doc.items() if k in kept} for doc in docs)
        else:
            for batch in batched(docs):
                yield from in_memory(batch).query(criteria, properties)

    def count(self, criteria: dict[str, Any] | None = None, **kwargs: Any) -> int:
        """Count the documents that match."""
        return self._table.count(criteria)

    def distinct(
        self, field: str, criteria: dict[str, Any] | None = None, all_exist: bool = False
    ) -> list[Any]:
        """Return the distinct values of a field."""
        return self._table.distinct(field, criteria)

    def groupby(self, keys: list[str] | str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Group documents by fields, as MemoryStore does."""
        criteria = args[0] if args else kwargs.get("criteria")
        yield from in_memory(self._table.matching(criteria)).groupby(keys, *args, **kwargs)

    def ensure_index(self, key: str | list[str], unique: bool = False) -> bool:
        """Create an index of a field, and say whether there is one.

        The fields that jobs are found by have one from the beginning. One of another field
        costs each write the time in which SQLite reads the document's text.
        """
        fields = key if isinstance(key, list) else [key]
        return not [field for field in fields if not self._index(field, unique)]

    def _index(self, field: str, unique: bool) -> bool:
        if field == "_id":
            return True
        table = self._table
        try:
            with clear_errors(self.path), transaction(table.connection):
                if field not in table.columns:
                    return create_path_index(table.connection, self.table, field, unique)
                create_index(table.connection, self.table, [field], unique)
                return True
        except StoreError:
            return False  # as MongoStore answers, where values are not unique for instance

    def remove_docs(self, criteria: dict[str, Any]) -> None:
        """Remove the documents that match."""
        with clear_errors(self.path), transaction(self._table.connection):
            self._table.remove(criteria)

    def check_integrity(self) -> list[str]:
        """Read the whole file and return what is wrong with it: nothing, if all is well."""
        return check_integrity(self.path)

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


def _is_identified(values: Sequence[Any], table: Table) -> bool:
    """Whether the index of the key holds a row: all its values are text or numbers."""
    found = [values[table.columns.index(field)] for field in table.key]
    return all(isinstance(value, (str, int, float)) for value in found)


def _included(properties: dict[str, Any] | list[str] | None) -> list[str]:
    """Whole fields that a projection asks for; none where it asks for anything else."""
    wanted = properties if isinstance(properties, dict) else dict.fromkeys(properties or [], 1)
    fields = [field for field in wanted if field != "_id"]
    plain = all(value is True or value == 1 for value in wanted.values())
    return fields if plain and not any("." in f or f.startswith("$") for f in fields) else []
