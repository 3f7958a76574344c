"""A transaction that names one person by several identifiers, and one that names two persons so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.governed import INS, Governed
from tests.http.calls import bundle, entry, new_id, observation

OTHER = "urn:test:local"


@pytest.fixture
def number(governed: Governed) -> str:
    """Two persons, `p-…` of the identifiers INS and OTHER, and `q-…` of INS with an x before the number."""
    id = new_id()
    governed.enrol(f"p-{id}", f"{INS}|{id}", f"{OTHER}|{id}")
    governed.enrol(f"q-{id}", f"{INS}|x{id}")
    governed.authorise(f"p-{id}")
    return id


def deposits(*references: str) -> dict[str, Any]:
    return bundle("transaction", *(entry("POST", "Observation", observation(one)) for one in references))


@pytest.mark.parametrize(
    ("spellings", "status"),
    [
        pytest.param(("Patient/p-{n}", "Patient?identifier={ins}|{n}"), 200, id="id-and-identifier"),
        pytest.param(
            ("Patient?identifier={ins}|{n}", "Patient?identifier={other}|{n}"), 200, id="two-identifiers"
        ),
        pytest.param(
            ("Patient/p-{n}", "Patient?identifier={ins}|{n}", "Patient?identifier={other}|{n}"), 200, id="all"
        ),
        pytest.param(
            ("Patient?identifier={ins}|{n}", "Patient?identifier={ins}|x{n}"), 403, id="of-two-persons"
        ),
        pytest.param(
            ("Patient?identifier={ins}|{n}", "Patient?identifier={ins}|y{n}"), 403, id="one-of-nobody"
        ),
        pytest.param(("Patient/q-{n}", "Patient?identifier={ins}|{n}"), 403, id="id-of-another"),
    ],
)
def test_a_transaction_names_one_person_in_any_spelling(
    governed: Governed, number: str, spellings: tuple[str, ...], status: int
) -> None:
    named = [one.format(n=number, ins=INS, other=OTHER) for one in spellings]
    answer = governed.doctor().post("/", deposits(*named))
    assert answer.status_code == status, answer.text
    found = governed.person(f"p-{number}").get(f"/Observation?patient=p-{number}&_summary=count")
    assert found.get_json()["total"] == (len(named) if status == 200 else 0)


def test_another_person_and_nobody_are_refused_alike(governed: Governed, number: str) -> None:
    bodies = set()
    for mark in "xy":
        named = (f"Patient?identifier={INS}|{number}", f"Patient?identifier={INS}|{mark}{number}")
        bodies.add(governed.doctor().post("/", deposits(*named)).data)
    assert len(bodies) == 1


def test_what_a_transaction_reads_may_be_named_by_identifier(governed: Governed, number: str) -> None:
    asked = bundle(
        "transaction",
        entry("POST", "Observation", observation(f"Patient/p-{number}")),
        entry("GET", f"Observation?patient.identifier={INS}|{number}"),
    )
    answer = governed.doctor().post("/", asked)
    assert answer.status_code == 200, answer.text
    read = answer.get_json()["entry"][1]
    assert (read["response"]["status"][:3], read["resource"]["total"]) == ("200", 1)
