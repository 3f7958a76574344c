"""Orders, totals, `$everything` and `$lastn` inside the View: what is hidden is as what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.governed import DOCTOR, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import BASE, new_id
from tests.http.governed.labelled import MASK

SEEN, HIDDEN = "Practitioner/seen", "Practitioner/hidden"


@pytest.fixture
def record(governed: Governed, person: str) -> str:
    """A record of four Observations of which one is hidden by the person; only that one names HIDDEN."""
    governed.authorise(person, DOCTOR)
    if governed.store.records.owner_of("Practitioner", "seen") is None:
        for name in (SEEN, HIDDEN):
            id = name.partition("/")[2]
            found = governed.store.records.read("Practitioner", id, governed._view)
            if found is None:
                governed.plant({"resourceType": "Practitioner", "id": id})
    for nth in range(4):
        hidden = nth == 2
        made: dict[str, Any] = {
            "resourceType": "Observation", "id": new_id(), "status": "final",
            "subject": {"reference": f"Patient/{person}"},
            "code": {"coding": [{"system": "urn:x", "code": f"c{nth // 2}"}]},
            "effectiveDateTime": f"2026-01-0{nth + 1}",
            "performer": [{"reference": HIDDEN if hidden else SEEN}],
        }  # fmt: skip
        governed.plant(
            {**made, **({"meta": {"security": [MASK]}} if hidden else {})}, authors=(OTHER_DOCTOR,)
        )
    return person


def _pages(speaker: Speaker, address: str) -> list[dict[str, Any]]:
    found = []
    while address:
        response = speaker.get(address)
        assert response.status_code == 200, response.get_data(as_text=True)
        found.append(response.get_json())
        following = [link["url"] for link in found[-1]["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""
    return found


def _days(pages: list[dict[str, Any]]) -> list[str]:
    resources = [one["resource"] for page in pages for one in page.get("entry", [])]
    return [one["effectiveDateTime"][-1] for one in resources if one["resourceType"] == "Observation"]


@pytest.mark.parametrize("sort", ["date", "code,date", "performer,date"])
def test_an_order_and_its_pages_hold_what_is_seen_alone(governed: Governed, record: str, sort: str) -> None:
    asked = f"/Observation?patient={record}&_sort={sort}&_count=1&_total=accurate"
    pages = _pages(governed.doctor(), asked)
    assert _days(pages) == ["1", "2", "4"]
    assert {page["total"] for page in pages} == {3}
    assert _days(_pages(governed.person(record), asked)) in (["1", "2", "3", "4"], ["3", "1", "2", "4"])


def test_everything_is_what_is_seen_and_what_that_points_to(governed: Governed, record: str) -> None:
    for size in (1, 2, 50):
        pages = _pages(governed.doctor(), f"/Patient/{record}/$everything?_count={size}")
        assert sorted(_days(pages)) == ["1", "2", "4"]
        text = str(pages)
        assert SEEN.partition("/")[2] in text
        assert HIDDEN not in text
    assert sorted(_days(_pages(governed.person(record), f"/Patient/{record}/$everything"))) == list("1234")


def test_the_last_is_the_last_that_is_seen(governed: Governed, record: str) -> None:
    governed.plant({
        "resourceType": "Observation", "id": new_id(), "status": "final",
        "subject": {"reference": f"Patient/{record}"}, "code": {"coding": [{"system": "urn:x", "code": "c1"}]},
        "effectiveDateTime": "2026-01-09", "meta": {"security": [MASK]},
    }, authors=(OTHER_DOCTOR,))  # fmt: skip
    asked = f"/Observation/$lastn?patient={record}&code=c0,c1"
    assert _days(_pages(governed.doctor(), asked)) == ["4", "2"]
    assert _days(_pages(governed.person(record), asked)) == ["9", "2"]


def test_how_a_page_was_found_is_not_told(governed: Governed, record: str) -> None:
    assert governed.doctor().get(f"/Observation?patient={record}&_explain=true").status_code == 400


@pytest.mark.parametrize("path", ["/Patient/{}/$everything", "/Observation/$lastn?patient={}&code=c0"])
def test_who_is_refused_gets_what_is_said_of_nobody(governed: Governed, record: str, path: str) -> None:
    stranger = governed.doctor("urn:oid:1.2.250.1.71.4.2.1|899700000077", structure=None)
    refused, unknown = (stranger.get(path.format(id)) for id in (record, "never-was"))
    assert (refused.status_code, refused.data) == (unknown.status_code, unknown.data)
    assert refused.status_code == 403
    assert governed.doctor().get("/Observation/$lastn?code=c0").status_code == 403
