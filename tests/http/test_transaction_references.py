"""Links between the entries of a transaction, and to what is stored already.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import (
    BASE,
    FHIR_JSON,
    bundle,
    entry,
    issues,
    new_id,
    observation,
    patient,
    placeholder,
    send,
    situation,
)

SYSTEM = "urn:oid:1.2.4"


def post(client: FlaskClient, *entries: Any) -> list[dict[str, Any]]:
    """Return what a transaction of creates stored, in the order of the entries."""
    response = send(client, "POST", "", bundle("transaction", *entries))
    assert response.status_code == 200, response.data
    places = [answer["response"]["location"] for answer in response.get_json()["entry"]]
    return [send(client, "GET", f"/{place}", headers={"Accept": FHIR_JSON}).get_json() for place in places]


def test_a_placeholder_becomes_the_new_address_wherever_a_link_can_stand(client: FlaskClient) -> None:
    full_url = placeholder()
    sent = {
        **observation(full_url),
        "extension": [
            {"url": "urn:x:uri", "valueUri": full_url},
            {"url": "urn:x:url", "valueUrl": full_url},
            {"url": "urn:x:uuid", "valueUuid": full_url},
            {"url": "urn:x:canonical", "valueCanonical": full_url},
            {"url": "urn:x:string", "valueString": full_url},
            {"url": "urn:x:markdown", "valueMarkdown": full_url},
            {"url": "urn:x:reference", "valueReference": {"reference": full_url, "display": full_url}},
            {"url": "urn:x:attachment", "valueAttachment": {"url": f"{full_url}#page2"}},
        ],
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">'
            f'<a href="{full_url}">{full_url}</a><img src=\'{full_url}\' alt="x"/></div>',
        },
        "identifier": [{"value": full_url}],
        "_status": {"extension": [{"url": "urn:x:below", "valueReference": {"reference": full_url}}]},
        "focus": [{"reference": "#p"}, {"reference": "Patient/other"}],
        "contained": [{"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": full_url}, "type": "seealso"}]}],
    }  # fmt: skip
    created, stored = post(
        client, entry("POST", "Patient", patient(), full_url), entry("POST", "Observation", sent)
    )
    link = f"Patient/{created['id']}"
    values = [next(value for key, value in one.items() if key != "url") for one in stored["extension"]]
    assert values == [
        link, link, link, full_url, full_url, full_url,
        {"reference": link, "display": full_url}, {"url": f"{link}#page2"},
    ]  # fmt: skip
    assert stored["subject"]["reference"] == link
    assert stored["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml">'
        f'<a href="{link}">{full_url}</a><img src="{link}" alt="x"/></div>'
    )
    assert stored["identifier"] == [{"value": full_url}]
    assert stored["_status"]["extension"][0]["valueReference"]["reference"] == link
    assert [one["reference"] for one in stored["focus"]] == ["#p", "Patient/other"]
    assert stored["contained"][0]["link"][0]["other"]["reference"] == link


def test_links_lead_both_ways_and_in_circles(client: FlaskClient) -> None:
    one, other = placeholder(), placeholder()
    first, second = post(
        client,
        entry("POST", "Patient", patient(link=[{"other": {"reference": other}, "type": "seealso"}]), one),
        entry("POST", "Patient", patient(link=[{"other": {"reference": one}, "type": "seealso"}]), other),
    )
    assert first["link"][0]["other"]["reference"] == f"Patient/{second['id']}"
    assert second["link"][0]["other"]["reference"] == f"Patient/{first['id']}"


def test_addresses_of_another_server_become_ours(client: FlaskClient) -> None:
    there = f"https://there.example.org/fhir/Patient/{new_id()}"
    relative = there.removeprefix("https://there.example.org/fhir/")
    full_url = f"https://there.example.org/fhir/Observation/{new_id()}"
    created, absolute, versioned, by_base = post(
        client,
        entry("POST", "Patient", patient(relative.partition("/")[2]), there),
        entry("POST", "Observation", observation(there)),
        entry("POST", "Observation", observation(f"{there}/_history/3")),
        entry("POST", "Observation", observation(relative, full_url.rpartition("/")[2]), full_url),
    )
    for stored in (absolute, versioned, by_base):
        assert stored["subject"]["reference"] == f"Patient/{created['id']}"


def test_the_names_of_systems_and_definitions_are_no_links(client: FlaskClient) -> None:
    name = f"https://there.example.org/fhir/CodeSystem/{new_id()}"
    system = {
        "resourceType": "CodeSystem", "id": name.rpartition("/")[2], "url": name, "status": "draft",
        "content": "not-present",
    }  # fmt: skip
    coded = {**observation(None), "code": {"coding": [{"system": name, "code": "x"}]}}
    created, stored = post(
        client, entry("POST", "CodeSystem", system, name), entry("POST", "Observation", coded)
    )
    assert created["url"] == name
    assert stored["code"]["coding"][0]["system"] == name


def test_a_placeholder_of_an_update_is_its_address(client: FlaskClient) -> None:
    id, full_url = new_id(), placeholder()
    _, stored = post(
        client,
        entry("PUT", f"Patient/{id}", patient(id), full_url),
        entry("POST", "Observation", observation(full_url)),
    )
    assert stored["subject"]["reference"] == f"Patient/{id}"


def test_a_bundle_among_the_entries_keeps_its_own_links(client: FlaskClient) -> None:
    full_url = placeholder()
    inner = bundle("collection", {"fullUrl": placeholder(), "resource": observation(full_url)})
    _, stored = post(client, entry("POST", "Patient", patient(), full_url), entry("POST", "Bundle", inner))
    assert stored["entry"][0]["resource"]["subject"]["reference"] == full_url


def test_a_conditional_reference_becomes_the_one_match(client: FlaskClient) -> None:
    value = new_id()
    id = send(
        client, "POST", "/Patient", patient(identifier=[{"system": SYSTEM, "value": value}])
    ).get_json()["id"]
    (stored,) = post(
        client, entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|{value}"))
    )
    assert stored["subject"]["reference"] == f"Patient/{id}"


def test_a_conditional_reference_finds_what_the_same_bundle_creates_under_the_same_criteria(
    client: FlaskClient,
) -> None:
    text = f"identifier={SYSTEM}|{new_id()}"
    identifier = [{"system": SYSTEM, "value": text.rpartition("|")[2]}]
    created, stored = post(
        client,
        entry("POST", "Patient", patient(identifier=identifier), ifNoneExist=text),
        entry("POST", "Observation", observation(f"Patient?{text}")),
    )
    assert stored["subject"]["reference"] == f"Patient/{created['id']}"


@pytest.mark.parametrize(
    ("matches", "query", "status", "code"),
    [
        pytest.param(0, None, 412, "reference-criteria", id="none"),
        pytest.param(2, None, 412, "reference-criteria", id="several"),
        pytest.param(0, "_count=1", 412, "criteria-needed", id="criteria-without-a-filter"),
        pytest.param(0, "nonsense=1", 400, "unknown-parameter", id="unknown-parameter"),
    ],
)
def test_a_conditional_reference_without_one_match_refuses_the_whole(
    client: FlaskClient, matches: int, query: str | None, status: int, code: str
) -> None:
    value = new_id()
    for _ in range(matches):
        send(client, "POST", "/Patient", patient(identifier=[{"system": SYSTEM, "value": value}]))
    wanted = query or f"identifier={SYSTEM}|{value}"
    marked = observation("Patient/x", note=[{"text": value}])
    focused = {
        **observation("Patient/x"),
        "focus": [{"reference": "Patient/x"}, {"reference": f"Patient?{wanted}"}],
    }
    response = send(
        client,
        "POST",
        "",
        bundle("transaction", entry("POST", "Observation", marked), entry("POST", "Observation", focused)),
    )
    assert (response.status_code, situation(response)) == (status, code)
    assert issues(response)[0]["expression"] == ["Bundle.entry[1].resource.focus[1].reference"]


def test_content_is_of_the_person_whose_document_points_to_it(client: FlaskClient) -> None:
    person, content = placeholder(), placeholder()
    document = {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": person},
        "content": [{"attachment": {"contentType": "text/plain", "url": content}}],
    }  # fmt: skip
    created, binary, _ = post(
        client,
        entry("POST", "Patient", patient(), person),
        entry(
            "POST", "Binary", {"resourceType": "Binary", "contentType": "text/plain", "data": "YQ=="}, content
        ),
        entry("POST", "DocumentReference", document),
    )
    other = patient(new_id())
    moved = {**binary, "securityContext": {"reference": f"Patient/{other['id']}"}}
    response = send(client, "PUT", f"/Binary/{binary['id']}", moved)
    assert (response.status_code, situation(response)) == (422, "owner-changed")
    kept = {**binary, "securityContext": {"reference": f"Patient/{created['id']}"}}
    assert send(client, "PUT", f"/Binary/{binary['id']}", kept).status_code == 200


def test_two_persons_in_one_record_are_refused_at_their_entry(client: FlaskClient) -> None:
    persons, targets = (placeholder(), placeholder()), (placeholder(), placeholder())
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": "2026-11-22T08:00:00Z",
        "agent": [{"who": {"display": "somebody"}}],
    }
    entries = [entry("POST", "Patient", patient(), person) for person in persons]
    entries += [entry("POST", "Observation", observation(*about)) for about in zip(persons, strict=True)]
    for made, target in zip(entries[2:], targets, strict=True):
        made["fullUrl"] = target
    response = send(
        client, "POST", "", bundle("transaction", *entries, entry("POST", "Provenance", provenance))
    )
    assert (response.status_code, situation(response)) == (422, "two-persons")
    assert issues(response)[0]["expression"] == ["Bundle.entry[4].resource"]


def test_absolute_urls_below_our_base_count_as_ours(client: FlaskClient) -> None:
    id = new_id()
    _, stored = post(
        client,
        entry("PUT", f"Patient/{id}", patient(id), f"{BASE}/Patient/{id}"),
        entry("POST", "Observation", observation(f"{BASE}/Patient/{id}")),
    )
    assert stored["subject"]["reference"] == f"Patient/{id}"
