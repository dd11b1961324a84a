"""Tables of the results store: a column for each field that is asked for often, and the document.

The columns hold what SQL compares (:func:`~misei.screening.store_documents.column_value`) and
are written with the document, so that neither a query nor an index has to read it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from bson import json_util

from misei.screening.store_criteria import json_term
from misei.screening.store_documents import column_value, dumps
from misei.screening.store_file import StoreError

# Fields of jobflow's documents, of the records of jobs and of large objects.
FIELDS = (
    "uuid", "index", "name", "state", "completed_at", "ended_at", "output.@class", "output.alloy",
    "output.engine", "job_uuid",
)  # fmt: skip
INDEXES = (
    ("name",), ("state",), ("completed_at",), ("ended_at",), ("output.@class", "output.alloy"),
    ("job_uuid",),
)  # fmt: skip
# Layout of version 0, and what identified the documents of its tables.
OLD_COLUMNS = ["id", "key", "uuid", "index", "name", "doc"]
OLD_KEYS = {"data": ["blob_uuid"]}
JOB_KEY = ["uuid", "index"]


def quoted(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the fields that have a column; none where there is no such table."""
    rows = connection.execute(f"PRAGMA table_info({table})")
    return [name for _, name, *_ in rows if name not in ("id", "doc")]


def key_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the fields that identify a document of a table."""
    return [row[2] for row in connection.execute(f"PRAGMA index_info({quoted(f'{table} key')})")]


def create_table(connection: sqlite3.Connection, table: str, key: Sequence[str]) -> None:
    """Create a table with its indexes; ``key`` is unique among documents that have it."""
    fields = list(dict.fromkeys([*key, *FIELDS]))
    names = ", ".join(quoted(field) for field in fields)
    # No types, so that SQLite converts nothing.
    connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {names}, doc TEXT NOT NULL)")
    connection.execute(
        f"CREATE UNIQUE INDEX {quoted(f'{table} key')} ON {table} "
        f"({', '.join(map(quoted, key))}) WHERE {identified(key)}"
    )
    for indexed in dict.fromkeys([(key[0],), ("uuid",), *INDEXES]):
        create_index(connection, table, indexed)


def identified(key: Sequence[str]) -> str:
    """Condition under which a key is unique: text and numbers, which sort before the tags."""
    return " AND ".join(f"{quoted(field)} < x''" for field in key)


def create_index(
    connection: sqlite3.Connection, table: str, fields: Sequence[str], unique: bool = False
) -> None:
    """Create an index of columns, where it is not there yet."""
    name = quoted(f"{table} {' '.join(fields)}{' unique' * unique}")
    # Documents without the field need no entry. Only text and numbers can be unique.
    condition = identified(fields) if unique else f"{quoted(fields[0])} IS NOT NULL"
    connection.execute(
        f"CREATE {'UNIQUE ' * unique}INDEX IF NOT EXISTS {name} ON {table} "
        f"({', '.join(map(quoted, fields))}) WHERE {condition}"
    )


def create_path_index(
    connection: sqlite3.Connection, table: str, field: str, unique: bool = False
) -> bool:
    """Create an index of a field without a column; False where SQLite knows no such path."""
    term = json_term(field)
    if term is None:
        return False
    condition = f" WHERE {term.sql} < x''" if unique else ""
    connection.execute(
        f"CREATE {'UNIQUE ' * unique}INDEX IF NOT EXISTS "
        f"{quoted(f'{table} {field} path' + ' unique' * unique)} ON {table} ({term.sql}){condition}"
    )
    return True


def row_values(doc: dict[str, Any], columns: Sequence[str]) -> list[Any]:
    """Return the values of a row but its id: the columns and the text."""
    return [*(column_value(doc, column) for column in columns), dumps(doc)]


def adopt_tables(connection: sqlite3.Connection, path: str) -> None:
    """Bring the tables of a file without marks up to date, in the transaction of the caller.

    Raises
    ------
    StoreError
        When they are not those of a results store, or hold one identity twice.
    """
    for table in _tables(connection):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]
        if columns == OLD_COLUMNS:
            _migrate(connection, path, table)
        # Tables of this layout come from `sqlite3 .recover`, which leaves out the marks.
        elif columns[:1] + columns[-1:] != ["id", "doc"] or not set(FIELDS) <= set(columns):
            raise StoreError(f"{path} is not a results store of misei, but another SQLite database")


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [name for (name,) in rows if not name.startswith(("sqlite_", "lost_and_found"))]


def _migrate(connection: sqlite3.Connection, path: str, table: str) -> None:
    key = OLD_KEYS.get(table, JOB_KEY)
    for (index,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
    ).fetchall():
        connection.execute(f"DROP INDEX {quoted(index)}")
    connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    create_table(connection, table, key)
    columns = columns_of(connection, table)
    marks = ", ".join("?" * (len(columns) + 2))
    try:
        connection.executemany(
            f"INSERT INTO {table} VALUES ({marks})", _old_rows(connection, table, columns)
        )
    except sqlite3.IntegrityError as error:
        raise StoreError(
            f"{path} is of an older version and holds two documents of one {' and '.join(key)}: "
            "remove one of them with the misei that wrote it, or name another file"
        ) from error
    connection.execute(f"DROP TABLE old_{table}")


def _old_rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str]
) -> Iterator[list[Any]]:
    for row, text in connection.execute(f"SELECT id, doc FROM old_{table} ORDER BY id"):
        yield [row, *row_values(json_util.loads(text), columns)]
