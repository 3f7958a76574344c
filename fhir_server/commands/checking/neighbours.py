"""What references between the files of one check lead to.

The files are read for it when a reference is first followed, and once only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fhir_server.commands.loading.inputs import read_texts
from fhir_server.commands.loading.resource_text import is_resource, read_tree
from fhir_server.model.outcome import FhirError
from fhir_server.model.reference import ReferenceKind, parse_reference

MOST_BYTES: Final = 256 * 1024 * 1024
"""Texts that are kept for references; what comes after them is not found by its name."""

Found = Mapping[str, Any] | None


class Neighbours:
    """Resources by `Type/id`, by fullUrl and by canonical; the first of a name counts."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._found: dict[str, Mapping[str, Any]] | None = None

    def __call__(self, text: str) -> Found:
        """Return the resource that a reference or canonical names, None if no file has it."""
        if self._found is None:
            self._found = {}
            for name, resource in self._named():
                self._found.setdefault(name, resource)
        plain = text.partition("/_history/")[0].partition("#")[0]
        named = parse_reference(text)
        # A server that nobody asked: what the files have of it is as good.
        address = f"{named.type}/{named.id}" if named.kind is ReferenceKind.ABSOLUTE else plain
        return self._found.get(plain) or self._found.get(address) or self._found.get(plain.partition("|")[0])

    def _named(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        left = MOST_BYTES
        for file in self._files:
            for text in read_texts(file):
                left -= len(text.data)
                if left < 0:
                    return
                try:
                    tree = read_tree(text)
                except FhirError:
                    continue  # the check itself says what is wrong with it
                if is_resource(tree):
                    yield from names_of(tree)


def names_of(resource: Mapping[str, Any], full_url: object = None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a resource under each of its names, and the resources in the entries of a Bundle under theirs."""
    kind, id, url = (resource.get(key) for key in ("resourceType", "id", "url"))
    if isinstance(id, str):
        yield f"{kind}/{id}", resource
    for name in (full_url, url):
        if isinstance(name, str):
            yield name, resource
    entries = resource.get("entry") if kind == "Bundle" else None
    for entry in entries if isinstance(entries, list) else ():
        inside = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inside, dict):
            yield from names_of(inside, entry.get("fullUrl"))
