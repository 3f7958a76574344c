"""The exact JSON codec: bytes to trees and back without the change of a digit.

Trees are `dict`, `list`, `str`, `bool`, `None`, `int` and `model.number.Number` (the literal of every number
that is not a plain integer).  White space and the way characters are escaped are not kept; everything
else is, the order of keys included.
Spec: https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from fhir_server.model.json_reader import read_json
from fhir_server.model.outcome import refuse

MAX_DEPTH = 64

_DECODER = msgspec.json.Decoder(float_hook=Raw)
_ENCODER = msgspec.json.Encoder()

_KEY_END = re.compile(rb'"[ \t\r\n]*:')
_MINUS_ZERO = re.compile(rb"-0[ \t\r\n,\]}]")


def decode(data: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Return the tree of a JSON text in UTF-8.

    Raises FhirError `empty-body`, `malformed-json`, `duplicate-key`, `too-deep` or `illegal-character`,
    each with the place: line and column, and the FHIRPath of the element.
    """
    if not data or data.isspace():
        raise refuse("empty-body", "The request has no body; a JSON resource is expected.")
    try:
        tree = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return read_json(data, max_depth)
    if _needs_a_closer_look(data, tree, max_depth):
        return read_json(data, max_depth)
    return tree


def encode(tree: Any) -> bytes:
    """Return the compact JSON text of a tree; numbers stand as they were sent."""
    return _ENCODER.encode(tree)


def indented(text: bytes) -> bytes:
    """Return a JSON text with an indent of two spaces; numbers stand as they are."""
    return msgspec.json.format(text, indent=2)


def copy_of(tree: Any) -> Any:
    """Return a copy that shares nothing that can change; several times faster than `copy.deepcopy`."""
    kind = type(tree)
    if kind is dict:
        return {key: copy_of(value) for key, value in tree.items()}
    return [copy_of(item) for item in tree] if kind is list else tree


def depth_of(tree: Any) -> int:
    """Return how deep objects and lists are nested, however deep that is; 0 for a single value."""
    depth, level = 0, _containers([tree])
    while level:
        depth += 1
        level = [child for node in level for child in _containers(node)]
    return depth


def _containers(node: Any) -> list[Any]:
    children = node.values() if type(node) is dict else node
    return [child for child in children if type(child) is dict or type(child) is list]


def _needs_a_closer_look(data: bytes, tree: Any, max_depth: int) -> bool:
    """Return whether the fast decoder may have hidden something.

    It keeps the last of duplicate keys, reads `-0` as `0`, and allows escaped NULs and any depth.  Every
    key ends in a quote and a colon, so the text has at least as many of these as it has keys: no
    duplicate is missed, and a string that looks like a key end only costs the slower reader.
    """
    if type(tree) is not dict and type(tree) is not list:
        return True
    keys, depth = _measure(tree)
    return (
        depth > max_depth
        or b"\\u0000" in data
        or _MINUS_ZERO.search(data) is not None
        or len(_KEY_END.findall(data)) != keys
    )  # fmt: skip


def _measure(tree: dict[str, Any] | list[Any]) -> tuple[int, int]:
    """Return (number of keys, depth of nesting) of a tree, level by level: some have 100,000 nodes."""
    keys = depth = 0
    level: list[Any] = [tree]
    while level:
        depth += 1
        objects = [node for node in level if type(node) is dict]
        keys += sum(map(len, objects))
        below = [
            child for node in objects for child in node.values() if type(child) is dict or type(child) is list
        ]
        below += [
            child
            for node in level
            if type(node) is list
            for child in node
            if type(child) is dict or type(child) is list
        ]
        level = below
    return keys, depth
