"""Requests to the server under test, and what their answers say."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

BASE = "http://fhir.example.org/fhir"
FHIR_JSON = "application/fhir+json"


def new_id() -> str:
    """Return an id that no other test uses."""
    return str(uuid.uuid4())


def send(
    client: FlaskClient, method: str, path: str, resource: Any = None, headers: dict[str, str] | None = None
) -> TestResponse:
    """Return the response to a request below the base; a body that is not bytes is sent as FHIR JSON."""
    fields = dict(headers or {})
    data = None
    if resource is not None:
        data = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        fields.setdefault("Content-Type", FHIR_JSON)
    return client.open(f"/fhir{path}", method=method, data=data, headers=fields)


def situation(response: TestResponse) -> str:
    """Return what the first issue of an OperationOutcome says, by our own code."""
    return issues(response)[0]["details"]["coding"][0]["code"]


def issues(response: TestResponse) -> list[dict[str, Any]]:
    """Return the issues of an answer that must be an OperationOutcome."""
    outcome = response.get_json(force=True)
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return outcome["issue"]


def patient(id: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a Patient of our own making."""
    return {"resourceType": "Patient", **({"id": id} if id else {}), "name": [{"family": "Martin"}], **more}


def observation(subject: str | None, id: str | None = None, **more: Any) -> dict[str, Any]:
    """Return an Observation about a subject (a literal reference)."""
    return {
        "resourceType": "Observation",
        **({"id": id} if id else {}),
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
        **({"subject": {"reference": subject}} if subject else {}),
        **more,
    }


def entry(method: str, url: str, resource: Any = None, full_url: str | None = None, **request: str) -> Any:
    """Return an entry of a batch or transaction."""
    made: dict[str, Any] = {} if full_url is None else {"fullUrl": full_url}
    if resource is not None:
        made["resource"] = resource
    return {**made, "request": {"method": method, "url": url, **request}}


def bundle(kind: str, *entries: Any) -> dict[str, Any]:
    """Return a Bundle."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def placeholder() -> str:
    """Return a fullUrl that stands for a resource to be created."""
    return f"urn:uuid:{uuid.uuid4()}"
