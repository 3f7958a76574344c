"""How a write is answered: what was written, as the client prefers to read it.

Spec: https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fhir_server.interactions.context import Context
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.model import exact_json
from fhir_server.model.document import Document, Stored
from fhir_server.model.outcome import Issue, operation_outcome

TEXTS = {
    200: "The resource is stored as this version.",
    201: "The resource was created.",
    204: "The resource is deleted, or never was.",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one write.

    `version=None`: nothing is there (a deletion of nothing).  `body` is empty for a deletion, and where a
    replayed answer has not been read again.
    """

    status: int
    resource_type: str
    id: str
    version: int | None = None
    updated: datetime | None = None
    owner: str | None = None
    body: bytes = b""

    @property
    def entity(self) -> str | None:
        """The version's address relative to the base, None where there is none."""
        return None if self.version is None else entity(self.resource_type, self.id, self.version)


def of_document(status: int, document: Document) -> Written:
    """Return what a committed document stands for."""
    facts = document.facts
    body = b"" if document.raw is None else bytes(document.raw)
    return Written(
        status, facts.resource_type, facts.id, document.version, document.updated, facts.owner, body
    )


def of_stored(status: int, stored: Stored) -> Written:
    """Return what an existing version stands for, found by a conditional create."""
    return Written(
        status, stored.resource_type, stored.id, stored.version, stored.updated, stored.owner, stored.body
    )


def reply_of(context: Context, request: Request, written: Written, *, audited: bool) -> Reply:
    """Return the answer of a single write."""
    status, body, is_outcome = written.status, b"", False
    if request.prefer.answer == "OperationOutcome":
        body, is_outcome = outcome_of(context, written, request.findings), True
        status = 200 if status == 204 else status
    elif request.prefer.answer != "minimal":
        body = written.body
    shown = () if written.entity is None else (Shown(written.owner, written.entity),)
    return Reply(
        status, body, written.version, written.updated,
        location=written.entity if status != 204 and written.status != 204 else None,
        is_outcome=is_outcome, shown=shown, audited=audited,
    )  # fmt: skip


def outcome_of(context: Context, written: Written, findings: Sequence[Issue] = ()) -> bytes:
    """Return the OperationOutcome of a write that went well, with what validation found all the same."""
    issue = Issue("done", TEXTS[written.status], severity="information")
    return exact_json.encode(operation_outcome([issue, *findings], context.canonical_base))
