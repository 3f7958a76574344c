"""`$validate` follows references inside the View only: what is hidden leads as far as what is absent.

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.governed import Governed, Speaker
from tests.http.calls import issues, new_id
from tests.http.definitions import own_url, profile
from tests.http.governed.conftest import MakeGoverned
from tests.http.governed.labelled import MASK, observation
from tests.worlds.cast import DEPOSITOR


def posted_profile(governed: Governed) -> str:
    """Return a profile of results that come from amended results only."""
    amended, url = own_url(), own_url()
    only = {"path": "Observation.derivedFrom", "type": [{"code": "Reference", "targetProfile": [amended]}]}
    operator = governed.as_("operator")
    fixed = {"path": "Observation.status", "fixedCode": "amended"}
    for one in (profile(amended, "Observation", fixed), profile(url, "Observation", only)):
        assert operator.post("/StructureDefinition", one).status_code == 201
    return url


@pytest.fixture
def amended_sources(governed: Governed) -> str:
    return posted_profile(governed)


def planted(governed: Governed, person: str, *labels: dict[str, str]) -> str:
    id = new_id()
    governed.plant({**observation(person, *labels), "id": id}, authors=DEPOSITOR)
    return id


def judged(speaker: Speaker, address: str, url: str, resource: dict[str, Any]) -> list[dict[str, Any]]:
    answer = speaker.post(f"{address}/$validate?profile={url}", resource)
    assert answer.status_code == 200, answer.text
    return issues(answer)


def test_a_hidden_target_is_as_good_as_none(governed: Governed, person: str, amended_sources: str) -> None:
    own = planted(governed, person)
    seen, hidden, absent = planted(governed, person), planted(governed, person, MASK), new_id()
    found = {}
    for id in (seen, hidden, absent):
        derived = observation(person, derivedFrom=[{"reference": f"Observation/{id}"}])
        found[id] = judged(governed.doctor(), f"/Observation/{own}", amended_sources, {**derived, "id": own})
    assert found[hidden] == found[absent]
    assert [one["severity"] for one in found[seen]] == ["error"]


def test_what_is_stored_is_held_to_a_profile_by_who_sees_it(
    governed: Governed, person: str, amended_sources: str
) -> None:
    own, hidden = planted(governed, person), planted(governed, person, MASK)
    address = f"/Observation/{own}/$validate?profile={amended_sources}"
    assert governed.doctor().get(address).status_code == 200
    answers = [governed.doctor().get(f"/Observation/{id}/$validate") for id in (hidden, new_id())]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].data == answers[1].data


def test_a_validation_that_names_nobody_reaches_nothing(
    governed: Governed, person: str, amended_sources: str
) -> None:
    seen = planted(governed, person)
    derived = observation(person, derivedFrom=[{"reference": f"Observation/{seen}"}])
    found = judged(governed.doctor(), "/Observation", amended_sources, derived)
    assert [one["severity"] for one in found if one["severity"] == "error"] == []


def test_only_who_keeps_the_directory_writes_definitions(governed: Governed) -> None:
    answer = governed.doctor().post("/StructureDefinition", profile(own_url(), "Patient"))
    assert answer.status_code == 403


def test_a_write_is_held_to_what_its_writer_sees(make_governed: MakeGoverned) -> None:
    governed = make_governed(validation="profiles")
    governed.enrol("writes")
    governed.authorise("writes")
    url = posted_profile(governed)
    seen, hidden = planted(governed, "writes"), planted(governed, "writes", MASK)
    answers = []
    for id in (seen, hidden, new_id()):
        derived = observation("writes", derivedFrom=[{"reference": f"Observation/{id}"}])
        written = governed.doctor().post("/Observation", {**derived, "meta": {"profile": [url]}})
        answers.append(written.status_code)
    assert answers == [422, 201, 201]
