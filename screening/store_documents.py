"""Documents of the results store as text, and the values that SQL may compare.

A document is JSON. What JSON lacks (dates, ObjectIds, NaN, bytes) is MongoDB's extended JSON:
an object whose only key begins with ``$``. A document's own keys of that kind get one ``$``
more, so that every document comes back as it was.

For SQL a field has one value: text, a number, NULL where the document has no such field, or
one of the tags below, which sort behind text and numbers.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeAlias

from bson import json_util

Value: TypeAlias = str | int | float | bytes | None

TRUE, FALSE, NULL = b"t", b"f", b"n"
CONTAINER = b"["  # a list, an object or anything else that only MongoDB's rules compare
THROUGH_LIST = b"?"  # the path leads through a list: any number of values
DEAD_END = b"d"  # the path leads through a value that has no fields
# What SQL leaves to MongoDB's own rules.
UNDECIDED = (CONTAINER, THROUGH_LIST)

MAX_INTEGER = 2**63 - 1
_PLAIN = (str, int, float, bool)
# Of keys that extended JSON could mistake, and of strings that SQLite cuts short or cannot hold.
_SUSPICIOUS = ('"$', "\\u0000", "\\ud")


def dumps(doc: dict[str, Any]) -> str:
    """Return the text of a document of JSON and BSON types."""
    try:
        text = json.dumps(doc, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        text = ""  # holds what plain JSON does not
    if not text or any(mark in text for mark in _SUSPICIOUS):
        text = json_util.dumps(_escaped(doc), separators=(",", ":"))
    return text


def loads(text: str) -> dict[str, Any]:
    """Return the document of a text that :func:`dumps` wrote."""
    doc: dict[str, Any] = json.loads(text, object_hook=_restored if '"$' in text else None)
    return doc


def is_odd(text: str) -> bool:
    """Whether SQLite cannot hold a string: it has a zero byte or a lone surrogate."""
    if text.isascii():
        return "\0" in text
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            f"${key}" if key.startswith("$") else key: _escaped(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    # Read back as a plain string; SQL sees a container.
    return {"$symbol": value} if isinstance(value, str) and is_odd(value) else value


def _restored(value: dict[str, Any]) -> Any:
    if any(key.startswith("$$") for key in value):
        return {key[1:] if key.startswith("$$") else key: item for key, item in value.items()}
    return json_util.object_hook(value)


def column_value(doc: dict[str, Any], field: str) -> Value:
    """Return what SQL compares of a field.

    Parameters
    ----------
    doc
        Document of JSON and BSON types.
    field
        Name, with dots between the names of nested documents.
    """
    value: Any = doc
    for name in field.split("."):
        if isinstance(value, list):
            return THROUGH_LIST
        if not isinstance(value, dict):
            return DEAD_END
        if name not in value:
            return None
        value = value[name]
    return _compared(value)


def _compared(value: Any) -> Value:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, str):
        return CONTAINER if is_odd(value) else value
    if isinstance(value, int):
        return int(value) if -MAX_INTEGER <= value <= MAX_INTEGER else CONTAINER
    if isinstance(value, float):
        return float(value) if isfinite(value) else CONTAINER
    return CONTAINER


def field_value(value: Value) -> Any:
    """Return the value of a field that stands behind a column's, tags of two meanings excepted."""
    tags = {TRUE: True, FALSE: False, NULL: None}
    return tags[value] if isinstance(value, bytes) else value


def is_comparable(value: Any) -> bool:
    """Whether SQL compares a number or string of a criterion as MongoDB does."""
    if type(value) not in _PLAIN:
        return False
    if isinstance(value, str):
        return not is_odd(value)
    return isinstance(value, float) or -MAX_INTEGER <= value <= MAX_INTEGER
