"""Documents: the Composition refers to what the Bundle holds, and the Bundle holds nothing else.

Spec: https://hl7.org/fhir/R4/documents.html#content
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.bundle_index import BundleIndex, Entry
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_LINKS = ("subject", "encounter", "author", "custodian", "attester.party", "event.detail")
_NOWHERE = "no entry of the document is referred to by this."
_LOOSE = "no entry has this fullUrl; the one with the same type and id has another."
_SECTION_LINKS = ("author", "focus", "entry")


def document_faults(index: BundleIndex, place: Place, world: World) -> Iterator[Issue]:
    """Yield the links of the Composition that lead nowhere; if none, the entries that nothing leads to."""
    first = index.entries[0] if index.entries else None
    if first is None or first.resource.get("resourceType") != "Composition":
        return
    start = f"{place.path}.entry[{first.index}].resource"
    dangling = False
    for path, reference in _links(first.resource, start):
        if reference.startswith("#"):
            continue
        found = index.matches(reference, first.full_url)
        if found:
            continue
        loose = bool(index.same_name(reference))
        level = world.options.loose_links if loose else world.options.bundles
        dangling = dangling or level == "error"
        if level is not None:
            yield fault(level, "unresolved-reference", _LOOSE if loose else _NOWHERE, f"{path}.reference")
    if not dangling:
        yield from _unreachable(index, first, place, world)


def _links(composition: Mapping[str, Any], start: str) -> Iterator[tuple[str, str]]:
    for link in _LINKS:
        yield from _follow(composition, link.split("."), start)
    waiting = [(composition, start)]
    while waiting:
        holder, path = waiting.pop()
        for at, section in _rows(holder.get("section"), f"{path}.section"):
            waiting.append((section, at))
            for link in _SECTION_LINKS:
                yield from _follow(section, [link], at)


def _follow(node: Mapping[str, Any], steps: list[str], path: str) -> Iterator[tuple[str, str]]:
    for at, value in _rows(node.get(steps[0]), f"{path}.{steps[0]}"):
        if len(steps) > 1:
            yield from _follow(value, steps[1:], at)
        elif isinstance(value.get("reference"), str):
            yield at, value["reference"]


def _rows(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
    for position, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield f"{path}[{position}]", item


def _unreachable(index: BundleIndex, first: Entry, place: Place, world: World) -> Iterator[Issue]:
    near: dict[int, set[int]] = {entry.index: set() for entry in index.entries}
    joined: set[int] = set()
    for entry in index.entries:
        for text in set(_texts(entry.resource)):
            found = index.matches(text, entry.full_url)
            found = found or (index.same_name(text) if world.options.loose_links != "error" else ())
            # Who leads to one of several of a name leads to all: after the first, one link is enough.
            for other in found[:1] if id(found) in joined else found:
                near[entry.index].add(other.index)
                near[other.index].add(entry.index)
            if len(found) > 1:
                joined.add(id(found))  # groups of several are those of the index, which stays
    reached, waiting = {first.index}, [first.index]
    while waiting:
        fresh = near[waiting.pop()] - reached
        reached |= fresh
        waiting.extend(fresh)
    for entry in index.entries:
        if entry.index not in reached:
            text = "no links lead from the Composition to this entry, nor from it to what they lead to."
            yield fault(world.options.bundles, "invariant", text, f"{place.path}.entry[{entry.index}]")


def _texts(node: Any) -> Iterator[str]:
    """The texts that can be links: every string without white space."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        for value in current.values() if type(current) is dict else current:
            kind = type(value)
            if kind is dict or kind is list:
                waiting.append(value)
            elif kind is str and ("/" in value or ":" in value) and " " not in value:
                yield value
