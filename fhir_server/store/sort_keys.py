"""Sort keys as expressions of the database over the search entries of a document.

An ascending key that is missing stands for more than any value, a descending one for less: it is last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from bson.decimal128 import Decimal128
from bson.max_key import MaxKey

from fhir_server.model.plan import KeyValue, SortKey, SortKind
from fhir_server.model.temporal import EARLIEST
from fhir_server.store.values import amount_key, utc

Expression = Any

MAX_CHARACTERS: Final = 100
"""Characters of a text that order it; texts that begin alike are in the order of ties."""

_SPANS: Final = ("d", "m", "l")
_MISSING: Final = {"$literal": MaxKey()}


def key_expression(key: SortKey) -> Expression:
    """Return what computes the key of a document."""
    made = _KINDS[key.kind](key)
    return made if key.descending else {"$ifNull": [made, _MISSING]}


def stored_key(value: KeyValue, key: SortKey) -> Expression:
    """Return a key as the database compares it, as a literal."""
    if value is None and not key.descending:
        return _MISSING
    return {"$literal": Decimal128(value) if isinstance(value, Decimal) else value}


def read_key(stored: Any) -> KeyValue:
    """Return the key that was computed of a document, instants naive."""
    if stored is None or isinstance(stored, MaxKey):
        return None
    if isinstance(stored, Decimal128):
        return stored.to_decimal()
    if isinstance(stored, datetime):
        return utc(stored)
    return str(stored)


def _entries(field: str) -> Expression:
    return {"$ifNull": [f"$search.{field}", []]}


def _first(values: Expression, key: SortKey) -> Expression:
    """Return the earliest in the direction of the key; null of no values."""
    return {"$max" if key.descending else "$min": values}


def _begins(text: Expression, beginning: str) -> Expression:
    size = len(beginning.encode())
    return {"$eq": [{"$indexOfBytes": [text, {"$literal": beginning}, 0, size]}, 0]}


def _after(text: Expression, beginning: str) -> Expression:
    """Return the rest of a text that has this beginning."""
    return {"$substrBytes": [text, len(beginning.encode()), -1]}


def _cut(text: Expression) -> Expression:
    return {"$substrCP": [text, 0, MAX_CHARACTERS]}


def _tails(field: str, beginnings: list[str], ending: Callable[[Expression], Expression]) -> Expression:
    """Return what stands after one of the beginnings, of every entry that has it."""
    return {
        "$concatArrays": [
            {
                "$map": {
                    "input": {"$filter": {"input": _entries(field), "as": "e", "cond": _begins("$$e", each)}},
                    "as": "e",
                    "in": _cut(ending(_after("$$e", each))),
                }
            }
            for each in beginnings
        ]
    }


def _code(text: Expression) -> Expression:
    bar = {"$indexOfBytes": [text, "|"]}
    return {"$substrBytes": [text, {"$add": [bar, 1]}, -1]}


def _text(key: SortKey) -> Expression:
    return _first({"$concatArrays": [_written(name) for name in key.names]}, key)


def _written(name: str) -> Expression:
    """Return the texts of a parameter, without other spellings of them, which residual entries name."""
    beginning = f"{name}="
    found = {"$filter": {"input": _entries("string"), "as": "e", "cond": _begins("$$e", beginning)}}
    texts = {"$map": {"input": found, "as": "e", "in": _after("$$e", beginning)}}
    marked = {"$concat": [{"$literal": f"{name}:spelling="}, "$$t"]}
    written = {"$not": [{"$in": [marked, _entries("residual")]}]}
    chosen = {"$filter": {"input": texts, "as": "t", "cond": written}}
    return {"$map": {"input": chosen, "as": "t", "in": _cut("$$t")}}


def _coded(key: SortKey) -> Expression:
    codes = _tails(_field(key), [f"{name}=" for name in key.names], _code)
    # An identifier can have a system and no value.
    told = {"$filter": {"input": codes, "as": "c", "cond": {"$ne": ["$$c", ""]}}}
    return _first(told, key)


def _named(key: SortKey) -> Expression:
    within = f"{key.target}/" if key.target else ""

    def whole(rest: Expression) -> Expression:
        # With its type also where there is but one: the same reference of two types has to compare.
        return {"$concat": [{"$literal": within}, rest]} if within else rest

    spelled = _tails(_field(key), [f"{name}={within}" for name in key.names], whole)
    if key.owner == "never" or key.target not in ("", "Patient"):
        return _first(spelled, key)
    named = {"$cond": [_names_owner(key), [_cut({"$concat": ["Patient/", "$owner"]})], []]}
    return _first({"$concatArrays": [spelled, named]}, key)


def _names_owner(key: SortKey) -> Expression:
    residual, known = _entries("residual"), {"$ne": ["$owner", None]}
    if key.owner == "may":
        told = [{"$in": [{"$literal": f"{name}=@"}, residual]} for name in key.names]
        return {"$and": [known, {"$or": told}]}
    elsewhere = [{"$in": [{"$literal": f"{name}!owner"}, residual]} for name in key.names]
    return {"$and": [known, {"$not": [{"$and": elsewhere}]}]}


def _instant(key: SortKey) -> Expression:
    names = [f"{name}:{span}" for name in key.names for span in _SPANS]
    chosen = {"$and": [{"$in": ["$$r.k", {"$literal": names}]}, {"$gt": ["$$r.lo", EARLIEST]}]}
    return _first(_lows("date", chosen), key)


def _number(key: SortKey) -> Expression:
    names = [amount_key(name, point=point) for name in key.names for point in (True, False)]
    return _first(_lows("number", {"$in": ["$$r.k", {"$literal": names}]}), key)


def _quantity(key: SortKey) -> Expression:
    """Base units first; what has none counts by its own number."""
    based, plain = (
        _first(_lows("quantity", {"$or": [_begins("$$r.k", each) for each in _amounts(key, mark)]}), key)
        for mark in "@|"
    )
    return {"$ifNull": [based, plain]}


def _amounts(key: SortKey, mark: str) -> list[str]:
    return [amount_key(f"{name}{mark}", point=point) for name in key.names for point in (True, False)]


def _lows(field: str, chosen: Expression) -> Expression:
    filtered = {"$filter": {"input": _entries(field), "as": "r", "cond": chosen}}
    return {"$map": {"input": filtered, "as": "r", "in": "$$r.lo"}}


def _field(key: SortKey) -> str:
    return "residual" if key.residual else "token"


_KINDS: Final[Mapping[SortKind, Callable[[SortKey], Expression]]] = {
    SortKind.ID: lambda _key: "$_id",
    SortKind.UPDATED: lambda _key: "$updated",
    SortKind.TEXT: _text,
    SortKind.CODE: _coded,
    SortKind.NAMED: _named,
    SortKind.INSTANT: _instant,
    SortKind.NUMBER: _number,
    SortKind.QUANTITY: _quantity,
}
