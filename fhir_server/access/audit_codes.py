"""The codes of the BALP profiles, as tables: who is source and who destination of which action.

Spec: https://profiles.ihe.net/ITI/BALP/content.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Coding = dict[str, str]

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PROVENANCE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def coding(system: str, code: str, display: str | None = None) -> Coding:
    """Return a Coding."""
    known = {"system": system, "code": code}
    return known if display is None else {**known, "display": display}


REST: Final = coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation")
APPLICATION_SERVER: Final = coding(
    "http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"
)
PERSON_TYPE: Final = coding(ENTITY_TYPE, "1", "Person")
SYSTEM_OBJECT: Final = coding(ENTITY_TYPE, "2", "System Object")
OTHER: Final = coding(ENTITY_TYPE, "4", "Other")
PATIENT_ROLE: Final = coding(OBJECT_ROLE, "1", "Patient")
DOMAIN_RESOURCE: Final = coding(OBJECT_ROLE, "4", "Domain Resource")
QUERY_ROLE: Final = coding(OBJECT_ROLE, "24", "Query")
REQUEST_ID: Final = coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")
ORGANISATION: Final = coding("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV")

_SOURCE: Final = coding(DCM, "110153", "Source Role ID")
_DESTINATION: Final = coding(DCM, "110152", "Destination Role ID")
_APPLICATION: Final = coding(DCM, "110150", "Application")
_CUSTODIAN: Final = coding(PROVENANCE, "custodian", "Custodian")
_RECIPIENT: Final = coding(PARTICIPATION, "IRCP", "information recipient")
_AUTHOR: Final = coding(PARTICIPATION, "AUT", "author (originator)")
_KEEPER: Final = coding(PARTICIPATION, "CST", "Custodian")

ACTIONS: Final[Mapping[str, str]] = MappingProxyType({
    "create": "C", "read": "R", "vread": "R", "history-instance": "R",
    "update": "U", "patch": "U", "delete": "D",
})  # fmt: skip
"""Interaction → action; whatever is not listed is carried out (E)."""

PROFILES: Final[Mapping[str, str]] = MappingProxyType({
    "C": "Create", "R": "Read", "U": "Update", "D": "Delete", "E": "Query",
})  # fmt: skip

MACHINE_ROLES: Final[Mapping[str, tuple[Coding, Coding]]] = MappingProxyType({
    "C": (_SOURCE, _DESTINATION),
    "R": (_DESTINATION, _SOURCE),
    "U": (_SOURCE, _DESTINATION),
    "D": (_APPLICATION, _CUSTODIAN),
    "E": (_SOURCE, _DESTINATION),
})  # fmt: skip
"""Action → what the client is and what the server is."""

USER_ROLES: Final[Mapping[str, Coding]] = MappingProxyType({
    "C": _AUTHOR, "R": _RECIPIENT, "U": _AUTHOR, "D": _KEEPER, "E": _RECIPIENT,
})  # fmt: skip
