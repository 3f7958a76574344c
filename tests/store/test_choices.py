"""The compiled choices of a person: found in one round trip, in force for all once they are confirmed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pymongo.monitoring import CommandListener, CommandStartedEvent

from fhir_server.access.ports import Held
from fhir_server.model.document import Document, SearchEntries
from fhir_server.model.outcome import FhirError
from fhir_server.model.predicate import Everything
from fhir_server.model.unit_of_work import ChoicesChange, Replace, UnitOfWork, VersionConflict
from fhir_server.model.view import ActorRef, View
from fhir_server.store.open import StoreOptions, open_store
from tests.store.conftest import NOON, OPEN, Make


def chosen(owner: str, expected: int, **document: Any) -> UnitOfWork:
    return UnitOfWork(OPEN, choices=ChoicesChange(owner, expected, document))


class Told(CommandListener):
    """The names of the commands that went to the database."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


def test_nobody_has_chosen_anything_at_first(store: Any) -> None:
    assert store.choices.of("p1") is None


def test_choices_come_back_with_their_owner_and_version(store: Any) -> None:
    until = NOON + timedelta(days=1)
    store.records.commit(chosen("p1", 0, blocked=[{"actor": "urn:x|1", "until": until}], at=NOON))
    found = store.choices.of("p1")
    assert found == {
        "owner": "p1", "version": 1, "at": NOON, "blocked": [{"actor": "urn:x|1", "until": until}]
    }  # fmt: skip
    assert found["at"].tzinfo is not None
    assert store.choices.of("p2") is None


def test_a_change_follows_the_version_that_it_was_made_from(store: Any) -> None:
    store.records.commit(chosen("p1", 0, state="open"))
    store.records.commit(chosen("p1", 1, state="opposed"))
    assert (store.choices.of("p1")["version"], store.choices.of("p1")["state"]) == (2, "opposed")


@pytest.mark.parametrize("expected", [0, 2])
def test_a_change_of_another_version_is_a_conflict_that_writes_nothing(
    store: Any, make: Make, expected: int
) -> None:
    store.records.commit(chosen("p1", 0, state="open"))
    document = make.document()
    with pytest.raises(VersionConflict) as conflict:
        store.records.commit(
            make.creates(document, choices=ChoicesChange("p1", expected, {"state": "closed"}))
        )
    assert (conflict.value.resource_type, conflict.value.id) == ("choices", "p1")
    assert store.choices.of("p1")["state"] == "open"
    assert store.records.read("Observation", document.facts.id, OPEN) is None


def test_a_change_that_expects_choices_where_there_are_none_is_a_conflict(store: Any) -> None:
    with pytest.raises(VersionConflict):
        store.records.commit(chosen("p1", 1))
    assert store.choices.of("p1") is None


def test_of_parallel_changes_of_one_version_one_wins(store: Any) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def change(number: int) -> None:
        barrier.wait()
        try:
            store.records.commit(chosen("p1", 0, number=number))
            outcomes.append("won")
        except VersionConflict:
            outcomes.append("lost")

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 7 + ["won"]
    assert store.choices.of("p1")["version"] == 1


def test_the_choices_of_another_person_cannot_be_written(store: Any) -> None:
    view = View(ActorRef("test", "test"), "TREAT", "p1", {}, {"Observation": Everything()}, b"")
    with pytest.raises(FhirError) as error:
        store.records.commit(UnitOfWork(view, choices=ChoicesChange("p2", 0, {})))
    assert error.value.issues[0].situation == "refused"
    assert store.choices.of("p2") is None


@pytest.fixture
def other_process(database_uri: str, database_name: str, registry: Any) -> Any:
    """A store over the same database that has seen nothing yet, and what it sends."""
    told = Told()
    opened = open_store(database_uri, database_name, StoreOptions(registry=registry, listeners=(told,)))
    told.names.clear()
    yield opened, told.names
    opened.close()


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        pytest.param("held", Held("p1", {"owner": "p1", "version": 1, "state": "open", "at": NOON}), id="held"),
        pytest.param("gone", Held("p1", {"owner": "p1", "version": 1, "state": "open", "at": NOON}), id="deleted"),
        pytest.param("free", Held("p2", None), id="no-choices"),
        pytest.param("directory", Held(None, None), id="directory"),
        pytest.param("absent", None, id="absent"),
    ],
)  # fmt: skip
def test_a_resource_says_whose_it_is_and_what_they_chose(
    store: Any, make: Make, saved: Callable[..., Document], other_process: Any, id: str, expected: Held | None
) -> None:
    saved("held"), saved("gone"), saved("free", owner="p2"), saved("directory", owner=None)
    store.records.commit(UnitOfWork(OPEN, deletes=(Replace(make.document("gone", 2, deleted=True), 1),)))
    store.records.commit(chosen("p1", 0, state="open", at=NOON))
    fresh, sent = other_process
    assert fresh.choices.of_resource("Observation", id) == expected
    assert sent == ["aggregate"]
    assert fresh.choices.of_resource("Observation", id) == expected
    assert len(sent) <= 2
    assert store.choices.of_resource("Observation", id) == expected


@pytest.mark.parametrize("name", ["choices", "audit", "Nothing", "Observation_history"])
def test_what_is_no_resource_type_holds_nothing(store: Any, name: str) -> None:
    store.records.commit(chosen("p1", 0))
    assert store.choices.of_resource(name, "p1") is None


def test_a_remembered_owner_never_remembers_choices(store: Any, saved: Callable[..., Document]) -> None:
    saved("held")
    for version, state in enumerate(("open", "opposed", "open")):
        store.records.commit(chosen("p1", version, state=state))
        held = store.choices.of_resource("Observation", "held")
        assert held is not None and held.choices is not None and held.choices["state"] == state


def test_a_confirmed_change_is_seen_at_once_by_another_process(store: Any, other_process: Any) -> None:
    fresh, _ = other_process
    for version in range(20):
        store.records.commit(chosen("p1", version))
        assert fresh.choices.of("p1")["version"] == version + 1


@pytest.fixture
def patients(store: Any, make: Make) -> Any:
    entries = {
        "one": ("identifier=urn:ins|1", "identifier=urn:mrn|7"),
        "two": ("identifier=urn:ins|2",),
        "twin": ("identifier=urn:ins|2", "identifier=|bare"),
        "triplet": ("identifier=urn:ins|2",),
        "gone": ("identifier=urn:ins|9",),
    }
    for id, tokens in entries.items():
        search = SearchEntries(token=tokens)
        store.records.commit(make.creates(make.document(id, type="Patient", owner=id, search=search)))
    deletion = make.document("gone", 2, type="Patient", owner="gone", deleted=True)
    store.records.commit(UnitOfWork(OPEN, deletes=(Replace(deletion, 1),)))


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        pytest.param(["urn:ins|1"], 1, id="one"),
        pytest.param(["urn:ins|1", "urn:mrn|7"], 1, id="one-by-two-identifiers"),
        pytest.param(["urn:ins|0", "urn:mrn|7"], 1, id="one-of-several"),
        pytest.param(["urn:ins|2"], 2, id="two-at-most"),
        pytest.param(["urn:ins|9"], 0, id="deleted"),
        pytest.param(["urn:ins|"], 0, id="no-value"),
        pytest.param(["bare"], 1, id="no-system"),
        pytest.param(["|bare"], 1, id="explicitly-no-system"),
        pytest.param([], 0, id="none"),
    ],
)
def test_identifiers_name_patients(store: Any, patients: Any, identifiers: list[str], expected: int) -> None:
    assert len(store.choices.person_of(identifiers)) == expected


def test_before_any_patient_there_is_nobody(store: Any) -> None:
    assert store.choices.person_of(["urn:ins|1"]) == ()


def test_an_identifier_is_found_in_the_index(store: Any, patients: Any, other_process: Any) -> None:
    fresh, sent = other_process
    fresh.choices.person_of(["urn:ins|1"])
    sent.clear()
    assert fresh.choices.person_of(["urn:ins|1"]) == ("one",)
    assert sent == ["find"]
    assert fresh.catalogue.hint("Patient", store.catalogue.plan.of("Patient")[-1]) is not None
