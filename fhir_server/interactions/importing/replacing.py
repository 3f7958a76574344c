"""What an import changes of what is there: the documents that it replaces, and what was read from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlencode

from fhir_server.interactions.context import Context
from fhir_server.interactions.importing.assembling import Entry, linked
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.importing.known import DOCUMENT, REPLACES, Known, master_of, targets
from fhir_server.interactions.importing.superseding import APART, superseded
from fhir_server.interactions.lookup import bind, find
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.predicate import matches
from fhir_server.model.reference import ReferenceKind, parse_reference

MOST: Final = 20_000
"""Provenances of one document."""


def further_entries(context: Context, request: Request, known: Known, delivery: Delivery) -> list[Entry]:
    """Return the entries that change what is there: of what is replaced everything, of what came later the
    link to this document, which it could not have before.
    """
    document = delivery.entries[0]["fullUrl"]
    replaced = {
        one.id: one
        for identifier in targets(delivery.document, REPLACES)
        if (one := known.related.get(identifier)) is not None
    }
    changed: list[Entry] = []
    for stored in replaced.values():
        for one in (stored, *_read_from(context, request, stored)):
            before = exact_json.decode(one.body)
            after = superseded(before)
            if after is not before:
                changed.append(_put(one, after))
    for stored in _writable(context, request, known.later):
        before = exact_json.decode(stored.body)
        changed.append(_put(stored, _led_to(before, master_of(delivery), document)))
    return changed


def _read_from(context: Context, request: Request, document: Stored) -> Iterator[Stored]:
    """Yield what was read from a document, as its Provenances tell, in the order of its types and ids."""
    name = f"{DOCUMENT}/{document.id}"
    wanted = bind(context, request, "Provenance", urlencode({"entity": name}), count=MOST)
    ids: dict[str, set[str]] = {}
    for provenance in find(context, request, wanted):
        for target in exact_json.decode(provenance.body).get("target", ()):
            parsed = parse_reference(str(target.get("reference", "")), context.base_url)
            if parsed.kind is ReferenceKind.RELATIVE and parsed.type not in (None, *APART) and parsed.id:
                ids.setdefault(str(parsed.type), set()).add(parsed.id)
    ids.get(DOCUMENT, set()).discard(document.id)
    for resource_type in sorted(ids):
        found = context.records.read_many(resource_type, sorted(ids[resource_type]), request.view)
        yield from (one for _, one in sorted(found.items()) if not one.deleted and _is_from(one, name))


def _is_from(stored: Stored, document: str) -> bool:
    return (exact_json.decode(stored.body).get("meta") or {}).get("source") == document


def _writable(context: Context, request: Request, found: Iterable[Stored]) -> Iterator[Stored]:
    """Yield what may be changed: a later document of somebody else stays as it was deposited."""
    ids = [one.id for one in found]
    if not ids:
        return
    facts = context.records.read_many(DOCUMENT, ids, request.view, facts=True)
    for one in facts.values():
        if one.facts is None or matches(request.view.writes(DOCUMENT), one.facts):
            yield one


def _led_to(document: dict[str, Any], own: tuple[str, str], url: str) -> dict[str, Any]:
    led = linked(document, {own: "-"})
    for relation in led["relatesTo"]:
        if relation["target"].get("reference") == f"{DOCUMENT}/-":
            relation["target"] = {**relation["target"], "reference": url}
    return led


def _put(stored: Stored, resource: dict[str, Any]) -> Entry:
    name = f"{stored.resource_type}/{stored.id}"
    asked = {"method": "PUT", "url": name, "ifMatch": f'W/"{stored.version}"'}
    return {"resource": resource, "request": asked}
