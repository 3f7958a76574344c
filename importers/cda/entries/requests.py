"""What orders, proposals and plans have in common: their status and how binding they are."""

from __future__ import annotations

from collections.abc import Mapping

REQUEST_STATUS: Mapping[str, str] = {
    "new": "active",
    "active": "active",
    "normal": "active",
    "completed": "completed",
    "held": "on-hold",
    "suspended": "on-hold",
    "aborted": "revoked",
    "cancelled": "revoked",
    "nullified": "entered-in-error",
    "obsolete": "revoked",
}
"""ActStatus → RequestStatus.  Spec: http://hl7.org/fhir/R4/valueset-request-status.html"""

INTENT: Mapping[str, str] = {
    "INT": "plan",
    "RQO": "order",
    "PRP": "proposal",
    "PRMS": "directive",
    "ARQ": "order",
    "APT": "plan",
    "GOL": "proposal",
    "DEF": "option",
    "EXPEC": "plan",
}
"""Mood → RequestIntent.  Spec: http://hl7.org/fhir/R4/valueset-request-intent.html"""

PRIORITY: Mapping[str, str] = {
    "A": "asap",
    "EM": "stat",
    "R": "routine",
    "S": "stat",
    "UR": "urgent",
}
"""ActPriority → RequestPriority; what has no equal there is kept as it is.
Spec: http://hl7.org/fhir/R4/valueset-request-priority.html"""
