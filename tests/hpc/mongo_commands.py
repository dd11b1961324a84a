"""The commands of a MongoDB server, answered by mongomock; one lock makes each of them atomic."""

from __future__ import annotations

import itertools
import threading
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import bson
import mongomock_ng as mongomock
from bson.int64 import Int64
from pymongo.errors import OperationFailure

Document = dict[str, Any]

MAX_DOCUMENT, MAX_MESSAGE, MAX_BATCH = 16_777_216, 48_000_000, 100_000
MAX_BATCH_BYTES = 15_000_000
FIRST_BATCH = 101  # documents, as of MongoDB
NO_NAMESPACE, NAMESPACE_EXISTS, CURSOR_NOT_FOUND, NO_COMMAND, NOT_IMPLEMENTED = 26, 48, 43, 59, 238
UNKNOWN_ERROR = 8


class Database:
    """Answers commands; a method ``do_x`` is the command x (names in lower case)."""

    def __init__(self) -> None:
        self._client: Any = mongomock.MongoClient()
        self._lock = threading.Lock()
        self._cursors: dict[int, tuple[str, list[Document]]] = {}
        self._cursor_ids = itertools.count(1000)

    def answer(self, command: Document) -> Document:
        """Run one command; an error is an answer too."""
        name = next(iter(command))
        method = getattr(self, f"do_{name.lower()}", None)
        try:
            if method is None:
                raise OperationFailure(f"no such command: '{name}'", NO_COMMAND)
            with self._lock:
                found: Document = method(command.get("$db", "admin"), command, command[name])
            return {**found, "ok": 1.0}
        except NotImplementedError as error:
            return _failure(NOT_IMPLEMENTED, error)
        except OperationFailure as error:  # a duplicate key too
            return _failure(error.code or UNKNOWN_ERROR, error)
        except Exception as error:  # the server goes on, as a real one would
            traceback.print_exc()
            return _failure(UNKNOWN_ERROR, error)

    # Handshake and administration

    def do_hello(self, db: str, command: Document, value: Any) -> Document:
        return {
            "helloOk": True,
            "isWritablePrimary": True,
            "ismaster": True,
            "maxBsonObjectSize": MAX_DOCUMENT,
            "maxMessageSizeBytes": MAX_MESSAGE,
            "maxWriteBatchSize": MAX_BATCH,
            "localTime": datetime.now(UTC),
            "logicalSessionTimeoutMinutes": 30,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
        }

    do_ismaster = do_hello

    def do_buildinfo(self, db: str, command: Document, value: Any) -> Document:
        return {"version": "7.0.0", "versionArray": [7, 0, 0, 0], "maxBsonObjectSize": MAX_DOCUMENT}

    def do_ping(self, db: str, command: Document, value: Any) -> Document:
        return {}

    do_endsessions = do_ping

    def do_listdatabases(self, db: str, command: Document, value: Any) -> Document:
        names = self._client.list_database_names()
        listed = [{"name": name, "sizeOnDisk": Int64(1), "empty": False} for name in names]
        return {"databases": listed, "totalSize": Int64(len(listed))}

    def do_dropdatabase(self, db: str, command: Document, value: Any) -> Document:
        self._client.drop_database(db)
        return {"dropped": db}

    def do_listcollections(self, db: str, command: Document, value: Any) -> Document:
        wanted = (command.get("filter") or {}).get("name")
        names = self._client[db].list_collection_names()
        if isinstance(wanted, str):
            names = [name for name in names if name == wanted]
        listed = [{"name": name, "type": "collection", "options": {}, "info": {}} for name in names]
        return self._cursor(f"{db}.$cmd.listCollections", listed, None)

    def do_create(self, db: str, command: Document, value: Any) -> Document:
        if value in self._client[db].list_collection_names():
            raise OperationFailure(f"{db}.{value} exists", NAMESPACE_EXISTS)
        self._client[db].create_collection(value)
        return {}

    def do_drop(self, db: str, command: Document, value: Any) -> Document:
        self._client[db].drop_collection(value)
        return {}

    def do_renamecollection(self, db: str, command: Document, value: Any) -> Document:
        (database, old), (_, new) = (name.split(".", 1) for name in (value, command["to"]))
        self._client[database][old].rename(new, dropTarget=bool(command.get("dropTarget")))
        return {}

    # Indexes

    def do_createindexes(self, db: str, command: Document, value: Any) -> Document:
        collection = self._client[db][value]
        for index in command["indexes"]:
            options = {name: index[name] for name in ("unique", "sparse", "name") if name in index}
            collection.create_index(list(index["key"].items()), **options)
        return {"createdCollectionAutomatically": False}

    def do_listindexes(self, db: str, command: Document, value: Any) -> Document:
        if value not in self._client[db].list_collection_names():
            raise OperationFailure(f"ns does not exist: {db}.{value}", NO_NAMESPACE)
        indexes = {"_id_": {"key": [("_id", 1)]}} | self._client[db][value].index_information()
        listed = [
            {"v": 2, "name": name, **index, "key": dict(index["key"])}
            for name, index in indexes.items()
        ]
        return self._cursor(f"{db}.{value}", listed, None)

    def do_dropindexes(self, db: str, command: Document, value: Any) -> Document:
        index, collection = command["index"], self._client[db][value]
        if index == "*":
            collection.drop_indexes()
        else:
            collection.drop_index(index if isinstance(index, str) else list(index.items()))
        return {}

    # Reading

    def do_find(self, db: str, command: Document, value: Any) -> Document:
        limit = command.get("limit") or 0
        found = self._client[db][value].find(
            command.get("filter"),
            command.get("projection"),
            skip=command.get("skip") or 0,
            limit=abs(limit),
            sort=_sort(command),
        )
        single = command.get("singleBatch") or limit < 0
        size = None if single else command.get("batchSize", FIRST_BATCH)
        return self._cursor(f"{db}.{value}", found, size)

    def do_aggregate(self, db: str, command: Document, value: Any) -> Document:
        if not isinstance(value, str):  # of the whole database
            raise NotImplementedError("aggregate without a collection")
        found = self._client[db][value].aggregate(command["pipeline"])
        size = (command.get("cursor") or {}).get("batchSize", FIRST_BATCH)
        return self._cursor(f"{db}.{value}", found, size)

    def do_count(self, db: str, command: Document, value: Any) -> Document:
        options = {name: command[name] for name in ("skip", "limit") if command.get(name)}
        return {"n": self._client[db][value].count_documents(command.get("query") or {}, **options)}

    def do_distinct(self, db: str, command: Document, value: Any) -> Document:
        found = self._client[db][value].distinct(command["key"], command.get("query") or {})
        return {"values": found}

    def _cursor(self, namespace: str, found: Iterable[Document], size: int | None) -> Document:
        """First batch of at most `size` documents; None gives all."""
        first, rest = _split(list(found), size)
        number = self._keep(namespace, rest, next(self._cursor_ids))
        return {"cursor": {"id": Int64(number), "ns": namespace, "firstBatch": first}}

    def _keep(self, namespace: str, rest: list[Document], number: int) -> int:
        if not rest:
            return 0
        self._cursors[number] = (namespace, rest)
        return number

    def do_getmore(self, db: str, command: Document, value: Any) -> Document:
        if value not in self._cursors:
            raise OperationFailure(f"cursor id {value} not found", CURSOR_NOT_FOUND)
        namespace, documents = self._cursors.pop(value)
        batch, rest = _split(documents, command.get("batchSize") or len(documents))
        number = self._keep(namespace, rest, value)
        return {"cursor": {"id": Int64(number), "ns": namespace, "nextBatch": batch}}

    def do_killcursors(self, db: str, command: Document, value: Any) -> Document:
        for number in command["cursors"]:
            self._cursors.pop(number, None)
        return {"cursorsKilled": command["cursors"]}

    # Writing

    def do_insert(self, db: str, command: Document, value: Any) -> Document:
        return _each(command, "documents", lambda new: _inserted(self._client[db][value], new))

    def do_update(self, db: str, command: Document, value: Any) -> Document:
        return _each(command, "updates", lambda update: _updated(self._client[db][value], update))

    def do_delete(self, db: str, command: Document, value: Any) -> Document:
        return _each(command, "deletes", lambda delete: _deleted(self._client[db][value], delete))

    def do_findandmodify(self, db: str, command: Document, value: Any) -> Document:
        collection = self._client[db][value]
        query, update = command.get("query") or {}, command.get("update")
        options: Document = {"projection": command.get("fields"), "sort": _sort(command)}
        if command.get("remove"):
            found = collection.find_one_and_delete(query, **options)
            return {"value": found, "lastErrorObject": {"n": int(found is not None)}}
        before = collection.count_documents(query) > 0
        options |= {
            "upsert": bool(command.get("upsert")),
            "return_document": bool(command.get("new")),
        }
        if _is_replacement(update):
            found = collection.find_one_and_replace(query, update, **options)
        else:
            if command.get("arrayFilters"):
                options["array_filters"] = command["arrayFilters"]
            found = collection.find_one_and_update(query, update, **options)
        written = {"n": int(before or options["upsert"]), "updatedExisting": before}
        return {"value": found, "lastErrorObject": written}


def _failure(code: int, error: Exception) -> Document:
    return {"ok": 0.0, "code": code, "errmsg": f"{type(error).__name__}: {error}"}


def _sort(command: Document) -> list[tuple[str, int]] | None:
    return list(command["sort"].items()) if command.get("sort") else None


def _split(documents: list[Document], size: int | None) -> tuple[list[Document], list[Document]]:
    """As many documents as go into one answer, and the rest."""
    room = MAX_BATCH_BYTES
    for number, document in enumerate(documents):
        room -= len(bson.encode(document))
        if number == size or (number > 0 and room < 0):
            return documents[:number], documents[number:]
    return documents, []


def _each(command: Document, name: str, write: Callable[[Any], Document]) -> Document:
    """Write one after the other, until the first error where the command is ordered."""
    total: Document = {"n": 0}
    for index, item in enumerate(command[name]):
        try:
            done = write(item)
        except OperationFailure as error:
            failed = {"index": index, "code": error.code or UNKNOWN_ERROR, "errmsg": str(error)}
            total.setdefault("writeErrors", []).append(failed)
            if command.get("ordered", True):
                break
            continue
        upserted = done.pop("upserted", None)
        if upserted is not None:
            total.setdefault("upserted", []).append({"index": index, "_id": upserted})
        for count, number in done.items():
            total[count] = total.get(count, 0) + number
    return total


def _inserted(collection: Any, document: Document) -> Document:
    collection.insert_one(document)
    return {"n": 1}


def _deleted(collection: Any, delete: Document) -> Document:
    remove = collection.delete_one if delete.get("limit") == 1 else collection.delete_many
    return {"n": remove(delete["q"]).deleted_count}


def _updated(collection: Any, update: Document) -> Document:
    query, change, upsert = update["q"], update["u"], bool(update.get("upsert"))
    if _is_replacement(change):
        done = collection.replace_one(query, change, upsert=upsert)
    else:
        method = collection.update_many if update.get("multi") else collection.update_one
        done = method(query, change, upsert=upsert, array_filters=update.get("arrayFilters"))
    if done.upserted_id is not None:
        return {"n": 1, "nModified": 0, "upserted": done.upserted_id}
    return {"n": done.matched_count, "nModified": done.modified_count}


def _is_replacement(update: Any) -> bool:
    """Whether it is a whole document: neither a pipeline nor operators such as ``$set``."""
    return isinstance(update, dict) and not any(name.startswith("$") for name in update)
