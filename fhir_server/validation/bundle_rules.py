"""Bundles: what each type of Bundle demands of its entries.

The keys in brackets are those of the constraints.
Spec: https://hl7.org/fhir/R4/bundle.html#bundle-definitions
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.shapes import Local

_WITH_REQUEST = frozenset({"batch", "transaction", "history"})
_WITH_RESPONSE = frozenset({"batch-response", "transaction-response", "history"})
_WITH_TOTAL = frozenset({"searchset", "history"})
_FIRST: Mapping[str, tuple[str, str]] = MappingProxyType({
    "document": ("Composition", "bdl-11"),
    "message": ("MessageHeader", "bdl-12"),
})  # fmt: skip
_RESTFUL = re.compile(r"https?://\S+/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})\Z")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


def bundle_faults(bundle: dict[str, Any], path: str, _local: Local) -> Iterator[Issue]:
    """Yield what breaks the rules of the type of the Bundle."""
    kind = bundle.get("type", "")
    entries = bundle.get("entry", ())
    if "total" in bundle and kind not in _WITH_TOTAL:
        yield _invariant("bdl-1", f"{path}.total", f"is only for searchset and history, not for {kind}")
    if kind == "document":
        yield from _document_faults(bundle, path)
    yield from _first_faults(kind, entries, path)
    for index, entry in enumerate(entries):
        yield from _entry_faults(kind, entry, path, index)
    if kind != "history":
        yield from _repeated_urls(entries, path)


def _invariant(key: str, expression: str, text: str) -> Issue:
    return Issue("invariant", f"{expression} {text} ({key}).", expression)


def _document_faults(bundle: dict[str, Any], path: str) -> Iterator[Issue]:
    identifier = bundle.get("identifier", {})
    for part in ("system", "value"):
        if part not in identifier and f"_{part}" not in identifier:
            yield _invariant("bdl-9", f"{path}.identifier", f"needs a {part} in a document")
    if "timestamp" not in bundle:
        yield _invariant("bdl-10", f"{path}.timestamp", "is needed in a document")


def _first_faults(kind: str, entries: Any, path: str) -> Iterator[Issue]:
    if kind not in _FIRST:
        return
    wanted, key = _FIRST[kind]
    first = entries[0].get("resource", {}).get("resourceType") if entries else None
    if first != wanted:
        yield _invariant(key, f"{path}.entry[0].resource", f"must be a {wanted} in a {kind}")


def _entry_faults(kind: str, entry: dict[str, Any], path: str, index: int) -> Iterator[Issue]:
    has_request, has_response = "request" in entry, "response" in entry
    if has_request is not (kind in _WITH_REQUEST):
        yield _presence("bdl-3", f"{path}.entry[{index}].request", kind, has_request)
    if has_response is not (kind in _WITH_RESPONSE):
        yield _presence("bdl-4", f"{path}.entry[{index}].response", kind, has_response)
    if "search" in entry and kind != "searchset":
        yield _presence("bdl-2", f"{path}.entry[{index}].search", kind, True)
    resource = entry.get("resource")
    if resource is None and not has_request and not has_response:
        yield _invariant("bdl-5", f"{path}.entry[{index}]", "needs a resource, a request or a response")
    if "fullUrl" in entry:
        yield from _full_url_faults(entry["fullUrl"], f"{path}.entry[{index}].fullUrl")


def _presence(key: str, expression: str, kind: str, is_there: bool) -> Issue:
    return _invariant(
        key, expression, f"is {'not allowed' if is_there else 'needed'} in a Bundle of type {kind}"
    )


def _full_url_faults(full_url: str, expression: str) -> Iterator[Issue]:
    if "/_history/" in full_url:
        yield _invariant("bdl-8", expression, "may not name a version")
    elif _ABSOLUTE.match(full_url) is None:
        yield Issue("invariant", f"{expression} must be an absolute URL or a URN.", expression)


def _repeated_urls(entries: Any, path: str) -> Iterator[Issue]:
    seen: set[tuple[str, str | None]] = set()
    for index, entry in enumerate(entries):
        full_url = entry.get("fullUrl")
        if full_url is None:
            continue
        version = entry.get("resource", {}).get("meta", {}).get("versionId")
        if (full_url, version) in seen:
            yield _invariant("bdl-7", f"{path}.entry[{index}].fullUrl", "is that of another entry as well")
        seen.add((full_url, version))


def full_url_disagreements(
    bundle: dict[str, Any], path: str = "Bundle", _local: Local | None = None
) -> Iterator[Issue]:
    """Yield the entries whose fullUrl is a RESTful URL of another id than the resource has."""
    for index, entry in enumerate(bundle.get("entry", ())):
        resource = entry.get("resource")
        address = _RESTFUL.match(entry.get("fullUrl", ""))
        if resource is None or address is None or address["type"] != resource["resourceType"]:
            continue
        if resource.get("id", address["id"]) != address["id"]:
            place = f"{path}.entry[{index}].fullUrl"
            yield Issue("invariant", f"{place} disagrees with the id of the resource.", place)
