"""Refusals as values: one closed table of situations, issues with a place, and the OperationOutcome.

A client switches on `issue.details.coding.code`, which is the name of the situation.
Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Severity = Literal["fatal", "error", "warning", "information"]

ISSUE_SOURCE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-source"
"""The extension of an issue that names where it comes from: here, the profile that asked."""

DEFAULT_CANONICAL_BASE = "https://fhir-server.example.org"


@dataclass(frozen=True, slots=True)
class Situation:
    """What went wrong, as HTTP (`status`) and as FHIR (`code`, an IssueType) say it."""

    status: int
    code: str


SITUATIONS: Mapping[str, Situation] = MappingProxyType({
    # the bytes of the request
    "malformed-json": Situation(400, "structure"),
    "malformed-xml": Situation(400, "structure"),
    "duplicate-key": Situation(400, "structure"),
    "too-deep": Situation(400, "structure"),
    "illegal-character": Situation(400, "structure"),
    "empty-body": Situation(400, "required"),
    "cut-off": Situation(400, "structure"),
    "too-slow": Situation(408, "timeout"),
    "length-needed": Situation(411, "required"),
    "too-large": Situation(413, "too-long"),
    "too-many-entries": Situation(413, "too-long"),
    "unsupported-media-type": Situation(415, "not-supported"),
    "not-acceptable": Situation(406, "not-supported"),
    # the address and the headers
    "illegal-id": Situation(400, "value"),
    "id-mismatch": Situation(400, "value"),
    "type-mismatch": Situation(400, "invalid"),
    "malformed-header": Situation(400, "value"),
    "unknown-type": Situation(404, "not-supported"),
    "unknown-address": Situation(404, "not-found"),
    "unknown-operation": Situation(404, "not-supported"),
    "method-not-allowed": Situation(405, "not-supported"),
    # the content of a resource
    "unknown-element": Situation(422, "structure"),
    "cardinality": Situation(422, "structure"),
    "missing-element": Situation(422, "required"),
    "wrong-type": Situation(422, "structure"),
    "illegal-value": Situation(422, "value"),
    "empty-element": Situation(422, "structure"),
    "code-not-in-value-set": Situation(422, "code-invalid"),
    "illegal-reference": Situation(422, "value"),
    "unresolved-reference": Situation(422, "not-found"),
    "invariant": Situation(422, "invariant"),
    "fixed-value": Situation(422, "value"),
    "no-such-slice": Situation(422, "structure"),
    "profile-mismatch": Situation(422, "structure"),
    "unknown-profile": Situation(422, "not-found"),
    "faulty-profile": Situation(422, "processing"),
    "subsetted": Situation(422, "business-rule"),
    "two-persons": Situation(422, "business-rule"),
    "owner-changed": Situation(422, "business-rule"),
    # patches
    "malformed-patch": Situation(400, "invalid"),
    "patch-failed": Situation(422, "processing"),
    "server-assigned": Situation(400, "business-rule"),
    # documents
    "unreadable-document": Situation(422, "structure"),
    "other-person": Situation(422, "business-rule"),
    "other-content": Situation(409, "conflict"),
    # bundles
    "wrong-bundle-type": Situation(400, "invalid"),
    "malformed-entry": Situation(400, "invalid"),
    "same-resource-twice": Situation(400, "duplicate"),
    "reference-criteria": Situation(412, "multiple-matches"),
    # search
    "unknown-parameter": Situation(400, "not-supported"),
    "unsupported-modifier": Situation(400, "not-supported"),
    "illegal-parameter-value": Situation(400, "value"),
    "illegal-cursor": Situation(400, "value"),
    "criteria-needed": Situation(412, "required"),
    "too-costly": Situation(400, "too-costly"),
    # state
    "not-found": Situation(404, "not-found"),
    "deleted": Situation(410, "deleted"),
    "stale-version": Situation(412, "conflict"),
    "multiple-matches": Situation(412, "multiple-matches"),
    "exists": Situation(412, "conflict"),
    "conflict": Situation(409, "conflict"),
    "referenced": Situation(409, "conflict"),
    "idempotency-key-reused": Situation(422, "business-rule"),
    "update-create-not-allowed": Situation(405, "not-supported"),
    # access
    "no-token": Situation(401, "login"),
    "bad-token": Situation(401, "login"),
    "refused": Situation(403, "forbidden"),
    "person-needed": Situation(403, "forbidden"),
    "reason-needed": Situation(422, "required"),
    "label-removal": Situation(422, "business-rule"),
    "forbidden-labels": Situation(422, "business-rule"),
    "secret-needed": Situation(422, "business-rule"),
    "operation-only": Situation(422, "business-rule"),
    "illegal-choice": Situation(422, "business-rule"),
    "clock-behind": Situation(503, "transient"),
    "unproven": Situation(409, "incomplete"),
    # the server
    "overloaded": Situation(503, "transient"),
    "database-unavailable": Situation(503, "transient"),
    "timeout": Situation(503, "timeout"),
    "internal": Situation(500, "exception"),
    "seal-broken": Situation(500, "exception"),
    # not a refusal
    "more-issues": Situation(422, "informational"),
    "done": Situation(200, "informational"),
})  # fmt: skip
"""The closed table: situation → status → issue code.  Nothing is refused outside it."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One `OperationOutcome.issue`.

    `situation` is a key of `SITUATIONS`; `text` is for a stranger and holds no personal data;
    `expression` is a FHIRPath with indexes (`Patient.name[0].family`), never an XPath.
    """

    situation: str
    text: str
    expression: str | None = None
    severity: Severity = "error"
    profile: str | None = None
    """The profile that asked, `url|version`; None where FHIR itself does."""

    @property
    def code(self) -> str:
        """The FHIR IssueType."""
        return SITUATIONS[self.situation].code


class FhirError(Exception):
    """A request cannot be answered; carries the issues that the client will read.

    `status` is that of the first issue that is an error, unless the caller knows better.
    `headers` are added to the response (`Allow` of a 405, say).
    """

    def __init__(
        self, *issues: Issue, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__("; ".join(issue.text for issue in issues))
        if not issues:
            raise ValueError("a FhirError needs at least one issue")
        self.issues = issues
        self.status = status or _status(issues)
        self.headers = dict(headers or {})


def refuse(situation: str, text: str, expression: str | None = None) -> FhirError:
    """Return the error of one issue, to be raised."""
    return FhirError(Issue(situation, text, expression))


def operation_outcome(
    issues: Iterable[Issue], canonical_base: str = DEFAULT_CANONICAL_BASE
) -> dict[str, Any]:
    """Return the OperationOutcome resource of at least one issue."""
    system = f"{canonical_base}/CodeSystem/situation"
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue, system) for issue in issues]}


def _status(issues: tuple[Issue, ...]) -> int:
    for issue in issues:
        if issue.severity in ("fatal", "error"):
            return SITUATIONS[issue.situation].status
    return SITUATIONS[issues[0].situation].status


def _issue(issue: Issue, system: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"coding": [{"system": system, "code": issue.situation}], "text": issue.text},
        "diagnostics": issue.text,
    }
    if issue.expression is not None:
        written["expression"] = [issue.expression]
    if issue.profile is not None:
        written["extension"] = [{"url": ISSUE_SOURCE, "valueString": issue.profile}]
    return written
