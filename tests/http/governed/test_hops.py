"""Chains, `_has`, includes and compartments where access is governed: what is hidden leads nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.governed import CLINIC, OTHER_DOCTOR, Governed
from tests.http.calls import observation


def reference(to: str) -> dict[str, str]:
    return {"reference": to}


def visit(id: str, **more: Any) -> dict[str, Any]:
    fixed = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    return {**fixed, "id": id, "subject": reference("Patient/hop-1"), **more}


@pytest.fixture(scope="module")
def world(governed: Governed) -> Governed:
    """A person whose hidden visit and shown visit have one shown Observation each, and a person who refused."""
    governed.enrol("hop-1")
    governed.enrol("hop-2")
    masked = {"meta": {"security": [governed.label("masked")]}}
    governed.plant(visit("hop-shown"), visit("hop-hidden", **masked), authors=(OTHER_DOCTOR, CLINIC))
    for name in "shown", "hidden", "absent":
        seen = observation("Patient/hop-1", f"hop-o-{name}", encounter=reference(f"Encounter/hop-{name}"))
        governed.plant(seen, authors=(OTHER_DOCTOR, CLINIC))
    governed.authorise("hop-1")
    return governed


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/Observation?patient=hop-1&encounter._id=hop-{}", id="chain"),
        pytest.param("/Observation?_id=hop-o-{}&patient=hop-1&_include=Observation:encounter", id="include"),
        pytest.param("/Encounter?patient=hop-1&_has:Observation:encounter:_id=hop-o-{}", id="has"),
        pytest.param("/Encounter/hop-{}/Observation", id="compartment"),
        pytest.param("/Encounter/hop-{}/*", id="whole-compartment"),
        pytest.param("/Patient/hop-1/Encounter?_id=hop-{}", id="member"),
    ],
)
def test_what_is_hidden_leads_where_what_is_absent_leads(world: Governed, address: str) -> None:
    doctor = world.doctor()
    hidden, absent = (doctor.get(address.format(name)) for name in ("hidden", "absent"))
    assert (hidden.status_code, hidden.data.replace(b"hidden", b"absent")) == (
        absent.status_code,
        absent.data,
    ) or (_without_matches(hidden.get_json(), "hidden") == _without_matches(absent.get_json(), "absent"))
    shown = doctor.get(address.format("shown")).get_json()
    assert any("Encounter/hop-shown" in str(one) for one in shown["entry"])


def _without_matches(page: dict[str, Any], name: str) -> Any:
    """Return a page without what its own resources say of when they were stored."""
    for one in page.get("entry", []):
        one["resource"].pop("meta", None)
    return str(page).replace(name, "x")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        pytest.param("/Patient/hop-1/Observation", 200, id="person"),
        pytest.param("/Patient/hop-1/*", 200, id="all-of-a-person"),
        pytest.param("?_type=Observation,Encounter&patient=hop-1", 200, id="types-of-a-person"),
        pytest.param("/Patient/hop-2/Observation", 403, id="person-who-did-not-allow"),
        pytest.param("/Patient/hop-2/*", 403, id="all-of-a-person-who-did-not-allow"),
        pytest.param("/Patient/hop-3/*", 403, id="nobody"),
        pytest.param("?_type=Observation,Encounter&patient=hop-2", 403, id="types-of-another"),
        pytest.param("?_id=hop-o-shown", 403, id="no-person"),
        pytest.param("/Practitioner/hop-d/Observation", 403, id="practitioner-alone"),
        pytest.param("/Observation?patient.name=Martin", 403, id="chain-alone"),
        pytest.param("/Patient?_has:Observation:patient:code=8310-5", 403, id="has-alone"),
    ],
)
def test_a_search_has_to_name_a_person_who_allows_it(world: Governed, address: str, status: int) -> None:
    assert world.doctor().get(address).status_code == status
