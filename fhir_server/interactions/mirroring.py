"""The Consents that mirror choices, kept in step with them: what is written of them when choices change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Raw

from fhir_server.access.choices import PersonChoices, with_consents
from fhir_server.access.consent import ACTIVE, INACTIVE, Mirror
from fhir_server.interactions.assemble import Identity, stamp, whole_milliseconds
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Document, Stored
from fhir_server.model.ids import seq_of
from fhir_server.model.unit_of_work import Replace
from fhir_server.model.view import View

CONSENT: Final = "Consent"
MIRRORS: Final = View.unrestricted("choices")
"""Sees the Consents that mirror choices, also where who declares something may not; none is answered."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Choices that know their Consents, and the Consents to be written with them."""

    choices: PersonChoices
    creates: tuple[Document, ...]
    replaces: tuple[Replace, ...]


def mirrored(
    context: Context, request: Request, mirror: Mirror, before: PersonChoices, after: PersonChoices
) -> Mirrored:
    """Return what follows from choices that change.

    A new choice has a new Consent, one that changes a further version, one that ended an inactive one.
    """
    were, are = mirror.mirrors(before), mirror.mirrors(after)
    touched = [key for key in before.consents if are.get(key) != were.get(key)]
    stored = _read(context, before, touched)
    creates: list[Document] = []
    replaces: list[Replace] = []
    known: dict[str, str | None] = {}
    for key in touched:
        body = are.get(key)
        current = stored.get(key)
        if current is None:
            known[key] = None
        elif body is None:
            ended = mirror.consent(_bare(current), INACTIVE, request.now)
            replaces.append(_following(context, request, current, ended))
            known[key] = None
        else:
            lasting = mirror.consent(body, ACTIVE, request.now)
            replaces.append(_following(context, request, current, lasting))
            known[key] = current.id
    for key, body in are.items():
        if known.get(key) is None and (key in known or key not in before.consents):
            whole = mirror.consent(body, ACTIVE, request.now)
            identity = Identity(CONSENT, context.ids.new(request.now), 1, whole_milliseconds(request.now))
            creates.append(_document(context, request, whole, identity, after.owner, len(creates)))
            known[key] = identity.id
    for key, id in known.items():
        after = with_consents(after, key, () if id is None else (id,))
    return Mirrored(after, tuple(creates), tuple(replaces))


def _read(context: Context, choices: PersonChoices, keys: list[str]) -> Mapping[str, Stored]:
    """Return the current versions of Consents by the keys of their choices; what was deleted is missing."""
    ids = {choices.consents[key][0]: key for key in keys}
    if not ids:
        return {}
    found = context.records.read_many(CONSENT, list(ids), MIRRORS, facts=True)
    return {ids[id]: stored for id, stored in found.items() if not stored.deleted}


def _following(context: Context, request: Request, current: Stored, body: dict[str, Any]) -> Replace:
    updated = max(whole_milliseconds(request.now), current.updated)
    identity = Identity(CONSENT, current.id, current.version + 1, updated)
    document = _document(context, request, body, identity, current.owner, 0)
    return Replace(document, current.version, current.facts)


def _document(
    context: Context,
    request: Request,
    body: dict[str, Any],
    identity: Identity,
    owner: str | None,
    ordinal: int,
) -> Document:
    resource = stamp(body, identity)
    return Document(
        facts=context.labelling.facts(resource, CONSENT, identity.id, owner, now=request.now),
        version=identity.version,
        updated=identity.updated,
        seq=seq_of(request.now, identity.id, ordinal),
        resource=resource,
        search=context.indexer.entries(resource, owner=owner),
        raw=Raw(exact_json.encode(resource)),
    )


def _bare(stored: Stored) -> dict[str, Any]:
    resource: dict[str, Any] = exact_json.decode(stored.body)
    bare = {key: value for key, value in resource.items() if key != "meta"}
    labels = resource["meta"].get("security")
    return {**bare, "meta": {"security": labels}} if labels else bare
