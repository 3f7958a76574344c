"""JSON laid out for review: one fact a line, the same bytes for the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec


def compact(value: Any) -> str:
    """Return the value on one line, keys in their order."""
    return msgspec.json.encode(value).decode()


def line_list(rows: Iterable[Any], indent: str = "") -> str:
    """Return a JSON array with one row a line."""
    body = ",\n".join(indent + compact(row) for row in rows)
    return f"[\n{body}\n{indent}]" if body else "[]"


def line_map(rows: Mapping[str, Any], indent: str = "") -> str:
    """Return a JSON object with one member a line."""
    body = ",\n".join(f"{indent}{compact(key)}:{compact(value)}" for key, value in rows.items())
    return f"{{\n{body}\n{indent}}}" if body else "{}"


def block_map(blocks: Mapping[str, Mapping[str, Any]], spread: Sequence[str]) -> str:
    """Return a JSON object of objects: the members that `spread` names take one line for each entry."""
    body = ",\n".join(f"{compact(key)}:{_block(block, spread)}" for key, block in blocks.items())
    return f"{{\n{body}\n}}" if body else "{}"


def _block(block: Mapping[str, Any], spread: Sequence[str]) -> str:
    head = compact({key: value for key, value in block.items() if key not in spread})[:-1]
    tail = "".join(f',\n"{key}":{_spread(block[key])}' for key in spread if block.get(key))
    return f"{head}{tail}}}"


def _spread(value: Any) -> str:
    return line_map(value) if isinstance(value, Mapping) else line_list(value)
