"""Primitive values that have a meaning beyond their form: URIs, canonicals, element ids, sizes.

Spec: https://hl7.org/fhir/R4/datatypes.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:#.*)?\Z")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+\Z")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_EXAMPLE = re.compile(r"(?:https?://)(?:[a-z0-9\-]+\.)*(?:example\.(?:org|com)|acme\.com)(?:[/:]|\Z)")
_TOLD = ("urn:", "#")
"""How the URIs begin that have a form of their own."""
_TAG = re.compile(r"<[A-Za-z!/?]")


def uri_faults(place: Place, world: World) -> Iterable[Issue]:
    """Return what is wrong with the text of a uri, url or oid."""
    text = place.value
    if not isinstance(text, str) or world.options.texts is None:
        return ()
    if world.options.example_urls is None and not text.startswith(_TOLD):
        return ()
    return _uri_faults(text, place, world)


def _uri_faults(text: str, place: Place, world: World) -> Iterator[Issue]:
    if text.startswith("urn:uuid:") and _UUID.match(text) is None:
        yield fault(world.options.texts, "illegal-value", "a UUID has 36 characters in lower case.", place)
    elif text.startswith("urn:oid:") and _OID.match(text) is None:
        yield fault(world.options.texts, "illegal-value", "this is no OID.", place)
    yield from _fragment_faults(text, place, world)
    yield from _example_faults(text, place, world)


def _fragment_faults(text: str, place: Place, world: World) -> Iterator[Issue]:
    level = world.options.narratives
    if level is None or not text.startswith("#") or len(text) == 1:
        return
    if text[1:] not in world.anchors_of(place.scope):
        yield fault(level, "unresolved-reference", "nothing here has this id.", place)


def canonical_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong with the text of a canonical."""
    text = place.value
    if not isinstance(text, str):
        return
    level = world.options.relative_canonicals
    if level is not None and not text.startswith("#") and _ABSOLUTE.match(text) is None:
        yield fault(level, "illegal-value", "must be absolute, or `#id`.", place)
    yield from _fragment_faults(text, place, world)
    yield from _example_faults(text, place, world)


def _example_faults(text: str, place: Place, world: World) -> Iterator[Issue]:
    if world.options.example_urls is not None and _EXAMPLE.match(text) is not None:
        yield fault(world.options.example_urls, "illegal-value", "URLs of examples are not allowed.", place)


def string_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield a fault where a plain text looks like markup."""
    if isinstance(place.value, str) and _TAG.search(place.value) is not None:
        yield fault(world.options.html_in_texts, "illegal-value", "looks like HTML.", place)


def attachment_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield a fault where an Attachment holds another number of bytes than it says."""
    data, size = (place.value.get(name) for name in ("data", "size")) if _is_object(place) else (None, None)
    if isinstance(data, str) and type(size) is int and size != decoded_size(data):
        yield fault(
            world.options.texts, "illegal-value", "is not the number of bytes in data.", f"{place.path}.size"
        )


def decoded_size(data: str) -> int:
    """Return how many bytes a base64 text stands for."""
    digits = "".join(data.split())
    return len(digits) * 3 // 4 - digits[-2:].count("=")


def _is_object(place: Place) -> bool:
    return isinstance(place.value, dict)


def repeated_id_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield one fault where two elements have the same `id`; contained resources count apart.

    A StructureDefinition has the ids of the elements that it defines, in two lists.
    """
    if place.type == "StructureDefinition":
        return
    seen: set[str] = set()
    waiting: list[Any] = [place.value]
    while waiting:
        node = waiting.pop()
        for value in node.values() if type(node) is dict else node:
            kind = type(value)
            if kind is list:
                waiting.append(value)
            if kind is not dict or "resourceType" in value:
                continue
            waiting.append(value)
            identity = value.get("id")
            if type(identity) is not str:
                continue
            if identity in seen:
                text = "two elements have the same id."
                yield fault(world.options.texts, "illegal-value", text, place)
                return
            seen.add(identity)
