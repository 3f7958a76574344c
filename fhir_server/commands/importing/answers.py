"""From what the server, or the converter, says of a document to a line of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from fhir_server.commands.importing.report import CONVERTED, REFUSED, FileResult, Refusal
from fhir_server.commands.loading.sender import Answer
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError
from importers.result import ImportResult


def of_answer(place: str, answer: Answer) -> FileResult:
    """Return what the answer of `$import-document` says became of a file."""
    try:
        tree = exact_json.decode(answer.body)
    except FhirError:
        tree = {}
    if answer.status >= 400 or tree.get("resourceType") != "Parameters":
        return refused(place, _refusal(answer.status, tree))
    parameters: list[dict[str, Any]] = tree.get("parameter", [])
    issues: list[dict[str, Any]] = next(
        (one["resource"]["issue"] for one in parameters if one["name"] == "issues"), []
    )
    return FileResult(
        place=place,
        outcome=next(str(one["valueCode"]) for one in parameters if one["name"] == "outcome"),
        document=next(one["valueReference"]["reference"] for one in parameters if one["name"] == "document"),
        resources={parts["type"]: parts["created"] for parts in _parts(parameters, "resource")},
        found={parts["type"]: parts["found"] for parts in _parts(parameters, "resource") if parts["found"]},
        unmapped={parts["xpath"]: parts["count"] for parts in _parts(parameters, "unmapped")},
        templates={
            parts["id"]: (parts["met"], parts["structured"]) for parts in _parts(parameters, "template")
        },
        issues=dict(Counter(issue["details"]["coding"][0]["code"] for issue in issues)),
    )


def of_result(place: str, result: ImportResult) -> FileResult:
    """Return the line of a document that was only converted."""
    return FileResult(
        place=place,
        outcome=CONVERTED,
        resources=dict(Counter(entry["resource"]["resourceType"] for entry in result.bundle["entry"])),
        unmapped=dict(result.unmapped),
        templates=dict(result.templates),
        issues=dict(Counter(issue.kind for issue in result.issues)),
    )


def refused(place: str, refusal: Refusal) -> FileResult:
    """Return the line of a file that was not stored."""
    return FileResult(place, REFUSED, refusal)


def _refusal(status: int, outcome: dict[str, Any]) -> Refusal:
    issues = outcome.get("issue", [])
    if not issues:
        return Refusal(f"status-{status}", f"The server answered {status}.")
    details = issues[0].get("details", {})
    codings = details.get("coding", [])
    kind = codings[0].get("code", "") if codings else issues[0].get("code", "")
    places = ", ".join(issues[0].get("expression", []))
    text = str(details.get("text") or issues[0].get("diagnostics") or "")
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return Refusal(str(kind), f"{places}: {text}{more}" if places else text + more)


def _parts(parameters: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    for one in parameters:
        if one["name"] == name:
            yield {part["name"]: next(v for k, v in part.items() if k != "name") for part in one["part"]}
