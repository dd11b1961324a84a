"""MongoDB criteria as SQL, as far as SQL can tell.

Every part of the criteria becomes two conditions: one that only rows that match meet, and one
that all rows that match meet. What lies between, a list or a date for instance, is left to
MongoDB's own rules, row by row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite, isnan
from typing import Any, NamedTuple

from bson import ObjectId, Regex

from misei.screening.store_documents import (
    CONTAINER,
    DEAD_END,
    FALSE,
    NULL,
    THROUGH_LIST,
    TRUE,
    is_comparable,
)

MAX_PARAMETERS = 30_000  # of one statement; SQLite allows 32,766
# SQLite rounds the numbers that it reads from text in the last digits.
ROUNDING = 1e-12
_CONTAINERS = (dict, list, tuple, datetime, ObjectId, bytes)
_PATTERNS = (re.Pattern, Regex)
_NAME = re.compile(r"[A-Za-z0-9_@ +-][A-Za-z0-9_@$ +-]*")


class Sql(NamedTuple):
    """A condition and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


class Verdict(NamedTuple):
    """What SQL can tell: rows that surely match, and all that perhaps do."""

    surely: Sql
    perhaps: Sql


class Term(NamedTuple):
    """What stands for a field in SQL, and whether its numbers are exact."""

    sql: str
    exact: bool = True


TRUTH, FALSEHOOD = Sql("1"), Sql("0")
ALWAYS, NEVER = Verdict(TRUTH, TRUTH), Verdict(FALSEHOOD, FALSEHOOD)
UNKNOWN = Verdict(FALSEHOOD, TRUTH)


def literal(tag: bytes) -> str:
    """Return a tag as SQL writes it."""
    return f"x'{tag.hex()}'"


_UNDECIDED = f"{literal(CONTAINER)}, {literal(THROUGH_LIST)}"
_UNDECIDED_ROWS = f"({literal(CONTAINER)}), ({literal(THROUGH_LIST)})"


def json_term(field: str) -> Term | None:
    """Return an expression for a field of ``doc``; None where SQLite reads the path otherwise."""
    names = field.split(".")
    if not all(_NAME.fullmatch(name) for name in names):
        return None
    paths = ["$." + ".".join(f'"{n}"' for n in names[: i + 1]) for i in range(len(names))]
    found = f"json_extract(doc, '{paths[-1]}')"
    tags = {"true": TRUE, "false": FALSE, "null": NULL, "array": CONTAINER, "object": CONTAINER}
    cases = [f"WHEN '{kind}' THEN {found}" for kind in ("text", "integer", "real")]
    cases += [f"WHEN '{kind}' THEN {literal(tag)}" for kind, tag in tags.items()]
    missing = "NULL"
    for path in reversed(paths[:-1]):
        # Dates and the like are objects in the text, not in MongoDB.
        inside = (
            f"CASE WHEN substr(json_extract(doc, '{path}'), 1, 3) = '{{\"$' "
            f"THEN {literal(THROUGH_LIST)} ELSE {missing} END"
        )
        missing = (
            f"CASE ifnull(json_type(doc, '{path}'), '') WHEN '' THEN NULL WHEN 'object' "
            f"THEN {inside} WHEN 'array' THEN {literal(THROUGH_LIST)} ELSE {literal(DEAD_END)} END"
        )
    kind = f"json_type(doc, '{paths[-1]}')"
    return Term(f"(CASE {kind} {' '.join(cases)} ELSE {missing} END)", exact=False)


def compiled(criteria: Mapping[str, Any], term: Callable[[str], Term | None]) -> Verdict:
    """Return what SQL can tell of MongoDB criteria.

    Parameters
    ----------
    criteria
        As for ``pymongo``'s ``find``.
    term
        What stands for a field in SQL; None where nothing does.
    """
    verdict = _all_of([_part(field, value, term) for field, value in criteria.items()])
    values = len(verdict.surely.values) + len(verdict.perhaps.values)
    return verdict if values <= MAX_PARAMETERS else UNKNOWN


def _part(field: str, value: Any, term: Callable[[str], Term | None]) -> Verdict:
    if field in ("$and", "$or", "$nor"):
        if not (isinstance(value, (list, tuple)) and value):
            return UNKNOWN
        if not all(isinstance(item, Mapping) for item in value):
            return UNKNOWN
        parts = [_all_of([_part(f, v, term) for f, v in item.items()]) for item in value]
        if field == "$and":
            return _all_of(parts)
        return _any_of(parts) if field == "$or" else _not(_any_of(parts))
    found = None if field.startswith("$") else term(field)
    return UNKNOWN if found is None else _condition(found, value)


def _condition(term: Term, condition: Any) -> Verdict:
    if condition == {}:
        return UNKNOWN
    if not (isinstance(condition, Mapping) and any(str(k).startswith("$") for k in condition)):
        return _equal(term, condition)
    if condition == {"$exists": False}:
        return _any_of([_exists(term, False), _exactly(f"{term.sql} = {literal(DEAD_END)}")])
    if "$all" in condition:
        return UNKNOWN
    # $options belongs to $regex, and decides nothing here.
    return _all_of(
        [
            OPERATORS[name](term, value) if name in OPERATORS else UNKNOWN
            for name, value in condition.items()
            if not (name == "$options" and "$regex" in condition)
        ]
    )


def _equal(term: Term, value: Any) -> Verdict:
    if value is None:
        return _decided(term, Sql(f"({term.sql} IS NULL OR {term.sql} = {literal(NULL)})"))
    if is_comparable(value):
        text = isinstance(value, str)
        return _one_of(term, "?", (value,)) if text else _equal_number(term, value)
    if isinstance(value, _PATTERNS):
        return _matching(term, value)
    # A string or a number that SQLite cannot hold is a container to it.
    return _undecided(term) if isinstance(value, (*_CONTAINERS, str)) else UNKNOWN


def _equal_number(term: Term, value: float) -> Verdict:
    if not isfinite(value):
        return _undecided(term)
    # MemoryStore takes True for 1, as Python does.
    tag = f", {literal(TRUE if value else FALSE)}" if value in (0, 1) else ""
    if term.exact:
        return _one_of(term, f"?{tag}", (value + 0,))
    margin = _margin(term, value)
    whole = Sql(f"(typeof({term.sql}) <> 'real' AND {term.sql} IN (?{tag}))", (value + 0,))
    near = Sql(f"{term.sql} BETWEEN ? AND ?", (value - margin, value + margin))
    return _any_of([_or_undecided(term, whole, near), Verdict(whole, whole)])


def _among(term: Term, values: Any) -> Verdict:
    if not isinstance(values, (list, tuple)) or any(isinstance(v, (list, tuple)) for v in values):
        return UNKNOWN
    texts = [value for value in values if isinstance(value, str) and is_comparable(value)]
    parts = [_equal(term, v) for v in values if not (isinstance(v, str) and is_comparable(v))]
    if texts:
        rows, listed = "SELECT value FROM json_each(?)", (json.dumps(texts),)
        parts.append(_one_of(term, rows, listed, f" UNION ALL VALUES {_UNDECIDED_ROWS}"))
    return _any_of(parts) if parts else _undecided(term)


def _one_of(
    term: Term, listed: str, values: tuple[Any, ...], undecided: str | None = None
) -> Verdict:
    # One list of values, so that an index of several columns is of use.
    undecided = f", {_UNDECIDED}" if undecided is None else undecided
    surely = Sql(f"{term.sql} IN ({listed})", values)
    return Verdict(surely, Sql(f"{term.sql} IN ({listed}{undecided})", values))


def _exists(term: Term, wanted: Any) -> Verdict:
    through = f"{term.sql} = {literal(THROUGH_LIST)}"
    if not wanted:
        return _or_perhaps(Sql(f"{term.sql} IS NULL"), through)
    unlike = f"({literal(THROUGH_LIST)}, {literal(DEAD_END)})"
    return _or_perhaps(Sql(f"{term.sql} NOT IN {unlike}"), through)


def _matching(term: Term, _pattern: Any) -> Verdict:
    return _or_undecided(term, FALSEHOOD, Sql(f"({term.sql} >= '' AND {term.sql} < x'')"))


def _negated(term: Term, condition: Any) -> Verdict:
    if not isinstance(condition, (Mapping, *_PATTERNS)):
        return UNKNOWN
    alive = _exactly(f"ifnull({term.sql} <> {literal(DEAD_END)}, 1)")
    return _all_of([_not(_condition(term, condition)), alive])


def _compared(sign: str) -> Callable[[Term, Any], Verdict]:
    def compare(term: Term, value: Any) -> Verdict:
        if isinstance(value, _CONTAINERS) or (isinstance(value, float) and isnan(value)):
            return _undecided(term)
        if value is None:
            return _or_undecided(term, FALSEHOOD, Sql(f"{term.sql} = {literal(NULL)}"))
        if isinstance(value, bool):
            tags = f"({literal(TRUE)}, {literal(FALSE)})"
            return _or_undecided(term, FALSEHOOD, Sql(f"{term.sql} IN {tags}"))
        if not is_comparable(value):
            return UNKNOWN
        # Text sorts behind numbers, tags behind text; NULL compares with nothing.
        lowest, beyond = ("''", "x''") if isinstance(value, str) else ("-9e999", "''")
        bound = beyond if sign.startswith(">") else lowest
        other = f"{term.sql} {'<' if bound == beyond else '>='} {bound}"
        margin = 0 if isinstance(value, str) else _margin(term, value)
        narrow = margin if sign.startswith(">") else -margin
        surely, perhaps = (
            Sql(f"({term.sql} {sign} ? AND {other})", (value + shift if margin else value,))
            for shift in (narrow, -narrow)
        )
        return _or_undecided(term, surely, perhaps)

    return compare


def _margin(term: Term, value: float) -> float:
    return 0.0 if term.exact or not isfinite(value) else abs(value) * ROUNDING + 1e-300


OPERATORS: dict[str, Callable[[Term, Any], Verdict]] = {
    "$eq": _equal,
    "$ne": lambda term, value: _not(_equal(term, value)),
    "$in": _among,
    "$nin": lambda term, values: _not(_among(term, values)),
    "$gt": _compared(">"),
    "$gte": _compared(">="),
    "$lt": _compared("<"),
    "$lte": _compared("<="),
    "$exists": _exists,
    "$regex": _matching,
    "$not": _negated,
}


def _exactly(text: str) -> Verdict:
    return Verdict(Sql(text), Sql(text))


def _undecided(term: Term) -> Verdict:
    return Verdict(FALSEHOOD, Sql(f"{term.sql} IN ({_UNDECIDED})"))


def _or_perhaps(sure: Sql, doubt: str) -> Verdict:
    return Verdict(sure, Sql(f"({sure.text} OR {doubt})", sure.values))


def _decided(term: Term, sure: Sql) -> Verdict:
    return _or_undecided(term, sure, sure)


def _or_undecided(term: Term, surely: Sql, perhaps: Sql) -> Verdict:
    return _any_of([Verdict(surely, perhaps), _undecided(term)])


def _all_of(parts: Sequence[Verdict]) -> Verdict:
    return Verdict(*(_joined(list(sides), "AND", TRUTH, FALSEHOOD) for sides in _sides(parts)))


def _any_of(parts: Sequence[Verdict]) -> Verdict:
    return Verdict(*(_joined(list(sides), "OR", FALSEHOOD, TRUTH) for sides in _sides(parts)))


def _sides(parts: Sequence[Verdict]) -> tuple[list[Sql], list[Sql]]:
    return [part.surely for part in parts], [part.perhaps for part in parts]


def _joined(parts: list[Sql], word: str, neutral: Sql, decisive: Sql) -> Sql:
    """Join conditions as a balanced tree: SQLite limits the depth of an expression."""
    parts = [part for part in parts if part != neutral]
    if decisive in parts or not parts:
        return decisive if parts else neutral
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = (
        _joined(half, word, neutral, decisive) for half in (parts[:middle], parts[middle:])
    )
    return Sql(f"({left.text} {word} {right.text})", left.values + right.values)


def _not(verdict: Verdict) -> Verdict:
    return Verdict(_unless(verdict.perhaps), _unless(verdict.surely))


def _unless(sql: Sql) -> Sql:
    if sql in (TRUTH, FALSEHOOD):
        return FALSEHOOD if sql == TRUTH else TRUTH
    # A comparison with NULL is neither true nor false.
    return Sql(f"NOT ifnull({sql.text}, 0)", sql.values)
