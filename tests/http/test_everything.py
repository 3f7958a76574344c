"""`Patient/x/$everything` over HTTP.  Spec: https://hl7.org/fhir/R4/patient-operation-everything.html"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, new_id, observation, patient, send, situation

ORGANISATION = {"resourceType": "Organization", "name": "Clinic"}
DOCTOR = {"resourceType": "Practitioner", "name": [{"family": "Durand"}]}


@pytest.fixture(scope="module")
def record(app: Any) -> dict[str, str]:
    """A Patient with 12 Observations of some days, an undated Condition, and what these point to."""
    client, ids = app.test_client(), {name: new_id() for name in ("patient", "other", "doctor", "clinic")}
    person = f"Patient/{ids['patient']}"
    doctor = [{"reference": f"Practitioner/{ids['doctor']}"}]
    entries = [
        entry(
            "POST",
            "Observation",
            observation(person, effectiveDateTime=f"2026-01-{day:02d}", performer=doctor),
        )
        for day in range(1, 13)
    ]
    known = patient(ids["patient"], managingOrganization={"reference": f"Organization/{ids['clinic']}"})
    made = bundle(
        "transaction",
        entry("PUT", f"Organization/{ids['clinic']}", {**ORGANISATION, "id": ids["clinic"]}),
        entry("PUT", f"Practitioner/{ids['doctor']}", {**DOCTOR, "id": ids["doctor"]}),
        entry("PUT", f"Practitioner/{ids['other']}", {**DOCTOR, "id": ids["other"]}),
        entry("PUT", person, known),
        entry("PUT", f"Patient/{ids['other']}", patient(ids["other"])),
        entry("POST", "Condition", {"resourceType": "Condition", "subject": {"reference": person}}),
        entry(
            "POST",
            "Observation",
            observation(f"Patient/{ids['other']}", performer=[{"reference": f"Practitioner/{ids['other']}"}]),
        ),
        *entries,
    )
    assert send(client, "POST", "", made).status_code == 200
    return ids


def walk(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    found = []
    while address:
        response = send(client, "GET", address)
        assert response.status_code == 200, response.get_data(as_text=True)
        found.append(response.get_json())
        following = [link["url"] for link in found[-1]["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""
    return found


def places(pages: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['resource']['resourceType']}/{one['resource']['id']}"
        for page in pages
        for one in page.get("entry", [])
    ]


def test_the_whole_record_is_given_once_and_nothing_of_another(
    client: FlaskClient, record: dict[str, str]
) -> None:
    (page,) = walk(client, f"/Patient/{record['patient']}/$everything")
    found = places([page])
    assert len(found) == len(set(found)) == 1 + 12 + 1 + 2
    assert found[0] == f"Patient/{record['patient']}"
    assert found[-2:] == [f"Organization/{record['clinic']}", f"Practitioner/{record['doctor']}"]
    assert not any(record["other"] in place for place in found)
    assert page["total"] == 14
    assert [one["search"]["mode"] for one in page["entry"]] == ["match"] * 14 + ["include"] * 2


@pytest.mark.parametrize("size", [1, 3, 5, 13, 14, 15, 16])
def test_pages_of_any_size_join_to_the_whole(client: FlaskClient, record: dict[str, str], size: int) -> None:
    address = f"/Patient/{record['patient']}/$everything"
    pages = walk(client, f"{address}?_count={size}")
    assert places(pages) == places(walk(client, address))
    assert [len(page["entry"]) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert len(pages) == -(-16 // size)


def test_a_page_is_not_moved_by_what_is_written_after_the_first(
    client: FlaskClient, record: dict[str, str]
) -> None:
    person = new_id()
    kept = [f"2026-02-{day:02d}" for day in range(1, 7)]
    made = [
        entry("POST", "Observation", observation(f"Patient/{person}", effectiveDateTime=day)) for day in kept
    ]
    send(client, "POST", "", bundle("transaction", entry("PUT", f"Patient/{person}", patient(person)), *made))
    first = send(client, "GET", f"/Patient/{person}/$everything?_count=3").get_json()
    for day in ("2026-02-28", "2026-01-01"):
        send(client, "POST", "/Observation", observation(f"Patient/{person}", effectiveDateTime=day))
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    seen = places([first, *walk(client, following.removeprefix(BASE))])
    assert len(seen) == len(set(seen)) == 1 + 6 + 1


@pytest.mark.parametrize(
    ("query", "types", "observations"),
    [
        pytest.param("_type=Observation", {"Observation"}, 12, id="type"),
        pytest.param("_type=Patient,Practitioner", {"Patient", "Practitioner"}, 0, id="types"),
        pytest.param("start=2026-01-11", {"Patient", "Observation", "Condition"}, 2, id="start"),
        pytest.param("end=2026-01-03", {"Patient", "Observation", "Condition"}, 3, id="end"),
        pytest.param("start=2026-01-05&end=2026-01-06", {"Observation", "Condition"}, 2, id="period"),
        pytest.param("_since=2099-01-01T00:00:00Z", set(), 0, id="since"),
        pytest.param(
            "_since=2020-01-01T00:00:00Z", {"Patient", "Observation", "Condition"}, 12, id="since-all"
        ),
    ],
)
def test_what_is_asked_for_bounds_what_is_given(
    client: FlaskClient, record: dict[str, str], query: str, types: set[str], observations: int
) -> None:
    found = places(walk(client, f"/Patient/{record['patient']}/$everything?{query}"))
    assert types <= {place.partition("/")[0] for place in found}
    assert sum(place.startswith("Observation/") for place in found) == observations
    if "_type" in query:
        assert types == {place.partition("/")[0] for place in found}


def test_a_call_by_post_pages_by_get(client: FlaskClient, record: dict[str, str]) -> None:
    call = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 4}]}
    first = send(client, "POST", f"/Patient/{record['patient']}/$everything", call).get_json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    pages = [first, *walk(client, following.removeprefix(BASE))]
    assert places(pages) == places(walk(client, f"/Patient/{record['patient']}/$everything"))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        pytest.param("/Patient/never-was/$everything", 404, "not-found", id="nobody"),
        pytest.param("/Observation/x/$everything", 404, "unknown-operation", id="other-type"),
        pytest.param("/Patient/{}/$everything?start=soon", 400, "illegal-parameter-value", id="start"),
        pytest.param("/Patient/{}/$everything?_count=x", 400, "illegal-parameter-value", id="count"),
        pytest.param("/Patient/{}/$everything?_type=Robot", 400, "illegal-parameter-value", id="type"),
        pytest.param("/Patient/{}/$everything?code=x", 400, "unknown-parameter", id="unknown"),
        pytest.param("/Patient/{}/$everything?_cursor=AAAA", 400, "illegal-cursor", id="cursor"),
    ],
)
def test_a_wrong_call_is_refused(
    client: FlaskClient, record: dict[str, str], path: str, status: int, code: str
) -> None:
    response = send(client, "GET", path.format(record["patient"]))
    assert (response.status_code, situation(response)) == (status, code)


def test_a_cursor_serves_one_person_and_question_alone(client: FlaskClient, record: dict[str, str]) -> None:
    first = send(client, "GET", f"/Patient/{record['patient']}/$everything?_count=3").get_json()
    cursor = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("_cursor=")[
        2
    ]
    for path in (
        f"/Patient/{record['other']}/$everything?",
        f"/Patient/{record['patient']}/$everything?start=2026&",
    ):
        assert situation(send(client, "GET", f"{path}_cursor={cursor}")) == "illegal-cursor"
