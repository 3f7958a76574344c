"""From a resource that was sent to the document that is written: id, meta, owner, facts, entries, text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Raw

from fhir_server.interactions.context import Context
from fhir_server.model import exact_json
from fhir_server.model.document import Access, Document, Facts, SearchEntries
from fhir_server.model.ids import seq_of
from fhir_server.model.outcome import refuse
from fhir_server.model.temporal import format_instant

TargetOwner = Callable[[str, str], str | None]

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CONFIDENTIALITY_CLASSES = {"U": 0, "L": 0, "M": 0, "N": 0, "R": 1, "V": 2}
CONFIDENTIALITY_UNIT = 16
"""`visibility` = type class + 16 × confidentiality class (0 for every type, until a policy says more)."""

OBSERVATION_VALUES = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
SUBSETTED = "SUBSETTED"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server decides about a new version."""

    resource_type: str
    id: str
    version: int
    updated: datetime


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


def facts_of(resource: dict[str, Any], identity: Identity, owner: str | None) -> Facts:
    """Return what access predicates see of a resource."""
    labels: list[str] = []
    confidentiality = 0
    for coding in _labels(resource):
        system, code = coding.get("system", ""), coding.get("code", "")
        labels.append(f"{system}|{code}")
        if system == CONFIDENTIALITY:
            confidentiality = max(confidentiality, CONFIDENTIALITY_CLASSES.get(code, 0))
    return Facts(
        identity.resource_type, identity.id, owner,
        visibility=CONFIDENTIALITY_UNIT * confidentiality,
        access=Access(labels=tuple(dict.fromkeys(labels))),
    )  # fmt: skip


def new_version(
    context: Context,
    resource: dict[str, Any],
    identity: Identity,
    *,
    target_owner: TargetOwner,
    now: datetime,
    ordinal: int = 0,
) -> Document:
    """Return the document of a valid resource.

    `target_owner` names the person whose record holds another resource.  Raises FhirError `two-persons`.
    """
    stamped = stamp(resource, identity)
    owner = context.owners.owner_of(stamped, target_owner=target_owner)
    return written(context, stamped, identity, owner, now, ordinal)


def written(
    context: Context,
    stamped: dict[str, Any],
    identity: Identity,
    owner: str | None,
    now: datetime,
    ordinal: int = 0,
) -> Document:
    """Return the document of a stamped resource whose owner is known."""
    return Document(
        facts=facts_of(stamped, identity, owner),
        version=identity.version,
        updated=identity.updated,
        seq=seq_of(now, identity.id, ordinal),
        resource=stamped,
        search=context.indexer.entries(stamped, owner=owner),
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


def _labels(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (resource.get("meta") or {}).get("security") or ()
    for concept in (
        resource.get("securityLabel") or () if resource["resourceType"] == "DocumentReference" else ()
    ):
        yield from concept.get("coding") or ()
