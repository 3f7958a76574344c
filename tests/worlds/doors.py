"""Every door of the API as something that a part can ask: a call picks a door and what it is about.

Targets are taken from what is visible, what is hidden in either world, what is nowhere, and what was made
before by the same part.  The request is built from the call alone, so both worlds are asked the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from tests.governed import INS, OTHER_DOCTOR
from tests.worlds.asking import Ask, Call, Room
from tests.worlds.items import LABELS, PLAIN, TYPES, Item, Place, build
from tests.worlds.letters import letter
from tests.worlds.queries import clause, criteria

JSON_PATCH: Final = "application/json-patch+json"


Door = Callable[[Room, Call], Ask]


def _entry(method: str, url: str, resource: Any = None, **request: str) -> dict[str, Any]:
    held = {} if resource is None else {"resource": resource}
    return {**held, "request": {"method": method, "url": url, **request}}


def _bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _version(call: Call) -> str:
    return f'W/"{1 + call.n % 2}"'


def _get(
    shape: str, headers: Callable[[Call], Mapping[str, str]] = lambda call: {}, method: str = "GET"
) -> Door:
    def door(room: Room, call: Call) -> Ask:
        name = room.name(call.target)
        path = shape.format(name=name, type=name.partition("/")[0], n=1 + call.n % 3, patient=room.person)
        return Ask(method, f"/{path}", None, headers(call))

    return door


def _search(room: Room, call: Call) -> Ask:
    resource_type, query = criteria(room, call)
    return Ask("GET", f"/{resource_type}?{query}")


def _search_by_identifier(room: Room, call: Call) -> Ask:
    resource_type, query = criteria(room, call, named=False)
    # A Patient has no `patient`: its own identifier names the person.
    name = "identifier" if resource_type == "Patient" else "patient.identifier"
    chained = quote(f"{name}={INS}|{room.person}", safe="=&|:.")
    return Ask("GET", f"/{resource_type}?{chained}&{query}")


def _search_form(room: Room, call: Call) -> Ask:
    resource_type, query = criteria(room, call)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return Ask("POST", f"/{resource_type}/_search", query.encode(), form)


def _search_other(room: Room, call: Call) -> Ask:
    paths = (
        f"/Observation?patient={room.other_person}", f"/Patient/{room.other_person}", f"/Patient?_id={room.other_person}",
        f"/Patient?identifier={INS}%7C{room.other_person}", f"/Observation/{room.other_person}-0",
        f"/Observation/{room.other_person}-0/_history", f"/AuditEvent?patient={room.other_person}",
        f"/Patient/{room.other_person}/$journal", "/Practitioner", "/Observation", "/_history", "/Patient/_history?_count=3",
        f"/{room.type(call.target)}/_history?_count=2", "/$meta", f"/{room.type(call.target)}/$meta",
    )  # fmt: skip
    return Ask("GET", paths[call.n % len(paths)])


def _history(room: Room, call: Call) -> Ask:
    queries = (
        "", "?_count=1", "?_count=2&_sort=_lastUpdated", "?_summary=count", "?_since=2026-11-22T08:01:00Z",
        "?_at=2026-11-22", "?_count=0", "?_elements=id",
    )  # fmt: skip
    return Ask("GET", f"/{room.name(call.target)}/_history{queries[call.n % len(queries)]}")


def _create(room: Room, call: Call) -> Ask:
    resource = room.fresh(call.n + call.target)
    if call.n % 5 == 0:
        resource.setdefault("meta", {})["security"] = [LABELS[("mask", "from-parents")[call.n % 2]]]
    headers = {"Idempotency-Key": f"key-{call.n % 2}-{room.person}"} if call.n % 7 == 0 else {}
    if call.n % 2:
        headers["Prefer"] = "return=representation"
    return Ask("POST", f"/{resource['resourceType']}", resource, headers)


def _create_if_none(room: Room, call: Call) -> Ask:
    resource_type, query = clause(room, call)
    resource = _like(room, resource_type, call)
    return Ask("POST", f"/{resource['resourceType']}", resource, {"If-None-Exist": query})


def _like(room: Room, resource_type: str, call: Call) -> dict[str, Any]:
    """Return a resource of a type, or the next best."""
    for number in range(7):
        made = room.fresh(number + 7 * (call.other + call.n))
        if made["resourceType"] == resource_type:
            return made
    return room.fresh(7 * call.other)


def _replacement(room: Room, call: Call) -> tuple[str, dict[str, Any]]:
    name = room.name(call.target)
    resource_type, _, id = name.partition("/")
    return name, {**_like(room, resource_type, call), "id": id}


def _update(room: Room, call: Call) -> Ask:
    name, resource = _replacement(room, call)
    headers = ({}, {"If-Match": _version(call)}, {"If-None-Match": "*"}, {"Prefer": "return=representation"})
    return Ask("PUT", f"/{name}", resource, headers[call.n % 4])


def _update_where(room: Room, call: Call) -> Ask:
    resource_type, query = clause(room, call)
    resource = _like(room, resource_type, call)
    headers = ({}, {"If-Match": _version(call)}, {"If-None-Match": "*"})
    return Ask("PUT", f"/{resource_type}?{query}", resource, headers[call.n % 3])


PATCHES: Final = (
    [{"op": "test", "path": "/status", "value": "final"}],
    [{"op": "add", "path": "/language", "value": "fr"}],
    [{"op": "remove", "path": "/meta/security"}],
    [{"op": "replace", "path": "/status", "value": "amended"}],
)


def _patch(room: Room, call: Call) -> Ask:
    headers = {"Content-Type": JSON_PATCH, **({"If-Match": _version(call)} if call.n % 3 == 0 else {})}
    return Ask("PATCH", f"/{room.name(call.target)}", PATCHES[call.n % 4], headers)


def _patch_where(room: Room, call: Call) -> Ask:
    resource_type, query = clause(room, call)
    return Ask("PATCH", f"/{resource_type}?{query}", PATCHES[call.n % 4], {"Content-Type": JSON_PATCH})


def _delete(room: Room, call: Call) -> Ask:
    headers = {"If-Match": _version(call)} if call.n % 3 == 0 else {}
    return Ask("DELETE", f"/{room.name(call.target)}", None, headers)


def _delete_where(room: Room, call: Call) -> Ask:
    resource_type, query = clause(room, call)
    headers = {"If-Match": _version(call)} if call.n % 3 == 0 else {}
    return Ask("DELETE", f"/{resource_type}?{query}", None, headers)


def _transaction(room: Room, call: Call) -> Ask:
    name, replacement = _replacement(room, call)
    resource_type, query = clause(room, call)
    first, placed = room.fresh(call.n), "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e1"
    referring = build(
        Item("observation", "t", call.n % 8, mentions=("x",)),
        Place(room.person, room.canonical_base, {"x": (placed, f"{resource_type}?{query}")[call.n % 2]}), 1,
    )  # fmt: skip
    choices: tuple[tuple[dict[str, Any], ...], ...] = (
        (_entry("GET", name), _entry("POST", first["resourceType"], first)),
        (_entry("GET", f"{resource_type}?{query}"),),
        (_entry("POST", "Observation", referring),
         {"fullUrl": placed, **_entry("POST", first["resourceType"], first)}),
        (_entry("PUT", name, replacement),),
        (_entry("DELETE", name),),
        (_entry("DELETE", f"{resource_type}?{query}"), _entry("POST", first["resourceType"], first)),
        (_entry("POST", first["resourceType"], first, ifNoneExist=query),),
        (_entry("PUT", f"{resource_type}?{query}", _like(room, resource_type, call)),),
        (_entry("PUT", name, replacement, ifMatch=_version(call)),),
        (_entry("GET", f"{name}/_history"), _entry("GET", name, ifNoneMatch=_version(call))),
    )  # fmt: skip
    kind = "batch" if call.n // 16 % 2 else "transaction"
    return Ask("POST", "", _bundle(kind, *choices[call.n // 2 % len(choices)]))


def _batch(room: Room, call: Call) -> Ask:
    asks = [DOORS[name](room, Call(name, call.target + 1, call.other, call.n)) for name in
            ("read", "search", "history", "vread")]  # fmt: skip
    return Ask("POST", "", _bundle("batch", *(_entry("GET", ask.path.lstrip("/")) for ask in asks)))


def _meta(action: str) -> Door:
    tag, label = {"tag": [{"system": "urn:tag", "code": "mine"}]}, {"security": [LABELS["mask"]]}

    def door(room: Room, call: Call) -> Ask:
        given = {
            "resourceType": "Parameters",
            "parameter": [{"name": "meta", "valueMeta": (tag, label)[call.n % 3 == 0]}],
        }
        return Ask("POST", f"/{room.name(call.target)}/${action}", given)

    return door


def _validate(room: Room, call: Call) -> Ask:
    name, resource = _replacement(room, call)
    if call.n % 3 == 0:
        return Ask("GET", f"/{name}/$validate{('', '?mode=delete')[call.n % 2]}")
    given = [
        {"name": "resource", "resource": resource},
        {"name": "mode", "valueCode": ("update", "create")[call.n % 2]},
    ]
    return Ask("POST", f"/{name}/$validate", {"resourceType": "Parameters", "parameter": given})


def _content_for(room: Room, call: Call) -> Ask:
    return Ask("POST", "/Binary", {
        "resourceType": "Binary", "contentType": "text/plain", "data": "eA==",
        "securityContext": {"reference": room.name(call.target)},
    })  # fmt: skip


def _document_of(room: Room, call: Call) -> Ask:
    related = room.name(call.other)
    place = Place(room.person, room.canonical_base, {"x": related})
    document = build(Item("document", "d", call.n % 8, mentions=("x",)), place, 1)
    document["content"][0]["attachment"]["url"] = room.name(call.target)
    return Ask("POST", "/DocumentReference", document)


def _events(room: Room, call: Call) -> Ask:
    queries = (
        "", "&_count=2", "&_summary=count", "&action=R", "&_count=1&_total=accurate", f"&entity={room.name(call.target)}",
        "&outcome=4", "&date=ge2026-11-22&_sort=date", f"&entity={room.name(call.target)}&_count=1", "&action=C,U,D",
    )  # fmt: skip
    return Ask("GET", f"/AuditEvent?patient={room.person}{queries[call.n % len(queries)]}")


def _import(room: Room, call: Call) -> Ask:
    """Deliver a document of an id that others may have deposited, with these bytes or with others."""
    replaces = (None, call.other, None, call.n // 4)[call.n % 4]
    named = f"?patient=Patient/{room.person}" if call.target % 2 else ""
    data = letter(room.person, call.target, replaces=replaces)
    return Ask("POST", f"/$import-document{named}", data, {"Content-Type": "application/xml"})


def _labelling(operation: str) -> Door:
    def door(room: Room, call: Call) -> Ask:
        given: dict[str, Any] = {"resourceType": "Parameters"}
        if call.n % 3 == 0:
            given["parameter"] = [{"name": "label", "valueCode": "withheld-from-representatives"}]
        return Ask("POST", f"/{room.name(call.target)}/${operation}", given)

    return door


def _declare(room: Room, call: Call) -> Ask:
    system, _, value = OTHER_DOCTOR.partition("|")
    given = [
        {"name": "identifier", "valueIdentifier": {"system": system, "value": value}},
        {"name": "relation", "valueCode": "care-team"}, {"name": "reason", "valueString": "said so"},
    ]  # fmt: skip
    return Ask(
        "POST", f"/Patient/{room.person}/$authorise", {"resourceType": "Parameters", "parameter": given}
    )


def _see_as(room: Room, call: Call) -> Ask:
    item = f"&resource={room.name(call.target)}" if call.n % 2 else ""
    return Ask("GET", f"/Patient/{room.person}/$see-as?profession=doctor&actor={quote(OTHER_DOCTOR)}{item}")


PLAIN_TYPES: Final = tuple(dict.fromkeys(TYPES[kind] for kind in PLAIN))
INCLUDES: Final = (
    "Observation?patient={p}&_include=Observation:focus", "Observation?patient={p}&_include=Observation:derived-from",
    "DocumentReference?patient={p}&_include=DocumentReference:related", "List?patient={p}&_include=List:item",
    "Observation?patient={p}&_revinclude=List:item", "Patient?_id={p}&_revinclude=Observation:subject",
    "DiagnosticReport?patient={p}&_include=DiagnosticReport:result&_count=1", "Observation?patient={p}&_include=*",
    "Observation?patient={p}&focus:Observation.status=final", "Patient?_id={p}&_has:Observation:patient:code=8310-5",
    "Observation?patient={p}&_has:List:item:status=current", "List?patient={p}&item:Observation.code=2339-0",
)  # fmt: skip


def _around(room: Room, call: Call) -> Ask:
    """Ask along references: what is included, chained, or of one record in all types."""
    return Ask("GET", f"/{INCLUDES[call.n % len(INCLUDES)].format(p=room.person)}")


CHAINS: Final = (
    "Observation?patient={p}&focus:Observation.status=final", "Observation?patient={p}&focus:Observation.code=8310-5",
    "Patient?_id={p}&_has:Observation:patient:code=8310-5", "Observation?patient={p}&focus:Observation.status=amended",
    "Patient?_id={p}&_has:Observation:patient:status=preliminary", "Patient?_id={p}&_has:Encounter:patient:status=finished",
)  # fmt: skip


def _chain(room: Room, call: Call) -> Ask:
    """Ask for what is found by something that it refers to, or that refers to it."""
    return Ask("GET", f"/{CHAINS[call.n % len(CHAINS)].format(p=room.person)}")


def _encounter(room: Room, call: Call) -> str:
    """Return the address of an encounter, a hidden one where there is one."""
    encounters = [name for name in (*room.hidden, *room.visible) if name.startswith("Encounter/")]
    return encounters[call.target % len(encounters)] if encounters else room.name(call.target)


def _whole(room: Room, call: Call) -> Ask:
    paths = (
        f"Patient/{room.person}/$everything", f"Patient/{room.person}/$everything?_count=2",
        f"Patient/{room.person}/$everything?_type=Observation,List", f"Observation/$lastn?patient={room.person}&category=laboratory",
        f"Observation/$lastn?patient={room.person}&code=8310-5,2339-0&max=2", f"Patient/{room.person}/DocumentReference?_count=1",
        f"Patient/{room.person}/*", f"Patient/{room.person}/{room.type(call.target)}", f"?patient={room.person}&_count=3",
        f"?_type={','.join(PLAIN_TYPES)}&patient={room.person}&_total=accurate&_count=1",
        f"?patient={room.person}&_summary=count", f"{_encounter(room, call)}/$everything",
        f"{_encounter(room, call)}/Observation", f"{_encounter(room, call)}/Observation?patient={room.person}",
    )  # fmt: skip
    path = paths[call.n % len(paths)]
    return Ask("GET", path if path.startswith("?") else f"/{path}")


def _ordered(room: Room, call: Call) -> Ask:
    """Ask for several types in one order."""
    person, types = room.person, f"_type={','.join(PLAIN_TYPES)}"
    paths = (
        f"?{types}&patient={person}&_sort=-_lastUpdated&_count=2", f"/Patient/{person}/*?_sort=_id",
        f"?{types}&patient={person}&_sort=-_id&_count=1", f"?{types}&patient={person}&_sort=patient,_lastUpdated",
        f"?_type=Encounter,Observation&patient={person}&_sort=-date&_count=3",
    )  # fmt: skip
    return Ask("GET", paths[call.n % len(paths)])


DOORS: Final[Mapping[str, Door]] = {
    "read": _get("{name}"),
    "head": _get("{name}", method="HEAD"),
    "read-unless": _get("{name}", lambda call: {"If-None-Match": _version(call)}),
    "read-since": _get("{name}", lambda call: {"If-Modified-Since": "Sun, 22 Nov 2026 08:03:00 GMT"}),
    "read-some": _get("{name}?_elements=id,status"),
    "read-xml": _get("{name}", lambda call: {"Accept": "application/fhir+xml"}),
    "read-bytes": _get("{name}", lambda call: {"Accept": "application/pdf"}),
    "vread": _get("{name}/_history/{n}"),
    "history": _history,
    "search": _search,
    "search-again": _search,
    "around": _around,
    "around-again": _around,
    "chain": _chain,
    "lastn": _get("Observation/$lastn?patient={patient}&category=laboratory&max=1"),
    "pages": _get("Patient/{patient}/Observation?_count=1&_total=accurate"),
    "whole": _whole,
    "whole-again": _whole,
    "search-form": _search_form,
    "search-by-identifier": _search_by_identifier,
    "elsewhere": _search_other,
    "meta": _get("{name}/$meta"),
    "meta-add": _meta("meta-add"),
    "meta-delete": _meta("meta-delete"),
    "validate": _validate,
    "create": _create,
    "create-if-none": _create_if_none,
    "content-for": _content_for,
    "document-of": _document_of,
    "update": _update,
    "update-where": _update_where,
    "patch": _patch,
    "patch-where": _patch_where,
    "delete": _delete,
    "delete-where": _delete_where,
    "transaction": _transaction,
    "transaction-more": _transaction,
    "batch": _batch,
    "import": _import,
    "events": _events,
    "journal": _get("Patient/{patient}/$journal?_count=3"),
    "hide": _labelling("hide"),
    "show": _labelling("show"),
    "authorise": _declare,
    "see-as": _see_as,
}
BY_NAME: Final[Mapping[str, Door]] = {**DOORS, "ordered": _ordered}
"""All doors, those too through which scenarios ask only where they are named."""
