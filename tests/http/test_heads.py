"""HEAD wherever there is a GET, and reads and searches within a batch.

Spec: https://hl7.org/fhir/R4/http.html#head
"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from fhir_server.interactions.table import INTERACTIONS
from fhir_server.operations import operations
from tests.http.calls import bundle, entry, new_id, patient, send

READS = sorted({row.shape for row in (*INTERACTIONS, *operations()) if row.method == "GET"})


@pytest.mark.parametrize("shape", READS)
def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient, shape: str) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    lastn = shape.endswith("$lastn")
    path = (
        shape.replace("<resource_type>", "Observation" if lastn else "Patient")
        .replace("<id>", id)
        .replace("<version_id>", "1")
    )
    path = path.replace("<compartment>", "Patient").replace("<compartment_id>", id)
    query = f"?_id={id}" if shape in ("/<resource_type>", "") else f"?patient={id}&code=x" if lastn else ""
    get, head = send(client, "GET", path + query), send(client, "HEAD", path + query)
    # What was read from no document has no place in one.
    assert get.status_code == head.status_code == (404 if shape.endswith("$source") else 200)
    assert get.data
    assert head.data == b""
    differing = {"Date", "X-Request-Id", "Content-Length"}
    assert {one for one in get.headers if one[0] not in differing} == {
        one for one in head.headers if one[0] not in differing
    }


def test_a_batch_reads_searches_and_tells_histories(client: FlaskClient) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    urls = [
        f"Patient/{id}",
        f"Patient/{id}/_history/1",
        f"Patient?_id={id}",
        f"Patient/{id}/_history",
        "metadata",
    ]
    urls += ["Patient/_history?_count=1", "_history?_count=1", f"Patient/{id}?_elements=gender"]
    answers = send(client, "POST", "", bundle("batch", *(entry("GET", url) for url in urls))).get_json()[
        "entry"
    ]
    assert {one["response"]["status"] for one in answers} == {"200 OK"}
    kinds = [one["resource"].get("type", one["resource"]["resourceType"]) for one in answers]
    assert kinds == [
        "Patient", "Patient", "searchset", "history", "CapabilityStatement", "history", "history", "Patient",
    ]  # fmt: skip
    assert answers[2]["resource"]["total"] == 1


@pytest.mark.parametrize("kind", ["collection", "transaction", "batch", "document"])
def test_a_bundle_sent_to_its_type_is_stored_as_it_is(client: FlaskClient, kind: str) -> None:
    full_url, id = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", new_id()
    inner = entry("POST", "Patient", patient(id), full_url)
    if kind in ("collection", "document"):
        del inner["request"]
    if kind == "document":
        code = {"text": "letter"}
        composition = {
            "resourceType": "Composition", "status": "final", "type": code, "date": "2026", "title": "Letter",
            "author": [{"reference": full_url}],
        }  # fmt: skip
        first = {"fullUrl": "urn:uuid:d757873d-ec9a-4326-a141-556f43239521", "resource": composition}
        sent = bundle(kind, first, inner) | {
            "identifier": {"system": "urn:x", "value": "1"},
            "timestamp": "2026-11-22T08:00:00Z",
        }
    else:
        sent = bundle(kind, inner)
    created = send(client, "POST", "/Bundle", sent)
    assert created.status_code == 201, created.text
    kept = created.get_json()
    assert kept["entry"] == sent["entry"]
    assert send(client, "GET", f"/Patient/{id}").status_code == 404
