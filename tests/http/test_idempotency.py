"""A repeated write under one Idempotency-Key is done once and answered alike."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from fhir_server.store.open import Store
from tests.http.calls import bundle, entry, new_id, observation, patient, placeholder, send, situation


def _key() -> dict[str, str]:
    return {"Idempotency-Key": new_id()}


def _requests(id: str) -> list[Any]:
    full_url = placeholder()
    transaction = bundle(
        "transaction",
        entry("GET", f"Patient/{id}"),
        entry("POST", "Patient", patient(), full_url),
        entry("POST", "Observation", observation(full_url)),
        entry("PUT", f"Patient/{id}", patient(id)),
    )
    return [
        pytest.param("POST", "/Patient", patient(), 201, id="create"),
        pytest.param("PUT", f"/Patient/{id}p", patient(f"{id}p"), 201, id="update"),
        pytest.param("POST", "", transaction, 200, id="transaction"),
    ]


@pytest.mark.parametrize("prefer", ["return=representation", "return=minimal", "return=OperationOutcome"])
@pytest.mark.parametrize(("method", "path", "body", "status"), _requests("idempotent"))
def test_a_repeat_has_the_status_and_body_of_the_first(
    client: FlaskClient, method: str, path: str, body: Any, status: int, prefer: str
) -> None:
    unique = f"{new_id()}"
    path, body = path.replace("idempotent", unique), _renamed(body, unique)
    headers = {**_key(), "Prefer": prefer}
    first = send(client, method, path, body, headers)
    second = send(client, method, path, body, headers)
    assert first.status_code == second.status_code == status
    assert first.data == second.data
    for name in ("ETag", "Location", "Last-Modified"):
        assert first.headers.get(name) == second.headers.get(name)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def _renamed(body: Any, unique: str) -> Any:
    if isinstance(body, dict):
        return {key: _renamed(value, unique) for key, value in body.items()}
    if isinstance(body, list):
        return [_renamed(value, unique) for value in body]
    return body.replace("idempotent", unique) if isinstance(body, str) else body


def test_a_repeat_writes_nothing(client: FlaskClient, kept: Store) -> None:
    value, headers = new_id(), _key()
    body = patient(identifier=[{"value": value}])
    for _ in range(3):
        send(client, "POST", "/Patient", body, headers)
    assert send(client, "GET", f"/Patient?identifier={value}").get_json()["total"] == 1


def test_a_deletion_is_repeated_alike_although_the_resource_came_back(client: FlaskClient) -> None:
    id, headers = new_id(), _key()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    first = send(client, "DELETE", f"/Patient/{id}", headers=headers)
    send(client, "PUT", f"/Patient/{id}", patient(id))
    second = send(client, "DELETE", f"/Patient/{id}", headers=headers)
    assert (first.status_code, second.status_code) == (204, 204)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert send(client, "GET", f"/Patient/{id}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/Patient", id="another-body"),
        pytest.param("POST", "/Patient?_pretty=true", id="another-query"),
        pytest.param("POST", "", id="another-address"),
    ],
)
def test_a_key_is_for_one_request(client: FlaskClient, method: str, path: str) -> None:
    headers = _key()
    body = patient(active=True)
    assert send(client, "POST", "/Patient", body, headers).status_code == 201
    other = {**body, "active": False} if path == "/Patient" else body
    other = bundle("transaction", entry("POST", "Patient", body)) if path == "" else other
    response = send(client, method, path, other, headers)
    assert (response.status_code, situation(response)) == (422, "idempotency-key-reused")


def test_a_refused_request_does_not_use_up_its_key(client: FlaskClient) -> None:
    headers = _key()
    assert send(client, "POST", "/Patient", patient(nonsense=1), headers).status_code == 422
    assert send(client, "POST", "/Patient", patient(), headers).status_code == 201


def test_each_entry_of_a_batch_is_repeated_on_its_own(client: FlaskClient) -> None:
    headers = {**_key(), "Prefer": "return=representation"}
    value = new_id()
    body = bundle(
        "batch",
        entry("POST", "Patient", patient(identifier=[{"value": value}])),
        entry("POST", "Patient", patient(nonsense=1)),
    )
    first, second = (send(client, "POST", "", body, headers).get_json() for _ in range(2))
    assert first == second
    assert send(client, "GET", f"/Patient?identifier={value}").get_json()["total"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
def test_a_malformed_key_is_refused(client: FlaskClient, key: str) -> None:
    response = send(client, "POST", "/Patient", patient(), {"Idempotency-Key": key})
    assert (response.status_code, situation(response)) == (400, "malformed-header")


def test_the_receipt_holds_no_content(client: FlaskClient, kept: Store) -> None:
    headers = {**_key(), "Prefer": "return=representation"}
    send(client, "POST", "/Patient", patient(name=[{"family": "Unmistakable"}]), headers)
    receipts = list(kept.client[kept.database]["replay"].find())
    assert receipts
    assert "Unmistakable" not in repr(receipts)
