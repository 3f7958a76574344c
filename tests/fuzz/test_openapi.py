"""What schemathesis makes of the OpenAPI description: no 5xx, and every refusal is an OperationOutcome.

The description has one path for each address of an interaction.  The budget and the seed are fixed, so that a
run that fails fails again.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.sharpen import IDS, sharpened
from tests.fuzz.wire import Answer, fault_of, request, send, with_length
from tests.running import Running

EXAMPLES = 20
"""Requests for each method of each path."""


@pytest.fixture(scope="session")
def description(server: Running) -> dict[str, Any]:
    """The description as the server gives it."""
    address = urlsplit(server.url)
    with urllib.request.urlopen(f"http://{address.netloc}/openapi.json", timeout=30) as response:
        return dict(json.load(response))


@pytest.fixture(scope="session")
def api(server: Running, description: dict[str, Any]) -> Any:
    address = urlsplit(server.url)
    loaded = schemathesis.openapi.from_dict(sharpened(description))
    loaded.config.update(base_url=f"http://{address.netloc}")
    return loaded


INTERACTIONS = (
    ("/fhir/metadata", "get"), ("/fhir", "post"), ("/fhir/_history", "get"),
    ("/fhir/{resource_type}", "get"), ("/fhir/{resource_type}", "post"),
    ("/fhir/{resource_type}/_search", "post"), ("/fhir/{resource_type}/_history", "get"),
    ("/fhir/{resource_type}/{id}", "get"), ("/fhir/{resource_type}/{id}", "put"),
    ("/fhir/{resource_type}/{id}", "patch"), ("/fhir/{resource_type}/{id}", "delete"),
    ("/fhir/{resource_type}/{id}/_history", "get"),
    ("/fhir/{resource_type}/{id}/_history/{version_id}", "get"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "method"), INTERACTIONS)
def test_an_interaction_answers_or_says_why_not(server: Running, api: Any, path: str, method: str) -> None:
    store_patients(server)
    try_out(api[path][method])


def test_an_operation_answers_or_says_why_not(server: Running, api: Any, description: dict[str, Any]) -> None:
    """All that the description names beyond the interactions, whatever it is today."""
    described = {
        (path, method)
        for path, item in description["paths"].items()
        for method in item
        if method != "parameters"
    }
    store_patients(server)
    for path, method in sorted(described - set(INTERACTIONS)):
        try_out(api[path][method])


def store_patients(server: Running) -> None:
    """Store the patients that `sharpen` knows, whatever became of them before."""
    for id in IDS:
        body = json.dumps({"resourceType": "Patient", "id": id, "name": [{"family": "Fuzz"}]}).encode()
        kind = "Content-Type: application/fhir+json"
        answer = send(server.url, request("PUT", f"/fhir/Patient/{id}", kind, with_length(body), body=body))
        assert answer.status in (200, 201)


def try_out(operation: Any) -> None:
    """Send what schemathesis makes of an operation, and fail at the first answer that is wrong."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case) -> None:
        response = case.call()
        headers = {name.lower(): values[0] for name, values in response.headers.items()}
        answer = Answer(response.status_code, headers, response.content)
        assert fault_of(answer, case.method) is None, case.as_curl_command()

    check()
