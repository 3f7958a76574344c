"""`$import-document`: a clinical document becomes resources, in one commit with the original bytes.

The same document twice changes nothing; the same id with other bytes is a conflict.  The person is the one
whom the request is about: named as `patient`, else by the official identifiers in the document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fhir_server.interactions.binding import Binder
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.importing.deposit import STORED, Deposited, deposit
from fhir_server.interactions.names import AnyNames, NamesIdentifier, Nobody, one_of
from fhir_server.interactions.operation_input import PARAMETERS
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.model import exact_json, own
from fhir_server.model.outcome import refuse
from fhir_server.model.reference import is_id
from importers.result import ImportIssue, ImportResult
from profiles.definitions import OperationDefinition, OperationParameter

NAME: Final = "$import-document"
CODE_OF: Final = {"error": "processing", "warning": "business-rule", "information": "informational"}
"""Severity of an issue of the import → IssueType."""

DEFINITION: Final = OperationDefinition(
    own.operation(NAME[1:]), NAME[1:], True, False, False, True, (),
    (
        OperationParameter("document", "in", 1, 1, "Resource"),
        OperationParameter("patient", "in", 0, 1, "Reference", ("Patient",)),
        OperationParameter("outcome", "out", 1, 1, "code"),
        OperationParameter("document", "out", 1, 1, "Reference", ("DocumentReference",)),
        OperationParameter("patient", "out", 0, 1, "Reference", ("Patient",)),
        OperationParameter("superseded", "out", 0, 1, "boolean"),
        OperationParameter("replaced", "out", 0, None, "Reference", ("DocumentReference",)),
        OperationParameter(
            "resource", "out", 0, None,
            parts=(
                OperationParameter("type", "out", 1, 1, "code"),
                OperationParameter("created", "out", 1, 1, "unsignedInt"),
                OperationParameter("found", "out", 1, 1, "unsignedInt"),
            ),
        ),
        OperationParameter(
            "unmapped", "out", 0, None,
            parts=(
                OperationParameter("xpath", "out", 1, 1, "string"),
                OperationParameter("count", "out", 1, 1, "positiveInt"),
            ),
        ),
        OperationParameter(
            "template", "out", 0, None,
            parts=(
                OperationParameter("id", "out", 1, 1, "string"),
                OperationParameter("met", "out", 1, 1, "unsignedInt"),
                OperationParameter("structured", "out", 1, 1, "unsignedInt"),
            ),
        ),
        OperationParameter("issues", "out", 0, 1, "OperationOutcome"),
    ),
)  # fmt: skip


def import_document(context: Context, request: Request) -> Reply:
    """Store the document with all that it says: 200, with what became of it.

    Raises FhirError `unreadable-document`, `other-person`, `other-content`, and those of the deposit.
    """
    delivery = request.body
    if not isinstance(delivery, Delivery):
        raise refuse("empty-body", "The request has no document.")
    deposited = deposit(context, request, delivery)
    body = exact_json.encode(answer(deposited, delivery.result))
    if deposited.outcome == STORED:
        return Reply(200, body, audited=True)
    kind, _, id = deposited.document.partition("/")
    return Reply(200, body, shown=(Shown(deposited.owner, entity(kind, id, deposited.version)),))


def names(binder: Binder, request: Request) -> AnyNames:
    """Return whom a call names: the `patient`, else who has the identifiers in the document."""
    delivery = request.body
    if not isinstance(delivery, Delivery):
        return Nobody()
    if delivery.patient:
        texts = (f"Patient/{text}" if is_id(text) else text for text in delivery.patient)
        return one_of(binder.of_reference(text) for text in texts)
    found = (NamesIdentifier(f"{system}|{value}") for system, value in delivery.identifiers)
    return one_of(found, spellings=True)


def answer(deposited: Deposited, result: ImportResult) -> dict[str, Any]:
    """Return the Parameters of an answer."""
    parameters: list[dict[str, Any]] = [
        {"name": "outcome", "valueCode": deposited.outcome},
        {"name": "document", "valueReference": {"reference": deposited.document}},
    ]
    if deposited.patient is not None:
        parameters.append({"name": "patient", "valueReference": {"reference": deposited.patient}})
    parameters.append({"name": "superseded", "valueBoolean": deposited.is_superseded})
    parameters += [
        {"name": "replaced", "valueReference": {"reference": name}} for name in deposited.superseded
    ]
    types = sorted({*deposited.resources, *deposited.found})
    parameters += [
        _parts("resource", type=("Code", name), created=("UnsignedInt", deposited.resources.get(name, 0)),
               found=("UnsignedInt", deposited.found.get(name, 0)))
        for name in types
    ]  # fmt: skip
    parameters += [
        _parts("unmapped", xpath=("String", xpath), count=("PositiveInt", count))
        for xpath, count in sorted(result.unmapped.items())
    ]
    parameters += [
        _parts("template", id=("String", name), met=("UnsignedInt", met), structured=("UnsignedInt", made))
        for name, (met, made) in sorted(result.templates.items())
    ]
    if result.issues:
        parameters.append({"name": "issues", "resource": outcome_of(result.issues)})
    return {"resourceType": PARAMETERS, "parameter": parameters}


def outcome_of(issues: Iterable[ImportIssue]) -> dict[str, Any]:
    """Return the issues of an import as an OperationOutcome; `location` is the XPath in the original."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: ImportIssue) -> dict[str, Any]:
    told: dict[str, Any] = {
        "severity": issue.severity,
        "code": CODE_OF[issue.severity],
        "details": {"coding": [{"code": issue.kind}], "text": issue.text},
    }
    return told if issue.xpath is None else {**told, "location": [issue.xpath]}


def _parts(name: str, **parts: tuple[str, Any]) -> dict[str, Any]:
    told = [{"name": key, f"value{kind}": value} for key, (kind, value) in parts.items()]
    return {"name": name, "part": told}


INTERACTIONS = (
    Interaction(
        NAME, "system", "POST", f"/{NAME}", import_document,
        takes="document", declared=False, definition=DEFINITION.url, names=names,
    ),
)  # fmt: skip
