"""Bundles: entries that fit their fullUrls, searchsets that fit their search.

Spec: https://hl7.org/fhir/R4/bundle.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.bundle_index import RESTFUL, BundleIndex, Entry
from fhir_server.validation.base.documents import document_faults
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_SEARCHED = re.compile(r"(?:.*/)?(?P<type>[A-Z][A-Za-z]+)(?:/_search)?(?:\?.*)?\Z")


def bundle_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong between the entries of one Bundle."""
    index = world.index_of(place.scope)
    for entry in index.entries:
        yield from _full_url_faults(entry, place, world)
    kind = place.value.get("type")
    if kind == "searchset":
        yield from _searchset_faults(index, place, world)
    elif kind == "document":
        yield from document_faults(index, place, world)


def _full_url_faults(entry: Entry, place: Place, world: World) -> Iterator[Issue]:
    address = RESTFUL.match(entry.full_url or "")
    kind = entry.resource.get("resourceType")
    types = world.registry.resource_types
    if world.options.full_urls is None or address is None or kind not in types:
        return
    if address["type"] not in types:
        return
    at = f"{place.path}.entry[{entry.index}].fullUrl"
    level = world.options.full_urls
    identity = entry.resource.get("id")
    if identity is None:
        yield fault(level, "invariant", "is a RESTful URL, but the resource has no id.", at)
    elif (address["type"], address["id"]) != (kind, identity):
        yield fault(level, "invariant", f"must end with {kind} and the id of the resource.", at)


def _searchset_faults(index: BundleIndex, place: Place, world: World) -> Iterator[Issue]:
    wanted = _searched_type(place.value, world)
    rows = place.value["entry"] if index.entries else ()
    for entry in index.entries:
        at = f"{place.path}.entry[{entry.index}]"
        search = rows[entry.index].get("search")
        mode = search.get("mode") if isinstance(search, dict) else None
        kind = entry.resource.get("resourceType")
        if mode == "outcome":
            if kind != "OperationOutcome":
                text = "must be an OperationOutcome, as its search mode says."
                yield fault(world.options.bundles, "invariant", text, f"{at}.resource")
            continue
        if "id" not in entry.resource and kind != "OperationOutcome":
            yield fault(
                world.options.bundles, "invariant", "needs an id in a searchset.", f"{at}.resource.id"
            )
        if mode == "match" and wanted is not None and kind not in (wanted, "OperationOutcome"):
            text = f"must be a {wanted}, the type that was searched for."
            yield fault(world.options.bundles, "invariant", text, f"{at}.resource")


def _searched_type(bundle: Mapping[str, Any], world: World) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "self":
            form = _SEARCHED.match(str(link.get("url", "")).partition("?")[0])
            if form is not None and form["type"] in world.registry.resource_types:
                return form["type"]
    return None
