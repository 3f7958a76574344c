"""Modifiers of tokens and URIs, in the words of R4."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.model.outcome import FhirError
from profiles.registry import Registry
from tests.search.shelf import Shelf

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
KINDS = "http://terminology.hl7.org/CodeSystem/v2-0203"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"

RELATIVES = {"mother": "MTH", "parent": "PRN", "uncle": "UNCLE"}


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    shelf = Shelf(registry)
    for id, code in RELATIVES.items():
        coding = {"system": ROLES, "code": code, "display": f"the {id}"}
        relationship = [{"coding": [coding], "text": "Parenté déclarée"}]
        shelf.add(
            _resource("RelatedPerson", id, patient={"reference": "Patient/p"}, relationship=relationship)
        )
    typed = {"type": {"coding": [{"system": KINDS, "code": "MR"}], "text": "Hospital number"}}
    shelf.add(
        _resource("Patient", "mr", identifier=[{"system": "urn:a", "value": "1", **typed}], gender="female")
    )
    shelf.add(_resource("Patient", "plain", identifier=[{"system": "urn:a", "value": "1"}]))
    shelf.add(
        _resource("Patient", "untyped", identifier=[{"value": "2", **typed}, {"value": "1"}], gender="other")
    )
    for id, url in (("shelf", "http://x.org/a"), ("book", "http://x.org/a/b"), ("other", "http://x.org/ab")):
        shelf.add(_resource("ValueSet", id, url=url, status="active"))
    shelf.add(_resource("ValueSet", "urn", url="urn:oid:1.2", status="active"))
    return shelf


def _resource(resource_type: str, id: str, **content: Any) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": id, **content}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("RelatedPerson?relationship:text=the mother", {"mother"}, id="display"),
        pytest.param(
            "RelatedPerson?relationship:text=MOTHER", {"mother"}, id="inside-a-display-without-case"
        ),
        pytest.param("RelatedPerson?relationship:text=parente", set(RELATIVES), id="text-without-accents"),
        pytest.param("RelatedPerson?relationship:text=uncle,mother", {"uncle", "mother"}, id="or"),
        pytest.param(f"RelatedPerson?relationship:below={ROLES}|PRN", {"mother", "parent"}, id="below"),
        pytest.param(f"RelatedPerson?relationship:above={ROLES}|MTH", {"mother", "parent"}, id="above"),
        pytest.param(f"Patient?gender:in={GENDERS}", {"mr", "untyped"}, id="in"),
        pytest.param(f"Patient?gender:not-in={GENDERS}", {"plain"}, id="not-in-includes-what-has-none"),
        pytest.param(f"Patient?identifier:of-type={KINDS}|MR|1", {"mr"}, id="of-type"),
        pytest.param(f"Patient?identifier:of-type={KINDS}|MR|2", {"untyped"}, id="of-type-without-system"),
        pytest.param(f"Patient?identifier:of-type={KINDS}|DL|1", set(), id="another-type"),
        pytest.param(
            "Patient?identifier:text=hospital number", {"mr", "untyped"}, id="text-of-identifier-type"
        ),
        pytest.param("ValueSet?url:below=http://x.org/a", {"shelf", "book"}, id="uri-below-by-segment"),
        pytest.param("ValueSet?url:below=http://x.org/a/", {"shelf", "book"}, id="uri-below-with-slash"),
        pytest.param("ValueSet?url:above=http://x.org/a/b/c", {"shelf", "book"}, id="uri-above"),
        pytest.param("ValueSet?url:above=http://x.org/a", {"shelf"}, id="uri-above-itself"),
    ],
)
def test_a_modifier_finds_what_r4_says(shelf: Shelf, query: str, expected: set[str]) -> None:
    assert shelf.search(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("Patient?gender:in=http://example.org/unknown", id="unknown-value-set"),
        pytest.param(f"RelatedPerson?relationship:below={ROLES}|NO-SUCH", id="unknown-code"),
        pytest.param("RelatedPerson?relationship:below=PRN", id="no-system"),
        pytest.param(f"Patient?identifier:of-type={KINDS}|1", id="two-parts"),
        pytest.param("Patient?identifier:of-type=|MR|1", id="no-type-system"),
        pytest.param("RelatedPerson?relationship:text=%21", id="no-letter"),
        pytest.param("ValueSet?url:below=urn:oid:1.2", id="urn"),
    ],
)
def test_what_cannot_be_answered_is_refused(shelf: Shelf, query: str) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.search(query)
    assert refused.value.issues[0].situation == "illegal-parameter-value"
