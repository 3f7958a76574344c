"""Between the entries of a Bundle: links, fullUrls, documents, searchsets."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from fhir_server.validation.base.checker import BaseChecker
from profiles.registry import Registry
from terminology.local import LocalConcepts
from tests.validation.base.conftest import Faults

PATIENT = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"
ALLERGY = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000002"
NOBODY = "urn:uuid:aaaaaaaa-0000-4000-8000-00000000000f"


def document() -> dict[str, Any]:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "subject": {"reference": PATIENT},
        "author": [{"reference": PATIENT}],
        "section": [{"title": "Allergies", "entry": [{"reference": ALLERGY}]}],
    }
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": PATIENT}}
    return {
        "resourceType": "Bundle",
        "type": "document",
        "entry": [
            {"fullUrl": "urn:uuid:aaaaaaaa-0000-4000-8000-000000000000", "resource": composition},
            {"fullUrl": PATIENT, "resource": {"resourceType": "Patient", "id": "p"}},
            {"fullUrl": ALLERGY, "resource": allergy},
        ],
    }


def test_a_whole_document_is_accepted(faults: Faults) -> None:
    assert faults(document()) == []


def test_a_dangling_section_entry_is_one_error_at_its_place(faults: Faults) -> None:
    damaged = document()
    damaged["entry"][0]["resource"]["section"][0]["entry"][0]["reference"] = NOBODY
    place = "Bundle.entry[0].resource.section[0].entry[0].reference"
    assert faults(damaged) == [("unresolved-reference", place)]


def test_a_dangling_entry_of_a_nested_section_is_found(faults: Faults) -> None:
    damaged = document()
    section = damaged["entry"][0]["resource"]["section"][0]
    section["section"] = [{"entry": [{"reference": NOBODY}]}]
    place = "Bundle.entry[0].resource.section[0].section[0].entry[0].reference"
    assert faults(damaged) == [("unresolved-reference", place)]


def test_a_urn_of_another_entry_that_nobody_has_is_an_error(faults: Faults) -> None:
    damaged = document()
    damaged["entry"][2]["resource"]["recorder"] = {"reference": NOBODY}
    assert faults(damaged) == [("unresolved-reference", "Bundle.entry[2].resource.recorder.reference")]


def test_an_entry_that_nothing_leads_to_is_an_error(faults: Faults) -> None:
    damaged = document()
    damaged["entry"].append({"fullUrl": NOBODY, "resource": {"resourceType": "Organization", "name": "x"}})
    assert faults(damaged) == [("invariant", "Bundle.entry[3]")]


def test_an_entry_that_leads_to_the_composition_belongs_to_it(faults: Faults) -> None:
    bundle = document()
    provenance = {"resourceType": "Provenance", "target": [{"reference": ALLERGY}]}
    bundle["entry"].append({"fullUrl": NOBODY, "resource": provenance})
    assert faults(bundle) == []


def test_a_reference_to_a_resource_of_a_type_that_may_not_be_there_is_an_error(faults: Faults) -> None:
    damaged = document()
    damaged["entry"][2]["resource"]["encounter"] = {"reference": PATIENT}
    assert faults(damaged) == [("illegal-reference", "Bundle.entry[2].resource.encounter.reference")]


def test_type_and_id_alone_are_a_warning_by_default(registry: Registry) -> None:
    loose = document()
    loose["entry"][0]["resource"]["subject"]["reference"] = "Patient/p"
    issues = BaseChecker(registry, LocalConcepts(registry)).issues(loose)
    assert [(issue.severity, issue.expression) for issue in issues] == [
        ("warning", "Bundle.entry[0].resource.subject.reference")
    ]


@pytest.mark.parametrize(
    ("full_url", "is_right"),
    [
        pytest.param("https://example.org/fhir/Patient/p", True, id="type-and-id"),
        pytest.param("https://example.org/fhir/Patient/q", False, id="another-id"),
        pytest.param("https://example.org/fhir/Person/p", False, id="another-type"),
        pytest.param("https://example.org/fhir/anything/else", True, id="not-restful"),
    ],
)
def test_a_restful_full_url_ends_with_type_and_id(faults: Faults, full_url: str, is_right: bool) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": full_url, "resource": {"resourceType": "Patient", "id": "p"}}],
    }
    assert faults(bundle) == ([] if is_right else [("invariant", "Bundle.entry[0].fullUrl")])


def test_a_relative_reference_takes_the_base_of_its_entry(faults: Faults) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "https://one.example.org/fhir/Observation/o",
                "resource": {
                    "resourceType": "Observation",
                    "id": "o",
                    "encounter": {"reference": "Encounter/e"},
                },
            },
            {
                "fullUrl": "https://two.example.org/fhir/Encounter/e",
                "resource": {"resourceType": "Encounter", "id": "e"},
            },
        ],
    }
    assert faults(bundle) == []


def searchset(mode: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": "https://example.org/fhir/Patient?name=x"}],
        "entry": [{"resource": resource, "search": {"mode": mode}}],
    }


@pytest.mark.parametrize(
    ("bundle", "place"),
    [
        pytest.param(searchset("match", {"resourceType": "Patient", "id": "p"}), None, id="match"),
        pytest.param(searchset("include", {"resourceType": "Group", "id": "g"}), None, id="include"),
        pytest.param(
            searchset("match", {"resourceType": "Group", "id": "g"}), "entry[0].resource", id="another-type"
        ),
        pytest.param(searchset("match", {"resourceType": "Patient"}), "entry[0].resource.id", id="no-id"),
        pytest.param(
            searchset("outcome", {"resourceType": "Patient", "id": "p"}), "entry[0].resource", id="outcome"
        ),
    ],
)
def test_a_searchset_holds_what_was_searched_for(
    faults: Faults, bundle: dict[str, Any], place: str | None
) -> None:
    expected = [] if place is None else [("invariant", f"Bundle.{place}")]
    assert faults(deepcopy(bundle)) == expected
