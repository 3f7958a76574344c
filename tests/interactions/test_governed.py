"""The gate looks up the same, as often, for a person who refused and for one who does not exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from fhir_server.access.choices import no_choices, with_block, write_choices
from fhir_server.access.policy_file import load_policy
from fhir_server.access.ports import Held
from fhir_server.interactions.binding import Binder
from fhir_server.interactions.dispatch import Dispatcher, parse_query
from fhir_server.interactions.gate import Refused
from fhir_server.interactions.governed import GovernedGate
from fhir_server.interactions.request import Request
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.model.actor import Actor
from fhir_server.model.predicate import Nothing
from fhir_server.model.view import View
from fhir_server.search.owner import Owners
from fhir_server.store.open import Store
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

BASE = "http://fhir.example.org/fhir"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DOCTOR = Actor("professional", "urn:d|1", profession="doctor")
POLICY = load_policy("fr")
BLOCKED = write_choices(with_block(POLICY, no_choices("shut"), "urn:d|1", NOW))


@dataclass
class Counted:
    """Choices of two persons, `shut` and `lone`, that count how often they are asked for what."""

    asked: list[str] = field(default_factory=list)

    def of(self, owner: str) -> Mapping[str, Any] | None:
        self.asked.append("of")
        return BLOCKED if owner == "shut" else None

    def of_resource(self, resource_type: str, id: str) -> Held | None:
        self.asked.append("of_resource")
        owner = id.removeprefix("o-")
        return Held(owner, BLOCKED if owner == "shut" else None) if owner in ("shut", "lone") else None

    def person_of(self, identifiers: Sequence[str]) -> Sequence[str]:
        self.asked.append("person_of")
        return [text.partition("|")[2] for text in identifiers if text.endswith(("|shut", "|lone"))]


@pytest.fixture
def choices() -> Counted:
    return Counted()


@pytest.fixture
def gate(registry: Registry, choices: Counted, store: Store) -> GovernedGate:
    binder = Binder(registry, Owners(registry, BASE), POLICY.directory.types, BASE)
    return GovernedGate(POLICY, choices, binder, StructureValidator(registry), store.records)


def admit(gate: GovernedGate, registry: Registry, line: str, body: Any = None) -> Request:
    method, _, url = line.partition(" ")
    address = Dispatcher(INTERACTIONS, registry.resource_types, BASE).find(method, url)
    request = Request(
        address.interaction.name, View.nothing(DOCTOR.ref, "TREAT"), NOW, "r", address.resource_type,
        address.id, address.version_id, parse_query(url.partition("?")[2]), body,
        actor=DOCTOR, purpose="TREAT",
    )  # fmt: skip
    return gate.admit(address.interaction, request)


@pytest.mark.parametrize(("line", "trips"), [
    pytest.param("GET Patient/{id}", ["of_resource"], id="by-id"),
    pytest.param("GET Observation?patient={id}", ["of_resource"], id="by-parameter"),
    pytest.param("GET Patient?identifier=urn:i|{id}", ["person_of", "of_resource"], id="by-identifier"),
    pytest.param(
        "GET Patient?_id={id}&identifier=urn:i|{id}", ["person_of", "of_resource"], id="by-both"
    ),
])  # fmt: skip
def test_a_refused_person_costs_as_much_as_an_unknown_one(
    gate: GovernedGate, registry: Registry, choices: Counted, line: str, trips: list[str]
) -> None:
    attempts = {}
    for id in ("shut", "lone", "none"):
        choices.asked.clear()
        with pytest.raises(Refused) as refused:
            admit(gate, registry, line.format(id=id))
        assert choices.asked == trips
        attempts[id] = refused.value.attempt.owner
    assert attempts == {"shut": "shut", "lone": "lone", "none": None}


@pytest.mark.parametrize("line", ["GET Observation/o-{id}", "DELETE Observation/o-{id}"])
def test_a_refused_resource_costs_as_much_as_an_absent_one(
    gate: GovernedGate, registry: Registry, choices: Counted, line: str
) -> None:
    attempts = {}
    for id in ("shut", "lone", "none"):
        choices.asked.clear()
        admitted = admit(gate, registry, line.format(id=id))
        assert choices.asked == ["of_resource"]
        assert isinstance(admitted.view.reads("Observation"), Nothing)
        assert admitted.attempt is not None
        attempts[id] = admitted.attempt.owner
    assert attempts == {"shut": "shut", "lone": "lone", "none": None}


def test_a_block_is_the_rule_that_the_access_log_names(gate: GovernedGate, registry: Registry) -> None:
    with pytest.raises(Refused) as refused:
        admit(gate, registry, "GET Patient/shut")
    assert refused.value.attempt.rule.startswith("blocked")


@pytest.mark.parametrize("line", ["GET Practitioner/d", "GET metadata"])
def test_what_is_of_no_person_costs_nothing(
    gate: GovernedGate, registry: Registry, choices: Counted, line: str
) -> None:
    admit(gate, registry, line)
    assert choices.asked == []
