"""References, URIs, chains and `_has` as R4 words them.  Spec: https://hl7.org/fhir/R4/search.html#reference"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import BASE, observation, patient
from tests.http.planted import found, plant, rows

INS = "urn:ins"


def _to(text: str) -> dict[str, str]:
    return {"reference": text}


def _organization(id: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "id": id, "name": name, **more}


def _encounter(id: str, person: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"}, "subject": _to(person), **more
    }  # fmt: skip


def _value_set(id: str, url: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "id": id, "url": url, "status": "active", **more}


RESOURCES = [
    _organization("h1", "Hôpital Nord", identifier=[{"system": "urn:f", "value": "1"}]),
    _organization("h2", "Clinique Sud", partOf=_to("Organization/h1")),
    {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Petit", "given": ["Zoé"]}]},
    {"resourceType": "Practitioner", "id": "p1", "name": [{"family": "Grand"}]},
    patient("p1", name=[{"family": "Adams"}], gender="male", managingOrganization=_to("Organization/h1"),
            generalPractitioner=[_to("Practitioner/d1"), _to("Organization/h2")]),
    patient("p2", name=[{"family": "Brown"}], gender="female", managingOrganization=_to("Organization/h2"),
            link=[{"other": _to("Patient/p1"), "type": "seealso"}]),
    patient("p3", name=[{"family": "Clark"}, {"family": "Adams"}], generalPractitioner=[_to("Practitioner/p1")]),
    _encounter("e1", "Patient/p1", serviceProvider=_to("Organization/h2")),
    _encounter("e2", "Patient/p2", partOf=_to("Encounter/e1")),
    observation("Patient/p1", "o1", encounter=_to("Encounter/e1"), performer=[_to("Practitioner/d1")]),
    observation("Patient/p2", "o2", encounter=_to("Encounter/e2"), performer=[_to("Patient/p2")]),
    observation(f"{BASE}/Patient/p1", "o3", performer=[_to("Practitioner/p1"), _to("Organization/h1")], status="amended"),
    observation("Patient/p1/_history/1", "o4", derivedFrom=[_to("Observation/o1/_history/1")]),
    observation("http://other.example.org/fhir/Patient/p1", "o5"),
    {**observation(None, "o6"), "subject": {"identifier": {"system": INS, "value": "42"}, "display": "someone"}},
    observation("Group/p1", "o7"),
    observation(None, "o8"),
    observation("#in", "o9", contained=[{"resourceType": "Patient", "id": "in", "name": [{"family": "Inside"}]}]),
    _value_set("v1", "http://example.org/fhir/ValueSet/a"), _value_set("v2", "http://example.org/fhir/ValueSet/a/b"),
    _value_set("v3", "http://example.org/fhir/ValueSet/ab"), _value_set("v4", "urn:oid:1.2.3"),
    _value_set("v5", "http://example.org/fhir/ValueSet/A", version="2"), _value_set("v6", "urn:oid:1.2.3.4"),
    {"resourceType": "List", "id": "l1", "status": "current", "mode": "working",
     "entry": [{"item": _to("Observation/o1")}, {"item": _to("Observation/o8")}, {"item": _to("Patient/p1")}]},
]  # fmt: skip

REFERENCES = (
    ("Observation?subject=Patient/p1", "o1 o3 o4"),
    ("Observation?subject=p1", "o1 o3 o4 o7"),
    ("Observation?subject:Patient=p1", "o1 o3 o4"),
    ("Observation?subject:Patient=Patient/p1", "o1 o3 o4"),
    ("Observation?subject:Group=p1", "o7"),
    ("Observation?subject:Group=Patient/p1", ""),
    (f"Observation?subject={BASE}/Patient/p1", "o1 o3 o4"),
    ("Observation?subject=http://other.example.org/fhir/Patient/p1", "o5"),
    ("Observation?subject=https://fhir.example.org/fhir/Patient/p1", ""),
    ("Observation?subject=Patient/p1/_history/9", "o1 o3 o4"),
    ("Observation?subject=patient/p1", ""),
    ("Observation?subject=Patient/P1", ""),
    ("Observation?subject:Practitioner=p1", "unsupported-modifier"),
    ("Observation?patient=p1", "o1 o3 o4"),
    ("Observation?patient=Patient/p1", "o1 o3 o4"),
    ("Observation?patient=Group/p1", ""),
    ("Observation?patient=p1,p2", "o1 o2 o3 o4"),
    ("Observation?patient=p1&subject=Patient/p2", ""),
    (f"Observation?subject:identifier={INS}|42", "o6"),
    ("Observation?subject:identifier=42", "o6"),
    ("Observation?subject:identifier=|42", ""),
    (f"Observation?patient:identifier={INS}|42", "o6"),
    ("Observation?subject:missing=true", "o8"),
    ("Observation?subject:missing=false", "o1 o2 o3 o4 o5 o6 o7 o9"),
    ("Observation?performer=Practitioner/p1,Patient/p2", "o2 o3"),
    ("Observation?performer=p1", "o3"),
    ("Observation?derived-from=Observation/o1", "o4"),
    ("Observation?encounter=e1", "o1"),
    ("Patient?general-practitioner=Practitioner/d1", "p1"),
    ("Patient?general-practitioner:Organization=h2", "p1"),
    ("Patient?link=Patient/p1", "p2"),
    ("Observation?_list=l1", "o1 o8"),
    ("Observation?_list=List/l1", "o1 o8"),
    ("Patient?_list=l1", "p1"),
    ("Encounter?_list=l1", ""),
    ("Observation?_list=l9", ""),
    ("Observation?_list=$current-problems", "illegal-parameter-value"),
    ("Patient/p1/Observation?", "o1 o3 o4"),
    ("Patient/p2/Observation?", "o2"),
    ("Patient/p1/Observation?status=amended", "o3"),
    ("Patient/p2/Observation?subject=Patient/p1", ""),
    ("Practitioner/p1/Observation?", "o3"),
    ("Encounter/e1/Observation?", "o1"),
    ("Patient/p1/Organization?", "unknown-address"),
    ("Patient/p1/*?", "e1 o1 o3 o4 p1 p2"),
    ("Patient/p1/*?_type=Observation,Encounter", "e1 o1 o3 o4"),
    ("?_type=Observation,Encounter&_id=o1,e1,p1", "e1 o1"),
    ("?_id=p1", "p1 p1"),
)
URIS = (
    ("ValueSet?url=http://example.org/fhir/ValueSet/a", "v1"),
    ("ValueSet?url=http://example.org/fhir/ValueSet/A", "v5"),
    ("ValueSet?url=http://example.org/fhir/ValueSet/a/", ""),
    ("ValueSet?url:below=http://example.org/fhir/ValueSet/a", "v1 v2"),
    ("ValueSet?url:below=http://example.org/fhir/ValueSet/", "v1 v2 v3 v5"),
    ("ValueSet?url:below=http://example.org", "v1 v2 v3 v5"),
    ("ValueSet?url:below=http://example.or", ""),
    ("ValueSet?url:above=http://example.org/fhir/ValueSet/a/b/c", "v1 v2"),
    ("ValueSet?url:above=http://example.org/fhir/ValueSet/ab/c", "v3"),
    ("ValueSet?url:above=http://example.org/fhir/ValueSet", ""),
    ("ValueSet?url=urn:oid:1.2.3", "v4"),
    ("ValueSet?url:below=urn:oid:1.2.3", "illegal-parameter-value"),
    ("ValueSet?url:contains=ValueSet", "unsupported-modifier"),
    ("ValueSet?url:missing=false", "v1 v2 v3 v4 v5 v6"),
)
CHAINS = (
    ("Observation?subject.name=adams", "o1 o3 o4"),
    ("Observation?subject:Patient.name=adams", "o1 o3 o4"),
    ("Observation?patient.name=clark", ""),
    ("Observation?patient.gender=male", "o1 o3 o4"),
    ("Observation?patient.gender:not=male", "o2"),
    ("Observation?patient.name:exact=adams", ""),
    ("Observation?patient.name:exact=Adams", "o1 o3 o4"),
    ("Observation?patient.organization.name=clinique", "o2"),
    ("Observation?patient.organization.partof.name=hopital", "o2"),
    ("Observation?patient.organization.partof:missing=true", "o1 o3 o4"),
    ("Observation?performer:Practitioner.name=petit", "o1"),
    ("Observation?performer.name=grand", "o3"),
    ("Observation?performer:Practitioner.name=grand&performer:Organization.name=nord", ""),
    ("Observation?performer:Practitioner.name=grand&performer:Organization.name=hopital", "o3"),
    ("Observation?subject:Patient.name=inside", ""),
    ("Observation?encounter.service-provider=h2", "o1"),
    ("Observation?encounter.part-of.service-provider.name=sud,clinique", "o2"),
    ("Observation?patient._id=p2", "o2"),
    ("Observation?patient.birthdate:missing=true&status=amended", "o3"),
    ("Observation?subject:Location.name=x", ""),
    ("Observation?subject:Practitioner.name=x", "unsupported-modifier"),
    ("Observation?code.text=x", "unsupported-modifier"),
    ("Observation?patient.nonsense=x", "unsupported-modifier"),
    ("Observation?patient.name:nonsense=x", "unsupported-modifier"),
    ("Patient?_has:Observation:patient:status=amended", "p1"),
    ("Patient?_has:Observation:patient:code=8310-5", "p1 p2"),
    ("Patient?_has:Observation:subject:_id=o2", "p2"),
    ("Patient?_has:Observation:patient:status:not=final", "p1"),
    ("Patient?_has:Observation:performer:_id=o2", "p2"),
    ("Patient?_has:Patient:link:gender=female", "p1"),
    ("Patient?_has:Observation:patient:encounter.service-provider=h2", "p1"),
    ("Practitioner?_has:Observation:performer:patient.name=adams", "d1 p1"),
    ("Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:status=final", "d1"),
    ("Organization?_has:Patient:organization:_has:Observation:patient:_id=o2", "h2"),
    ("Encounter?_has:Observation:encounter:code=8310-5", "e1 e2"),
    ("Encounter?subject:Patient._has:Observation:patient:status=amended", "e1"),
    ("Observation?patient._has:Patient:link:gender=female", "o1 o3 o4"),
    ("Patient?_has:Observation:code:status=final", "unsupported-modifier"),
    ("Patient?_has:Nonsense:patient:status=final", "unsupported-modifier"),
    ("Patient?_has:Observation:patient=final", "unsupported-modifier"),
)
NEGATIVE_EMPTY = (
    ("Observation?patient.name=nobody", ""),
    ("Patient?_has:Observation:patient:code=nothing", ""),
)


@pytest.fixture(scope="module")
def served(app: Flask) -> FlaskClient:
    client = app.test_client()
    plant(client, RESOURCES)
    return client


@pytest.mark.parametrize(("query", "expected"), rows((*REFERENCES, *URIS, *CHAINS, *NEGATIVE_EMPTY)))
def test_a_link_finds_what_r4_says(served: FlaskClient, query: str, expected: str) -> None:
    assert found(served, query) == expected
