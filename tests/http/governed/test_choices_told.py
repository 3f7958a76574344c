"""A choice is one commit: its Consents, its line in the journal, who is told of it; and the next request obeys."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.access.choices import read_choices
from tests.conftest import FixedClock
from tests.governed import CLINIC, DOCTOR, OTHER_DOCTOR, RPPS, Governed
from tests.http.calls import observation, situation
from tests.http.governed.choices import call, consents, in_force, party, version
from tests.http.governed.conftest import MakeGoverned

AUTHOR = f"{RPPS}|899700000999"


@pytest.fixture
def server(make_governed: MakeGoverned) -> Governed:
    made = make_governed()
    made.enrol("p")
    made.plant(observation("Patient/p", "o"), authors=(AUTHOR, CLINIC))
    return made


def act(server: Governed, name: str, **given: Any) -> Any:
    return server.person("p").post(f"/Patient/p/{name}", call(**given))


def kept(uri: str, database: str, collection: str) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](uri) as client:
        return list(client[database][collection].find())


def test_a_consent_follows_the_choice_that_it_mirrors(server: Governed, clock: FixedClock) -> None:
    person = server.person("p")
    act(server, "$authorise", actor=party(DOCTOR), relation="consent", end="2027-01-01")
    [first] = consents(person, "p")
    clock.advance(minutes=1)
    act(server, "$authorise", actor=party(DOCTOR), relation="consent", end="2027-06-01")
    [renewed] = consents(person, "p")
    assert (renewed["id"], renewed["status"], renewed["meta"]["versionId"]) == (first["id"], "active", "2")
    assert renewed["provision"]["period"]["start"] == first["provision"]["period"]["start"]
    assert renewed["provision"]["period"]["end"] != first["provision"]["period"]["end"]
    act(server, "$withdraw", actor=party(DOCTOR))
    [ended] = consents(person, "p")
    assert (ended["id"], ended["status"], ended["meta"]["versionId"]) == (first["id"], "inactive", "3")
    act(server, "$authorise", actor=party(DOCTOR), relation="consent")
    assert sorted(one["status"] for one in consents(person, "p")) == ["active", "inactive"]


def test_a_block_ends_the_consents_of_what_it_beats(server: Governed) -> None:
    act(server, "$authorise", actor=party(DOCTOR), relation="care-team")
    act(server, "$block", actor=party(DOCTOR))
    found = {
        one["category"][0]["coding"][0]["code"]: one["status"] for one in consents(server.person("p"), "p")
    }
    assert found == {"authorisation": "inactive", "block": "active"}


def test_a_mirror_is_written_by_the_operations_alone(server: Governed) -> None:
    act(server, "$block", actor=party(DOCTOR))
    person = server.person("p")
    [consent] = consents(person, "p")
    path = f"/Consent/{consent['id']}"
    for answer in (
        person.put(path, {**consent, "status": "inactive"}),
        person.post("/Consent", {key: value for key, value in consent.items() if key != "id"}),
    ):
        assert (answer.status_code, situation(answer)) == (422, "operation-only"), answer.text
    assert server.doctor().get("/Observation/o").status_code == 404


def test_a_choice_is_in_the_journal_once_and_told_to_the_person(
    server: Governed, database_uri: str, database_name: str
) -> None:
    before = len(kept(database_uri, database_name, "audit"))
    act(server, "$block", actor=party(DOCTOR))
    audit = kept(database_uri, database_name, "audit")
    assert len(audit) == before + 1
    told = [one for one in kept(database_uri, database_name, "outbox") if one["kind"] == "choice"]
    assert len(told) == 1
    assert told[0]["owner"] == "p"
    assert list(told[0]["recipients"]) == ["person"]


def test_a_choice_that_changes_nothing_or_is_refused_is_in_the_journal_and_not_told(
    server: Governed, database_uri: str, database_name: str
) -> None:
    act(server, "$block", actor=party(DOCTOR))
    lines = len(kept(database_uri, database_name, "audit"))
    assert act(server, "$block", actor=party(DOCTOR)).status_code == 200
    assert act(server, "$emergency-switch", switch="none", on=True).status_code == 422
    audit = kept(database_uri, database_name, "audit")
    assert len(audit) == lines + 2
    assert [one["owner"] for one in audit[lines:]] == ["p", "p"]
    assert len([one for one in kept(database_uri, database_name, "outbox") if one["kind"] == "choice"]) == 1


def test_what_is_withheld_from_the_person_is_not_told_to_it_until_it_opens(
    server: Governed, database_uri: str, database_name: str
) -> None:
    act(server, "$authorise", actor=party(AUTHOR), relation="care-team")
    author = server.doctor(AUTHOR, CLINIC)
    told = len(kept(database_uri, database_name, "outbox"))
    given = call(label="withheld-from-person")
    assert author.post("/Observation/o/$hide", given).status_code == 200
    assert server.person("p").get("/Observation/o").status_code == 404
    later = kept(database_uri, database_name, "outbox")[told:]
    named = [one for one in later if one["entities"]]
    assert named
    for one in named:
        assert "person" not in one["recipients"] or one.get("opens"), one
    told += len(later)
    assert author.post("/Observation/o/$show", given).status_code == 200
    assert server.person("p").get("/Observation/o").status_code == 200
    released = kept(database_uri, database_name, "outbox")[told:]
    assert [(one["kind"], list(one["recipients"])) for one in released] == [("deposit", ["person"])]


def test_the_stored_choices_are_what_the_answer_says(server: Governed) -> None:
    answer = act(server, "$emergency-switch", switch="break-glass", on=False)
    document = server.store.choices.of("p")
    assert document is not None
    choices = read_choices(document)
    assert choices.version == version(answer) == 1
    assert dict(choices.switches) == {"break-glass": False}
    assert ("emergency-switch", "Emergency access `break-glass` is refused.") in [
        (kind, english) for kind, english, _ in in_force(answer)
    ]


def test_a_choice_holds_for_the_next_request_on_every_server(
    server: Governed, make_governed: MakeGoverned
) -> None:
    other = make_governed()
    act(server, "$authorise", actor=party(DOCTOR), relation="care-team")
    assert other.doctor().get("/Observation/o").status_code == 200
    for _ in range(3):
        act(server, "$block", actor=party(DOCTOR))
        assert other.doctor().get("/Observation/o").status_code == 404
        act(other, "$unblock", actor=party(DOCTOR))
        act(other, "$authorise", actor=party(DOCTOR), relation="care-team")
        assert server.doctor().get("/Observation/o").status_code == 200


def test_a_clock_that_runs_behind_the_last_choice_changes_nothing(
    server: Governed, clock: FixedClock
) -> None:
    act(server, "$block", actor=party(DOCTOR))
    clock.advance(minutes=-10)
    refused = act(server, "$unblock", actor=party(DOCTOR))
    assert (refused.status_code, situation(refused)) == (503, "clock-behind")
    assert server.choices("p").version == 1


def emergency(server: Governed, mode: str) -> Any:
    if mode == "BTG":
        return server.doctor(purpose="BTG", reason="unconscious")
    return server.doctor(purpose="ETREAT", situation="regulation")


@pytest.mark.parametrize("masked", [True, False], ids=["masked-on", "masked-off"])
@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "normal"])
@pytest.mark.parametrize("glass", [True, False], ids=["glass-on", "glass-off"])
@pytest.mark.parametrize("regulation", [True, False], ids=["regulation-on", "regulation-off"])
def test_the_three_switches_decide_what_an_emergency_opens(
    server: Governed, regulation: bool, glass: bool, hidden: bool, masked: bool
) -> None:
    for name, on in (("regulation", regulation), ("break-glass", glass), ("masked", masked)):
        assert act(server, "$emergency-switch", switch=name, on=on).status_code == 200
    if hidden:
        assert server.person("p").post("/Observation/o/$hide", call()).status_code == 200
    for mode, allowed in (("BTG", glass), ("ETREAT", regulation)):
        speaker = emergency(server, mode)
        expected = 200 if allowed and (masked or not hidden) else 404
        assert speaker.get("/Observation/o").status_code == expected, mode
        page = speaker.get("/Observation?patient=p")
        assert page.status_code == (200 if allowed else 403)
        if allowed:
            assert page.get_json()["total"] == (1 if expected == 200 else 0)


class TestSeeAs:
    """The person sees what somebody else would see."""

    def ask(self, server: Governed, query: str) -> dict[str, Any]:
        answer = server.person("p").get(f"/Patient/p/$see-as?{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = {"because": [], "type": {}}
        for one in answer.get_json()["parameter"]:
            name = one["name"]
            if name == "because":
                found["because"].append(part(one, "kind"))
            elif name == "type":
                found["type"][part(one, "name")] = (part(one, "seen"), part(one, "hidden"))
            elif name == "item":
                found["item"] = part(one, "en")
            else:
                found[name] = next(value for key, value in one.items() if key != "name")
        return found

    def test_nobody_is_authorised_at_first(self, server: Governed) -> None:
        found = self.ask(server, f"profession=doctor&actor={DOCTOR}")
        assert found["type"]["Observation"] == (0, 1)
        item = self.ask(server, f"profession=doctor&actor={DOCTOR}&resource=Observation/o")
        assert item["seen"] is False

    def test_it_foretells_what_the_other_gets(self, server: Governed) -> None:
        act(server, "$authorise", actor=party(DOCTOR), relation="care-team")
        server.plant(observation("Patient/p", "two"), authors=(AUTHOR, CLINIC))
        server.person("p").post("/Observation/two/$hide", call())
        found = self.ask(server, f"profession=doctor&actor={DOCTOR}")
        assert (found["decision"], found["rule"]) == ("permit", "authorised")
        assert found["type"]["Observation"] == (1, 1)
        assert "authorisation" in found["because"]
        assert server.doctor().get("/Observation?patient=p").get_json()["total"] == 1
        item = self.ask(server, f"profession=doctor&actor={DOCTOR}&resource=Observation/two")
        assert (item["seen"], item["item"]) == (False, "This item would not be seen: you hid it.")

    def test_it_names_the_block(self, server: Governed) -> None:
        act(server, "$block", actor=party(DOCTOR))
        found = self.ask(server, f"profession=doctor&actor={DOCTOR}&purpose=BTG")
        assert (found["decision"], found["rule"]) == ("deny", "blocked-in-emergency")
        assert "block" in found["because"]

    def test_it_names_the_switch(self, server: Governed) -> None:
        assert self.ask(server, f"profession=doctor&actor={OTHER_DOCTOR}&purpose=BTG")["decision"] == "permit"
        act(server, "$emergency-switch", switch="break-glass", on=False)
        found = self.ask(server, f"profession=doctor&actor={OTHER_DOCTOR}&purpose=BTG")
        assert found["type"]["Observation"] == (0, 1)

    def test_a_payer_would_get_nothing(self, server: Governed) -> None:
        found = self.ask(server, "role=payer")
        assert found["decision"] == "deny"
        assert {seen for seen, _ in found["type"].values()} == {0}

    def test_it_is_not_told_of_what_is_withheld_from_it(self, server: Governed) -> None:
        withheld = {
            "security": [
                {
                    "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
                    "code": "INVISIBLE_PATIENT",
                }
            ]
        }
        act(server, "$authorise", actor=party(DOCTOR), relation="care-team")
        query = f"profession=doctor&actor={DOCTOR}"
        before = self.ask(server, query)
        server.plant(observation("Patient/p", "news", meta=withheld), authors=(AUTHOR, CLINIC))
        assert self.ask(server, query) == before
        refused = server.person("p").get(f"/Patient/p/$see-as?{query}&resource=Observation/news")
        assert (refused.status_code, situation(refused)) == (404, "not-found")

    def test_only_the_person_may_ask(self, server: Governed) -> None:
        act(server, "$set-role", role="treating-doctor", actor=party(DOCTOR))
        refused = server.doctor().get("/Patient/p/$see-as")
        assert (refused.status_code, situation(refused)) == (403, "refused")


def part(parameter: dict[str, Any], name: str) -> Any:
    """Return the value of one part of a parameter."""
    [found] = [one for one in parameter["part"] if one["name"] == name]
    return next(value for key, value in found.items() if key != "name")
