"""JSON as it was written: numbers keep their text, an object names a member once.

Spec: https://hl7.org/fhir/R4/json.html#decimal
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number by its text: `1.0` and `1.00` differ."""

    literal: str


class NotJson(ValueError):
    """A text is not JSON, or names a member of an object twice."""


def decode(text: str | bytes) -> Any:
    """Return the tree of a JSON text: dict, list, str, bool, None and Number.  Raises NotJson."""
    try:
        return json.loads(
            text,
            parse_int=Number, parse_float=Number, parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise NotJson(f"not JSON: {error}") from None


def encode(tree: Any) -> str:
    """Return a tree as JSON text, each number as its literal, without white space."""
    match tree:
        case Number(literal):
            return literal
        case dict():
            return "{" + ",".join(f"{encode(key)}:{encode(value)}" for key, value in tree.items()) + "}"
        case list():
            return "[" + ",".join(encode(item) for item in tree) + "]"
        case _:
            return json.dumps(tree, ensure_ascii=False)


def text_of(value: Any) -> str:
    """Return a primitive as the text that a suite writes: strings bare, numbers by literal."""
    return value if isinstance(value, str) else encode(value)


def includes(tree: Any, part: Any) -> bool:
    """Return whether `tree` says all that `part` says; only objects may say more."""
    match part:
        case dict():
            return isinstance(tree, dict) and all(
                key in tree and includes(tree[key], value) for key, value in part.items()
            )
        case list():
            return (
                isinstance(tree, list)
                and len(tree) == len(part)
                and all(includes(item, wanted) for item, wanted in zip(tree, part, strict=True))
            )
        case _:
            return type(tree) is type(part) and bool(tree == part)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("a member of an object is there twice")
    return members


def _refuse_constant(name: str) -> None:
    raise NotJson(f"{name} is not a JSON number")
