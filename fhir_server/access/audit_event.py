"""An entry of the access log as a FHIR AuditEvent, after the profiles of IHE BALP.

Entries are kept compact; this is how they are read.  A profile is named where the event meets it: what went
well, of one resource or of one search.  Pure: nothing is looked up.
Spec: https://profiles.ihe.net/ITI/BALP/content.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_server.access.audit_codes import (
    ACTIONS,
    APPLICATION_SERVER,
    DOMAIN_RESOURCE,
    MACHINE_ROLES,
    ORGANISATION,
    OTHER,
    PATIENT_ROLE,
    PERSON_TYPE,
    PROFILES,
    QUERY_ROLE,
    REQUEST_ID,
    REST,
    SYSTEM_OBJECT,
    USER_ROLES,
    coding,
)
from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry
from fhir_server.model.temporal import format_instant

PROFILE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
PURPOSE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
RESOURCE_TYPES: Final = "http://hl7.org/fhir/resource-types"
ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
JTI: Final = "urn:ietf:params:oauth:jti:"
URI: Final = "5"
"""An address of network type URI."""
QUERIES: Final = frozenset({"search-type", "search-system"})
SEARCHES: Final = QUERIES | {"history-type", "history-system"}
PERSONAL_KINDS: Final = frozenset({"person", "representative", "caregiver", "professional"})
"""Kinds of actor that are human beings."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendering:
    """By whom an event is shown.  `whole`: to the person concerned or to an auditor, with rule and reason.

    Others are not told why something was refused, nor what exactly had been asked then.
    """

    base_url: str
    canonical_base: str
    whole: bool = True


def audit_event(entry: AuditEntry, rendering: Rendering) -> Json:
    """Return the AuditEvent of an entry, a resource tree."""
    action = action_of(entry.interaction)
    event: Json = {
        "resourceType": "AuditEvent",
        "id": entry.id,
        "meta": {"versionId": "1", "lastUpdated": format_instant(entry.at)},
        "type": REST,
        "subtype": [_subtype(entry.interaction)],
        "action": action,
        "recorded": format_instant(entry.at),
        "outcome": outcome_of(entry.status),
        "purposeOfEvent": [{"coding": [coding(PURPOSE, entry.purpose)]}] if entry.purpose else None,
        "agent": _agents(entry, action, rendering),
        "source": {
            "site": rendering.base_url,
            "observer": {"display": rendering.base_url},
            "type": [APPLICATION_SERVER],
        },
        "entity": _entities(entry, rendering),
    }
    if entry.situation is not None and (rendering.whole or entry.situation != "refused"):
        event["outcomeDesc"] = entry.situation
    profile = _profile(entry, action)
    if profile is not None:
        event["meta"]["profile"] = [PROFILE + profile]
    return {name: value for name, value in event.items() if value}


def action_of(interaction: str) -> str:
    """Return the code of what was done: C, R, U, D, or E for what is carried out.

    Spec: https://hl7.org/fhir/R4/valueset-audit-event-action.html
    """
    return ACTIONS.get(interaction, "E")


def outcome_of(status: int) -> str:
    """Return 0 for what went well, 4 for what was refused, 8 for what failed.

    Spec: https://hl7.org/fhir/R4/valueset-audit-event-outcome.html
    """
    return "0" if status < 400 else "4" if status < 500 else "8"


def may_be_whole(entry: AuditEntry, rendering: Rendering) -> bool:
    """Return whether what was asked is shown: not of a refusal, to those who are not told why."""
    return rendering.whole or entry.status < 400


def _subtype(interaction: str) -> Json:
    return coding(INTERACTION, "operation" if interaction.startswith("$") else interaction)


def _profile(entry: AuditEntry, action: str) -> str | None:
    """Return the name of the profile that the event meets, None where there is none."""
    if entry.status >= 400:
        return None
    if action == "E" and (entry.interaction not in QUERIES or entry.request is None):
        return None
    if action != "E" and (len(entry.entities) != 1 or entry.interaction == "history-instance"):
        return None
    return f"{'Patient' if entry.owner is not None else ''}{PROFILES[action]}"


def _agents(entry: AuditEntry, action: str, rendering: Rendering) -> list[Json]:
    client, server = MACHINE_ROLES[action]
    actor = entry.agent or Actor(entry.actor.kind, entry.actor.identity)
    unknown = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    human = actor.kind in PERSONAL_KINDS
    software = actor.client or ("" if human else actor.identity)
    agents: list[Json] = [
        {
            "type": {"coding": [client]},
            "who": {"display": software} if software else {"display": "unknown", **unknown},
            "requestor": not human,
            "network": {"_address": unknown},
        },
        {
            "type": {"coding": [server]},
            "who": {"display": rendering.base_url},
            "requestor": False,
            "network": {"address": rendering.base_url, "type": URI},
        },
    ]
    if human:
        agents.append(_user(entry, actor, action, rendering))
    if actor.structure is not None:
        agents.append(_structure(actor))
    return agents


def _user(entry: AuditEntry, actor: Actor, action: str, rendering: Rendering) -> Json:
    user: Json = {
        "type": {"coding": [USER_ROLES[action]]},
        "role": [{"coding": [_coding(actor.profession)]}] if actor.profession else None,
        "who": _who(actor),
        "name": actor.name,
        "policy": _policies(entry, actor, rendering),
        "purposeOfUse": _purpose(entry, actor, rendering),
    }
    return {name: value for name, value in user.items() if value} | {"requestor": True}


def _structure(actor: Actor) -> Json:
    named = actor.structure_name or actor.structure or ""
    who = {"identifier": _identifier(actor.structure or ""), "display": named}
    return {"type": {"coding": [ORGANISATION]}, "who": who, "requestor": False}


def _who(actor: Actor) -> Json:
    if actor.kind == "person":
        return {"reference": f"Patient/{actor.identity}"}
    return {"identifier": _identifier(actor.identity)}


def _policies(entry: AuditEntry, actor: Actor, rendering: Rendering) -> list[str]:
    policies = [JTI + actor.session] if actor.session else []
    if entry.rule and rendering.whole:
        policies.append(f"{rendering.canonical_base}/policy#{entry.rule}")
    return policies


def _purpose(entry: AuditEntry, actor: Actor, rendering: Rendering) -> list[Json]:
    if not entry.purpose:
        return []
    purpose: Json = {"coding": [coding(PURPOSE, entry.purpose)]}
    if actor.reason and rendering.whole:
        purpose["text"] = actor.reason
    return [purpose]


def _entities(entry: AuditEntry, rendering: Rendering) -> list[Json]:
    entities: list[Json] = []
    listed = entry.interaction in SEARCHES or entry.interaction.startswith("$")
    for entity in entry.entities:
        # Slices tell entities apart by their type: what a search showed must not be taken for its query.
        kind = coding(RESOURCE_TYPES, entity.partition("/")[0]) if listed else SYSTEM_OBJECT
        entities.append({"what": {"reference": entity}, "type": kind, "role": DOMAIN_RESOURCE})
    if entry.owner is not None:
        patient = {"reference": f"Patient/{entry.owner}"}
        entities.append({"what": patient, "type": PERSON_TYPE, "role": PATIENT_ROLE})
    if entry.request is not None and may_be_whole(entry, rendering):
        query = base64.b64encode(entry.request.encode()).decode()
        kind = SYSTEM_OBJECT if action_of(entry.interaction) == "E" else OTHER
        entities.append({"type": kind, "role": QUERY_ROLE, "query": query})
    entities.append({"what": {"identifier": {"value": entry.request_id}}, "type": REQUEST_ID})
    return entities


def _identifier(text: str) -> Mapping[str, str]:
    system, bar, value = text.rpartition("|")
    return {"system": system, "value": value} if bar and system else {"value": value or text}


def _coding(text: str) -> Json:
    system, bar, code = text.rpartition("|")
    return {"system": system, "code": code} if bar and system else {"code": text}
