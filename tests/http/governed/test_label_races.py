"""A label that comes or goes in the same instant in which something is derived from what has it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from fhir_server.access.policy import MASKED, WITHHELD_FROM_PERSON
from fhir_server.interactions.assemble import Identity, Version, new_version, whole_milliseconds
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.unit_of_work import UnitOfWork, VersionConflict
from tests.governed import Governed
from tests.http.governed.choices import call
from tests.http.governed.labelled import (
    ALL,
    MASK,
    commit,
    created,
    document,
    hide,
    labels,
    observation,
    relabelled,
)

ROUNDS = 12


def from_source(person: str, *sources: str) -> dict[str, Any]:
    return observation(person, derivedFrom=[{"reference": name} for name in sources])


def drafted(governed: Governed, resource: dict[str, Any], id: str) -> Version:
    """Return what a deposit would write, worked out by now and committed later."""
    context = governed.context
    now = context.clock.now()
    request = Request("create", ALL, now, "test", resource["resourceType"])
    identity = Identity(resource["resourceType"], id, 1, whole_milliseconds(now))
    exact = exact_json.decode(exact_json.encode(resource))
    return new_version(context, request, exact, identity)


def deposit(governed: Governed, version: Version) -> None:
    work = UnitOfWork(ALL, creates=(version.document,), relabels=version.relabels, flows=version.flows)
    governed.context.records.commit(work)


def test_a_deposit_that_did_not_see_the_label_of_its_source_is_worked_out_anew(
    governed: Governed, person: str
) -> None:
    source = created(governed.doctor().post("/Observation", observation(person)))
    unaware = drafted(governed, from_source(person, source), f"{person}-d")
    hide(governed, source)
    with pytest.raises(VersionConflict):
        deposit(governed, unaware)
    deposit(governed, drafted(governed, from_source(person, source), f"{person}-d"))
    assert labels(governed, f"Observation/{person}-d") == {MASKED}


def test_a_deposit_that_did_not_see_its_source_come_is_worked_out_anew(
    governed: Governed, person: str
) -> None:
    unaware = drafted(governed, from_source(person, f"Observation/{person}-s"), f"{person}-d")
    governed.plant({**observation(person, MASK), "id": f"{person}-s"})
    with pytest.raises(VersionConflict):
        deposit(governed, unaware)


def test_a_label_that_did_not_see_a_deposit_come_is_worked_out_anew(governed: Governed, person: str) -> None:
    source = created(governed.doctor().post("/Observation", observation(person)))
    unaware, before = relabelled(governed, source, add=[MASKED])
    derived = created(governed.doctor().post("/Observation", from_source(person, source)))
    with pytest.raises(VersionConflict):
        commit(governed, unaware, before)
    hide(governed, source)
    assert labels(governed, derived) == {MASKED}


def test_two_labels_that_did_not_see_each_other_do_not_undo_each_other(
    governed: Governed, person: str
) -> None:
    doctor = governed.doctor()
    first = created(doctor.post("/Observation", observation(person, MASK)))
    second = created(doctor.post("/Observation", observation(person)))
    derived = created(doctor.post("/Observation", from_source(person, first, second)))
    shown, before = relabelled(governed, first, drop=[MASKED])
    hide(governed, second)
    with pytest.raises(VersionConflict):
        commit(governed, shown, before)
    assert labels(governed, derived) == {MASKED}


def test_what_is_in_another_record_is_no_source(governed: Governed, person: str) -> None:
    governed.enrol(f"{person}-o")
    foreign = f"Observation/{person}-f"
    governed.plant({**observation(f"{person}-o", MASK), "id": f"{person}-f"})
    deposit(governed, drafted(governed, from_source(person, foreign), f"{person}-d"))
    assert labels(governed, f"Observation/{person}-d") == set()


def test_content_that_two_documents_share_keeps_the_label_of_the_other(
    governed: Governed, person: str
) -> None:
    doctor = governed.doctor()
    content = {
        "resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0=",
        "securityContext": {"reference": f"Patient/{person}"},
    }  # fmt: skip
    binary = created(doctor.post("/Binary", content))
    created(doctor.post("/DocumentReference", document(person, MASK, url=binary)))
    created(doctor.post("/DocumentReference", document(person, url=binary)))
    assert labels(governed, binary) == {MASKED}


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    gate = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        gate.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.parametrize("label", [MASKED, WITHHELD_FROM_PERSON])
def test_whatever_comes_first_what_is_derived_has_the_label(
    governed: Governed, person: str, label: str
) -> None:
    doctor, hider = governed.doctor(), governed.person(person) if label == MASKED else governed.doctor()
    for _ in range(ROUNDS):
        source = created(doctor.post("/Observation", observation(person)))
        deposits = [governed.doctor() for _ in range(3)]
        hidden, *answers = at_once(
            lambda source=source: hider.post(f"/{source}/$hide", call(label=label)),
            *(
                lambda one=one, source=source: one.post("/Observation", from_source(person, source))
                for one in deposits
            ),
        )
        assert hidden.status_code == 200, hidden.text
        for answer in answers:
            assert labels(governed, created(answer)) == {label}
