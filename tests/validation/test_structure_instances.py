"""What is made from the definitions is accepted, in full and bare; every kind of damage to it is not."""

from __future__ import annotations

import pytest

from fhir_server.model.exact_json import encode
from fhir_server.validation.structure import StructureValidator
from profiles.load import load_registry
from profiles.registry import Registry
from tests.instances import choices, maximal, minimal
from tests.validation.breaking import Breaker, Record
from tests.validation.damages import DAMAGES, Damage

TYPES = sorted(load_registry().resource_types)
BROKEN_TYPES = ("Condition", "DiagnosticReport", "MedicationRequest", "Observation", "Parameters", "Patient")


@pytest.fixture(scope="module")
def strict(registry: Registry) -> StructureValidator:
    return StructureValidator(registry, strict=True)


@pytest.fixture(scope="module")
def record(registry: Registry) -> Record:
    breaker = Breaker(registry)
    for name in BROKEN_TYPES:
        for variant in range(2):
            data = encode(maximal(registry, name, variant))
            breaker.break_copies(f"{name} {variant}", data, len(DAMAGES))
    return breaker.record


@pytest.mark.parametrize("name", TYPES)
def test_both_paths_accept_full_and_bare_instances(
    name: str, registry: Registry, strict: StructureValidator
) -> None:
    instances = [minimal(registry, name)]
    instances += [maximal(registry, name, variant) for variant in range(min(choices(registry, name), 6))]
    for instance in instances:
        assert strict.explain(instance) == []
        assert strict.accepts(instance)


def test_every_type_of_value_is_accepted_in_an_extension(
    registry: Registry, strict: StructureValidator
) -> None:
    kinds = choices(registry, "Extension")
    seen = set()
    for variant in range(kinds):
        patient = maximal(registry, "Patient", variant)
        assert strict.validate(patient) == []
        seen |= {key for key in patient["extension"][0] if key.startswith("value")}
    assert len(seen) == kinds == 50


def test_a_full_instance_has_every_element(registry: Registry) -> None:
    patient = maximal(registry, "Patient")
    wanted = {
        element.name.removesuffix("[x]")
        for element in registry.structures["Patient"].elements
        if element.path.count(".") == 1
    }
    missing = {name for name in wanted if not any(key.startswith(name) for key in patient)}
    assert missing == set()


def test_an_instance_of_a_data_type_has_no_resource_type(registry: Registry) -> None:
    assert maximal(registry, "HumanName")["family"]
    assert "resourceType" not in maximal(registry, "HumanName") | minimal(registry, "Period")


def test_there_are_thirty_kinds_of_damage() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES) >= 30


@pytest.mark.parametrize("damage", [pytest.param(damage, id=damage.name) for damage in DAMAGES])
def test_damage_is_refused_at_its_place(damage: Damage, record: Record) -> None:
    tally = record.kinds[damage.name]
    assert tally.faults == []
    assert tally.broken > 0
