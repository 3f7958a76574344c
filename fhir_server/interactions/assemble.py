"""From a resource that was sent to the document that is written: id, meta, owner, facts, entries, text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from msgspec import Raw

from fhir_server.interactions.context import Context
from fhir_server.interactions.ownership import owner_of
from fhir_server.interactions.relabelling import NONE, Draft, settle
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Document, Facts, SearchEntries, Stored
from fhir_server.model.ids import seq_of
from fhir_server.model.outcome import refuse
from fhir_server.model.temporal import format_instant
from fhir_server.model.unit_of_work import Flow, Relabel

OBSERVATION_VALUES = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
SUBSETTED = "SUBSETTED"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server decides about a new version."""

    resource_type: str
    id: str
    version: int
    updated: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A document to be written, and what is stored already and gets other labels with it."""

    document: Document
    relabels: tuple[Relabel, ...] = ()
    flows: tuple[Flow, ...] = ()


def whole_milliseconds(instant: datetime) -> datetime:
    """Return the instant as precisely as `meta.lastUpdated` tells it."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def stamp(resource: dict[str, Any], identity: Identity) -> dict[str, Any]:
    """Return the resource with its id and `meta.versionId` and `meta.lastUpdated`, all else in its order.

    A new id stands after `resourceType`, a new meta after the id.
    """
    meta = dict(resource.get("meta") or {})
    meta["versionId"] = str(identity.version)
    meta["lastUpdated"] = format_instant(identity.updated)
    stamped: dict[str, Any] = {}
    for key, value in resource.items():
        stamped[key] = value
        if key == "resourceType" and "id" not in resource:
            stamped["id"] = identity.id
        if key == ("id" if "id" in resource else "resourceType") and "meta" not in resource:
            stamped["meta"] = meta
    stamped["id"] = identity.id
    stamped["meta"] = meta
    return stamped


def new_version(
    context: Context,
    request: Request,
    resource: dict[str, Any],
    identity: Identity,
    before: Stored | None = None,
    *,
    named: bool = False,
) -> Version:
    """Return the document of a valid resource that follows `before`.

    `named`: the client chose its id.  Raises FhirError `two-persons`, `too-costly`.
    """
    stamped = stamp(resource, identity)
    owner = owner_of(context, request, stamped, before)
    draft = Draft(stamped, owner, None if before is None else before.facts, named)
    settled = settle(context, request, [draft])
    document = written(context, stamped, identity, settled.facts[0], request.now)
    return Version(document, settled.relabels, settled.flows)


def rewrite(
    context: Context,
    request: Request,
    resource: dict[str, Any],
    current: Stored,
    drops: frozenset[str] = NONE,
) -> Version:
    """Return the same version with another text, to be written in its place: for tags and labels.

    `drops` are labels that a choice gave it and that end.  Raises FhirError `too-costly`.
    """
    identity = Identity(current.resource_type, current.id, current.version, current.updated)
    draft = Draft(resource, current.owner, current.facts, named=True, drops=drops, rewrites=True)
    settled = settle(context, request, [draft])
    document = written(context, resource, identity, settled.facts[0], request.now)
    return Version(replace(document, seq=current.seq), settled.relabels, settled.flows)


def written(
    context: Context,
    stamped: dict[str, Any],
    identity: Identity,
    facts: Facts,
    now: datetime,
    ordinal: int = 0,
) -> Document:
    """Return the document of a stamped resource whose facts are known."""
    return Document(
        facts=facts,
        version=identity.version,
        updated=identity.updated,
        seq=seq_of(now, identity.id, ordinal),
        resource=stamped,
        search=context.indexer.entries(stamped, owner=facts.owner),
        raw=Raw(exact_json.encode(stamped)),
    )


def deletion(identity: Identity, facts: Facts, now: datetime, ordinal: int = 0) -> Document:
    """Return the document that says that a resource is gone; `facts` are those of its last version."""
    return Document(
        facts=facts,
        version=identity.version,
        updated=identity.updated,
        seq=seq_of(now, identity.id, ordinal),
        resource=None,
        search=SearchEntries(),
    )


def refuse_subsetted(resource: dict[str, Any], path: str) -> None:
    """Raise FhirError `subsetted` for what a search shortened: storing it would lose the rest.

    Spec: https://hl7.org/fhir/R4/search.html#elements
    """
    for position, tag in enumerate((resource.get("meta") or {}).get("tag") or ()):
        if tag.get("system") == OBSERVATION_VALUES and tag.get("code") == SUBSETTED:
            text = "The resource is tagged SUBSETTED: it is not whole and cannot replace what is stored."
            raise refuse("subsetted", text, f"{path}.meta.tag[{position}]")
