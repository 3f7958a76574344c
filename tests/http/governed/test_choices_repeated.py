"""A choice under an Idempotency-Key is made once, however often it is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.governed import DOCTOR, Governed
from tests.http.calls import new_id, observation, situation
from tests.http.governed.choices import call, identifier, version

REPLAYED = "Idempotency-Replayed"


@pytest.fixture
def owner(governed: Governed) -> str:
    id = new_id()
    governed.enrol(id)
    governed.plant(observation(f"Patient/{id}", f"o-{id}"))
    return id


def test_a_repeat_chooses_nothing_anew_whatever_was_chosen_since(governed: Governed, owner: str) -> None:
    person, key = governed.person(owner), {"Idempotency-Key": new_id()}
    blocked = call(identifier=identifier(DOCTOR))
    first = person.post(f"/Patient/{owner}/$block", blocked, key)
    assert (version(first), first.headers.get(REPLAYED)) == (1, None)
    assert version(person.post(f"/Patient/{owner}/$unblock", blocked)) == 2
    again = person.post(f"/Patient/{owner}/$block", blocked, key)
    assert (version(again), again.headers[REPLAYED]) == (2, "true")
    assert governed.choices(owner).blocked == ()
    lines = [line for line in governed.journal(owner) if line["interaction"] == "$block"]
    assert [line["status"] for line in lines] == [200, 200]
    told = governed.store.catalogue.service("outbox").find({"owner": owner, "kind": "choice"})
    assert len(list(told)) == 2


def test_a_key_stands_for_one_choice(governed: Governed, owner: str) -> None:
    person, key = governed.person(owner), {"Idempotency-Key": new_id()}
    assert person.post(f"/Patient/{owner}/$hide", call(all=True), key).status_code == 200
    other = person.post(f"/Patient/{owner}/$hide", call(future=True), key)
    assert (other.status_code, situation(other)) == (422, "idempotency-key-reused")
    assert not governed.choices(owner).hide_future


def test_a_repeated_hide_does_not_hide_again_what_was_shown(governed: Governed, owner: str) -> None:
    person, key, item = governed.person(owner), {"Idempotency-Key": new_id()}, f"/Observation/o-{owner}"
    assert person.post(f"{item}/$hide", call(), key).status_code == 200
    assert person.post(f"{item}/$show", call()).status_code == 200
    assert person.post(f"{item}/$hide", call(), key).headers[REPLAYED] == "true"
    assert "security" not in person.get(item).get_json()["meta"]


def test_of_the_same_choice_sent_at_once_one_is_made(governed: Governed, owner: str) -> None:
    key = {"Idempotency-Key": new_id()}
    given = call(identifier=identifier(DOCTOR), relation="care-team")
    token = governed.token("person", owner, record=owner)

    def send(_: int) -> int:
        person = governed.nobody()
        headers = {**key, "Authorization": f"Bearer {token}"}
        return person.post(f"/Patient/{owner}/$authorise", given, headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, range(4))) == {200}
    assert governed.choices(owner).version == 1
