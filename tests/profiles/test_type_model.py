"""The Registry as a model of types for FHIRPath."""

from __future__ import annotations

import pytest

from fhir_server.fhirpath.types import (
    PRIMITIVES,
    QUANTITIES,
    SYSTEM_OF_PRIMITIVE,
    Slot,
    json_key,
    type_of_suffix,
)
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel


@pytest.fixture(scope="module")
def model(registry: Registry) -> RegistryTypeModel:
    return RegistryTypeModel(registry)


@pytest.mark.parametrize(
    ("type_name", "element", "slot"),
    [
        pytest.param("Patient", "birthDate", Slot("birthDate", "birthDate", "date", False), id="primitive"),
        pytest.param("Patient", "name", Slot("name", "name", "HumanName", True), id="list"),
        pytest.param(
            "Patient", "contact", Slot("contact", "contact", "Patient.contact", True), id="in-place"
        ),
        pytest.param(
            "Patient.contact", "name", Slot("name", "name", "HumanName", False), id="inside-of-in-place"
        ),
        pytest.param(
            "Timing", "repeat", Slot("repeat", "repeat", "Timing.repeat", False), id="Element-in-place"
        ),
        pytest.param(
            "Questionnaire.item",
            "item",
            Slot("item", "item", "Questionnaire.item", True),
            id="content-reference",
        ),
        pytest.param(
            "Bundle.entry", "resource", Slot("resource", "resource", "Resource", False), id="resource"
        ),
        pytest.param(
            "code", "extension", Slot("extension", "extension", "Extension", True), id="of-a-primitive"
        ),
        pytest.param("Age", "value", Slot("value", "value", "decimal", False), id="inherited"),
    ],
)
def test_element_has_its_slot(model: RegistryTypeModel, type_name: str, element: str, slot: Slot) -> None:
    assert model.slots(type_name, element) == (slot,)
    assert model.slot(type_name, slot.key) == slot


def test_a_choice_has_a_slot_for_each_type(model: RegistryTypeModel) -> None:
    slots = {slot.key: slot.type for slot in model.slots("Observation", "effective")}
    assert slots == {
        "effectiveDateTime": "dateTime",
        "effectivePeriod": "Period",
        "effectiveTiming": "Timing",
        "effectiveInstant": "instant",
    }
    assert model.slots("Observation", "effectivePeriod") == ()
    assert model.slot("Observation", "effective") is None


def test_what_does_not_exist_has_no_slot(model: RegistryTypeModel) -> None:
    assert model.slots("Patient", "nothing") == ()
    assert model.slots("Nonsense", "name") == ()
    assert model.slots("Nonsense.name", "name") == ()
    assert model.slot("", "name") is None


def test_slots_agree_with_the_definitions(registry: Registry, model: RegistryTypeModel) -> None:
    for structure in registry.structures.values():
        for element in structure.elements[1:]:
            parent = element.path.rpartition(".")[0]
            slots = model.slots(parent, element.name.removesuffix("[x]"))
            assert len(slots) == (len(element.types) if element.content is None else 1), element.path
            assert all(slot.is_list == (element.max is None or element.max > 1) for slot in slots)
            for slot in slots:
                assert model.has_type(slot.type.partition(".")[0]), element.path


@pytest.mark.parametrize(
    ("type_name", "base", "expected"),
    [
        pytest.param("Patient", "Patient", True, id="itself"),
        pytest.param("Patient", "Resource", True, id="remote"),
        pytest.param("Bundle", "DomainResource", False, id="not-between"),
        pytest.param("code", "string", True, id="primitive"),
        pytest.param("string", "code", False, id="reverse"),
        pytest.param("Age", "Quantity", True, id="complex"),
        pytest.param("Patient.contact", "BackboneElement", True, id="in-place"),
        pytest.param("Timing.repeat", "Element", True, id="element-in-place"),
        pytest.param("Timing.repeat", "BackboneElement", False, id="element-is-no-backbone"),
        pytest.param("Nonsense", "Resource", False, id="unknown"),
        pytest.param("Patient", "Nonsense", False, id="unknown-base"),
    ],
)
def test_subtypes(model: RegistryTypeModel, type_name: str, base: str, expected: bool) -> None:
    assert model.is_subtype(type_name, base) is expected
    assert model.is_subtype(type_name, base) is expected  # the remembered answer


def test_unknown_types_are_not_remembered(registry: Registry) -> None:
    model = RegistryTypeModel(registry)
    for number in range(100):
        model.slots(f"Nonsense{number}", "name")
        model.is_subtype(f"Nonsense{number}", "Resource")
    assert not model._slots
    assert not model._subtypes


def test_tables_of_the_engine_are_those_of_r4(registry: Registry, model: RegistryTypeModel) -> None:
    primitives = {
        name for name, structure in registry.structures.items() if structure.kind == "primitive-type"
    }
    assert primitives == PRIMITIVES == set(SYSTEM_OF_PRIMITIVE)
    quantities = {name for name in registry.structures if model.is_subtype(name, "Quantity")}
    assert quantities <= QUANTITIES


def test_json_keys_of_choices_lead_back_to_the_type(registry: Registry) -> None:
    for structure in registry.structures.values():
        for element in structure.elements:
            for each in element.types if element.is_choice else ():
                name = element.name.removesuffix("[x]")
                assert type_of_suffix(json_key(name, each.code).removeprefix(name)) == each.code
