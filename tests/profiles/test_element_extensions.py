"""What ElementDefinitions say in extensions is read, inherited and kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from profiles.definitions import Binding, NarrativeControl, Profile
from profiles.library import Library
from profiles.package import DefinitionError
from profiles.packed import packed, unpacked
from profiles.registry import Registry
from tests.profiles.small_package import OWN, TYPE, profile, row

FHIR = "http://hl7.org/fhir/StructureDefinition/"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
FURTHER = {
    "url": "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    "extension": [
        {"url": "purpose", "valueCode": "required"},
        {"url": "valueSet", "valueCanonical": "https://example.org/codes|2"},
    ],
}
ROWS = (
    row("Patient.id", extension=[{"url": FHIR + "minLength", "valueInteger": 20}]),
    row(
        "Patient.text",
        extension=[
            {"url": FHIR + "narrative-language-control", "valueCode": "_yes"},
            {"url": FHIR + "narrative-language-control", "valueCode": "fr"},
            {"url": FHIR + "narrative-source-control", "valueCode": "warning"},
        ],
    ),
    row(
        "Patient.active",
        extension=[{"url": R5 + "valueAlternatives", "valueCanonical": "https://example.org/why"}],
    ),
    row(
        "Patient.maritalStatus",
        binding={"strength": "example", "valueSet": "https://example.org/vs", "extension": [FURTHER]},
    ),
)


def made(registry: Registry, *trees: dict[str, Any]) -> Profile:
    found = Library(registry, trees).profile(trees[-1]["url"])
    assert found is not None
    return found


@pytest.fixture
def said() -> dict[str, Any]:
    return profile("Said", TYPE + "Patient", *ROWS, type="Patient")


def test_what_extensions_say_is_read_and_inherited(registry: Registry, said: dict[str, Any]) -> None:
    derived = profile("Derived", OWN + "Said", row("Patient.id", min=1), type="Patient")
    by_id = {element.id: element for element in made(registry, said, derived).elements}
    assert by_id["Patient.id"].min_length == 20
    assert by_id["Patient.text"].narrative == NarrativeControl(("_yes", "fr"), "warning")
    assert by_id["Patient.active"].alternatives == ("https://example.org/why",)
    assert by_id["Patient.maritalStatus"].further == (Binding("required", "https://example.org/codes"),)


def test_what_extensions_say_is_kept_exactly(registry: Registry, said: dict[str, Any]) -> None:
    whole = made(registry, said)
    text = Raw(msgspec.json.encode(packed(whole, registry.structures)))
    assert unpacked(whole.url, text, registry.structures) == whole


@pytest.mark.parametrize(
    "part", [{"url": "any", "valueBoolean": True}, {"url": "usage", "valueUsageContext": {}}]
)
def test_a_binding_that_holds_sometimes_is_not_taken_for_one_that_holds_always(
    registry: Registry, part: dict[str, Any]
) -> None:
    further = FURTHER | {"extension": [*FURTHER["extension"], part]}
    binding = {"strength": "example", "valueSet": "https://example.org/vs", "extension": [further]}
    found = made(
        registry,
        profile("P", TYPE + "Patient", row("Patient.maritalStatus", binding=binding), type="Patient"),
    )
    assert all(element.further == () for element in found.elements)


@pytest.mark.parametrize(
    "extension",
    [
        pytest.param([{"url": FHIR + "minLength", "valueInteger": -1}], id="a-length-below-nothing"),
        pytest.param([{"url": R5 + "valueAlternatives"}], id="no-canonical"),
        pytest.param("x", id="no-list"),
        pytest.param([None], id="no-object"),
    ],
)
def test_a_malformed_extension_is_refused_with_the_element(registry: Registry, extension: Any) -> None:
    tree = profile("P", TYPE + "Patient", row("Patient.id", extension=extension), type="Patient")
    with pytest.raises(DefinitionError, match=r"Patient\.id"):
        made(registry, tree)
