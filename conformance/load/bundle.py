"""Transaction Bundles as material: read from files, or cut to exactly 300 entries.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance.load.target import LoadRefused

ENTRIES = 300
ENTRIES_MAX = 1000

Resource = dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """A transaction; every `entry` has a `fullUrl`, a `resource` and a `request` that is a POST."""

    entries: tuple[Resource, ...]

    @cached_property
    def body(self) -> bytes:
        """The JSON text to post."""
        whole = {"resourceType": "Bundle", "type": "transaction", "entry": self.entries}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def read_bundles(directory: Path) -> list[Bundle]:
    """Return the transaction Bundles (`*.json`, `*.json.gz`) of a directory, by file name.

    Raises LoadRefused where there are none, or a file is no transaction Bundle of POST entries.
    """
    paths = sorted(path for path in directory.glob("*.json*") if path.suffix in {".json", ".gz"})
    if not paths:
        raise LoadRefused(f"There are no Bundles (*.json, *.json.gz) in {directory}.")
    return [_read(path) for path in paths]


def _read(path: Path) -> Bundle:
    data = path.read_bytes()
    try:
        tree = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
        entries = tuple(tree["entry"])
        usable = tree["type"] == "transaction" and all(_is_post(entry) for entry in entries)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise LoadRefused(f"{path.name} is not a FHIR Bundle: {type(error).__name__}.") from error
    if not usable:
        raise LoadRefused(f"{path.name} is not a transaction Bundle of POST entries with a fullUrl.")
    return Bundle(entries)


def _is_post(entry: Resource) -> bool:
    return "fullUrl" in entry and "resource" in entry and entry["request"]["method"] == "POST"


def cut(bundle: Bundle, entries: int = ENTRIES) -> Bundle | None:
    """Return the first `entries` entries that refer to none outside them, None where there are fewer."""
    own = {entry["fullUrl"] for entry in bundle.entries}
    taken: list[Resource] = []
    known: set[str] = set()
    for entry in bundle.entries:
        needs = {text for text in texts(entry["resource"]) if text in own}
        if needs <= known | {entry["fullUrl"]}:
            taken.append(entry)
            known.add(entry["fullUrl"])
        if len(taken) == entries:
            return Bundle(tuple(taken))
    return None


def texts(tree: Any) -> Iterator[str]:
    """Yield every string value of a JSON tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def replace_texts(tree: Any, replacements: dict[str, str]) -> Any:
    """Return a copy of a JSON tree with the strings that are keys of `replacements` replaced."""
    if isinstance(tree, str):
        return replacements.get(tree, tree)
    if isinstance(tree, dict):
        return {key: replace_texts(value, replacements) for key, value in tree.items()}
    if isinstance(tree, list):
        return [replace_texts(value, replacements) for value in tree]
    return tree


def within_limit(bundles: Sequence[Bundle]) -> list[Bundle]:
    """Return the Bundles that a server with the usual limit of entries takes."""
    return [bundle for bundle in bundles if len(bundle.entries) <= ENTRIES_MAX]
