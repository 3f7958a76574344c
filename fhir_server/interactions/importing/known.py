"""What is there already when a document comes: the document itself, what it replaces, what replaced it.

All of it is looked up inside the View of the deposit.  What was not found is guarded within the commit: of
two documents of which one replaces the other, and that come at once, the second sees the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fhir_server.interactions.context import Context
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.importing.person import criteria_of
from fhir_server.interactions.lookup import Criteria, bind, find
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.search.escape import escape

DOCUMENT: Final = "DocumentReference"
REPLACES: Final = "replaces"
MOST_TOGETHER: Final = 50
"""Versions of one document that are looked at."""

CHANGED: Final = (
    "A document of this id is there with other content. A document is never overwritten: a new version has "
    "an id of its own and says which one it replaces."
)

Identifier = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """`same` is the document itself.  `related` are the documents that it names, by identifier; `later` are
    those that say that they replace it.  `guards` are criteria that matched nothing.
    """

    same: Stored | None
    related: Mapping[Identifier, Stored]
    later: tuple[Stored, ...] = ()
    guards: tuple[Criteria, ...] = ()


def look(context: Context, request: Request, delivery: Delivery, *, later: bool) -> Known:
    """Return what is there.  Raises FhirError `other-content` where that is the document with other bytes.

    Without `later`, a later version is not looked for but only guarded against: hardly ever is it there
    first, and the commit finds out.
    """
    own = master_of(delivery)
    found = _by(context, request, criteria_of([own]))[1]
    if found:
        if any(_has(stored, delivery.hash) for stored in found):
            return Known(found[0], {})
        raise refuse("other-content", CHANGED)
    related: dict[Identifier, Stored] = {}
    guards: list[Criteria] = []
    for identifier in dict.fromkeys(targets(delivery.document)):
        wanted, named = _by(context, request, criteria_of([identifier]))
        if named:
            related[identifier] = named[0]
        else:
            guards.append(wanted)
    wanted = bind(context, request, DOCUMENT, _replacing(own), count=MOST_TOGETHER)
    found = tuple(find(context, request, wanted)) if later else ()
    if not found:
        guards.append(wanted)
    return Known(None, related, tuple(one for one in found if _replaces(one, own)), tuple(guards))


def master_of(delivery: Delivery) -> Identifier:
    """Return the identifier of a document; one without it is known by its bytes."""
    master = delivery.document.get("masterIdentifier")
    if master and master.get("value"):
        return str(master.get("system", "")), str(master["value"])
    return "urn:ietf:rfc:3986", f"urn:sha1:{delivery.hash}"


def targets(document: Mapping[str, Any], code: str | None = None) -> Iterator[Identifier]:
    """Yield the identifiers of the documents that one names, of one kind of relation or of all."""
    for relation in document.get("relatesTo", ()):
        identifier = relation.get("target", {}).get("identifier", {})
        if identifier.get("value") and code in (None, relation.get("code")):
            yield str(identifier.get("system", "")), str(identifier["value"])


def _by(context: Context, request: Request, text: str) -> tuple[Criteria, tuple[Stored, ...]]:
    wanted = bind(context, request, DOCUMENT, text, count=MOST_TOGETHER)
    return wanted, tuple(find(context, request, wanted))


def _replacing(own: Identifier) -> str:
    system, value = own
    return urlencode({"relatesto:identifier": f"{escape(system)}|{escape(value)}"})


def _replaces(stored: Stored, own: Identifier) -> bool:
    return own in targets(exact_json.decode(stored.body), REPLACES)


def _has(stored: Stored, hash: str) -> bool:
    contents = exact_json.decode(stored.body).get("content", ())
    return any(content.get("attachment", {}).get("hash") == hash for content in contents)
