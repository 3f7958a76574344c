"""Token parameters as R4 words them, row by row.  Spec: https://hl7.org/fhir/R4/search.html#token"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import patient
from tests.http.planted import found, plant, rows

V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
GENDER = "http://hl7.org/fhir/administrative-gender"
SNOMED, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
EXTENSION = [{"url": "http://example.org/why", "valueCode": "asked-but-unknown"}]


def _identifier(value: str | None, system: str | None = None, kind: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {} if value is None else {"value": value}
    made |= {} if system is None else {"system": system}
    return made | (
        {} if kind is None else {"type": {"coding": [{"system": V2, "code": kind}], "text": "Dossier"}}
    )


def _condition(id: str, *codings: tuple[str, str, str], text: str = "", **more: Any) -> dict[str, Any]:
    made = [
        {name: each for name, each in zip(("system", "code", "display"), coding) if each}
        for coding in codings
    ]
    code = {**({"coding": made} if made else {}), **({"text": text} if text else {})}
    return {
        "resourceType": "Condition", "id": id, "subject": {"reference": "Patient/a"}, **({"code": code} if code else {}), **more
    }  # fmt: skip


RESOURCES = [
    patient(
        "a", gender="male", active=True, deceasedBoolean=False,
        identifier=[_identifier("123", "urn:a", "MR"), _identifier("7", "urn:b")],
        telecom=[{"system": "phone", "use": "home", "value": "555-1"}, {"system": "email", "value": "Ada@X.org"}],
        communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "fr-FR"}]}}],
    ),
    patient(
        "b", gender="female", active=False, deceasedDateTime="2020-01-01",
        identifier=[_identifier("123", "urn:b"), _identifier("7", "urn:a", "MR")],
        telecom=[{"system": "fax", "use": "work", "value": "555-1"}],
    ),
    patient("c", _gender={"extension": EXTENSION}, identifier=[_identifier(None, "urn:a"), _identifier("123")]),
    patient(
        "d", gender="other",
        identifier=[_identifier("A|B"), _identifier("x,y"), _identifier("$5"), _identifier("b\\s"), _identifier("abc")],
    ),
    patient("e", identifier=[_identifier("ABC", "urn:A"), _identifier("a b", "urn:s")]),
    _condition("k", (SNOMED, "1", "Head pain"), (ICD, "2", ""), text="Headache (severe)"),
    _condition("l", (SNOMED, "2", "Migraine"), clinicalStatus={"coding": [{"system": CLINICAL, "code": "active"}]}),
    _condition("m", text="Œdème de la tête"),
    _condition("n", ("", "1", "")),
    _condition("o", clinicalStatus={"coding": [{"system": CLINICAL, "code": "resolved"}]}),
    _condition("p", (SNOMED, "", "only words")),
    {
        "resourceType": "Basic", "id": "t", "code": {"text": "t"},
        "meta": {
            "tag": [{"system": "urn:t", "code": "x"}, {"code": "y"}], "security": [{"system": "urn:s", "code": "R"}],
            "profile": ["http://example.org/P|1.0"], "source": "http://example.org/source#1",
        },
    },
    {"resourceType": "Basic", "id": "u", "code": {"text": "u"}, "meta": {"profile": ["http://example.org/P/deep"]}},
]  # fmt: skip

PATIENTS = (
    ("Patient?gender=male", "a"),
    (f"Patient?gender={GENDER}|male", "a"),
    ("Patient?gender=|male", ""),
    (f"Patient?gender={GENDER}|", "a b d"),
    ("Patient?gender=urn:other|male", ""),
    ("Patient?gender=MALE", ""),
    ("Patient?gender=male,female", "a b"),
    ("Patient?gender:not=male", "b c d e"),
    ("Patient?gender:not=male,female", "c d e"),
    (f"Patient?gender:not={GENDER}|male", "b c d e"),
    ("Patient?gender=male&gender=female", ""),
    ("Patient?gender:missing=true", "c e"),
    ("Patient?gender:missing=false", "a b d"),
    ("Patient?gender:missing=maybe", "illegal-parameter-value"),
    ("Patient?gender:exact=male", "unsupported-modifier"),
    ("Patient?gender:contains=mal", "unsupported-modifier"),
    ("Patient?gender:Not=male", "unsupported-modifier"),
    ("Patient?active=true", "a"),
    ("Patient?active=false", "b"),
    ("Patient?active:not=true", "b c d e"),
    ("Patient?active:missing=true", "c d e"),
    ("Patient?active=http://terminology.hl7.org/CodeSystem/special-values|true", "a"),
    ("Patient?deceased=true", "b"),
    ("Patient?deceased=false", "a c d e"),
    ("Patient?identifier=123", "a b c"),
    ("Patient?identifier=urn:a|123", "a"),
    ("Patient?identifier=|123", "c"),
    ("Patient?identifier=urn:a|", "a b c"),
    ("Patient?identifier=urn:a|123,urn:b|123", "a b"),
    ("Patient?identifier=urn:a|123&identifier=urn:b|7", "a"),
    ("Patient?identifier=urn:a|123&identifier=urn:b|123", ""),
    ("Patient?identifier:not=urn:a|123", "b c d e"),
    ("Patient?identifier:not=123&identifier:not=abc", "e"),
    ("Patient?identifier=12", ""),
    ("Patient?identifier=abc", "d"),
    ("Patient?identifier=ABC", "e"),
    ("Patient?identifier=urn:A|ABC", "e"),
    ("Patient?identifier=urn:a|ABC", ""),
    ("Patient?identifier=|A\\|B", "d"),
    ("Patient?identifier=A\\|B", "d"),
    ("Patient?identifier=x\\,y", "d"),
    ("Patient?identifier=x,y", ""),
    ("Patient?identifier=\\$5", "d"),
    ("Patient?identifier=$5", "d"),
    ("Patient?identifier=b\\\\s", "d"),
    ("Patient?identifier=urn:s|a b", "e"),
    ("Patient?identifier=.*", ""),
    ("Patient?identifier=|", "illegal-parameter-value"),
    (f"Patient?identifier:of-type={V2}|MR|123", "a"),
    (f"Patient?identifier:of-type={V2}|MR|7", "b"),
    (f"Patient?identifier:of-type={V2}|MR|123,{V2}|MR|7", "a b"),
    (f"Patient?identifier:of-type={V2}|PI|123", ""),
    (f"Patient?identifier:of-type={V2}|MR", "illegal-parameter-value"),
    (f"Patient?identifier:of-type={V2}||123", "illegal-parameter-value"),
    ("Patient?identifier:text=doss", "a b"),
    ("Patient?telecom=555-1", "a b"),
    ("Patient?telecom=home|555-1", "a"),
    ("Patient?telecom=|555-1", ""),
    ("Patient?phone=555-1", "a"),
    ("Patient?email=Ada@X.org", "a"),
    ("Patient?language=fr-FR", "a"),
    ("Patient?language=fr", ""),
    ("Patient?_id=a,b", "a b"),
    ("Patient?_id=a&_id=b", ""),
    ("Patient?_id:not=a,b", "c d e"),
    ("Patient?_id=A", ""),
    ("Patient?_id=nobody", ""),
)
CONDITIONS = (
    ("Condition?code=1", "k n"),
    ("Condition?code=2", "k l"),
    (f"Condition?code={SNOMED}|2", "l"),
    (f"Condition?code={ICD}|2", "k"),
    (f"Condition?code={SNOMED}|1,{ICD}|2", "k"),
    ("Condition?code=|1", "n"),
    (f"Condition?code={SNOMED}|", "k l p"),
    (f"Condition?code:not={SNOMED}|1", "l m n o p"),
    (f"Condition?code:not={ICD}|2", "l m n o p"),
    ("Condition?code:missing=true", "o"),
    ("Condition?code:missing=false", "k l m n p"),
    ("Condition?code:text=headache", "k"),
    ("Condition?code:text=HEAD", "k"),
    ("Condition?code:text=migraine", "l"),
    ("Condition?code:text=oedeme", "m"),
    ("Condition?code:text=only words", "p"),
    ("Condition?code:text=migraine,oedeme", "l m"),
    ("Condition?code:text=1", ""),
    ("Condition?code=Migraine", ""),
    (f"Condition?code={SNOMED}|1&code={ICD}|2", "k"),
    ("Condition?clinical-status=active", "l"),
    (f"Condition?clinical-status={CLINICAL}|resolved", "o"),
    (f"Condition?clinical-status:not={CLINICAL}|resolved", "k l m n p"),
    ("Condition?clinical-status:in=http://hl7.org/fhir/ValueSet/condition-clinical", "l o"),
    ("Condition?clinical-status:not-in=http://hl7.org/fhir/ValueSet/condition-clinical", "k m n p"),
    (f"Condition?clinical-status:below={CLINICAL}|active", "l"),
    (f"Condition?clinical-status:above={CLINICAL}|active", "l"),
    (f"Condition?clinical-status:below={CLINICAL}|inactive", "o"),
    ("Condition?clinical-status:in=http://example.org/ValueSet/unknown", "illegal-parameter-value"),
    (f"Condition?code:below={SNOMED}|404684003", "illegal-parameter-value"),
)
META = (
    ("Basic?_tag=urn:t|x", "t"),
    ("Basic?_tag=x", "t"),
    ("Basic?_tag=|y", "t"),
    ("Basic?_tag=|x", ""),
    ("Basic?_tag:not=x", "u"),
    ("Basic?_tag:missing=true", "u"),
    ("Basic?_security=urn:s|R", "t"),
    ("Basic?_security=urn:s|", "t"),
    ("Basic?_security:not=R", "u"),
    ("Basic?_profile=http://example.org/P", "t"),
    ("Basic?_profile=http://example.org/P|1.0", "t"),
    ("Basic?_profile=http://example.org/P|2.0", ""),
    ("Basic?_profile:below=http://example.org/P", "t u"),
    ("Basic?_profile=http://example.org/p", ""),
    ("Basic?_profile:missing=true", ""),
    ("Basic?_source=http://example.org/source#1", "t"),
    ("Basic?_source:missing=true", "u"),
    ("Basic?_lastUpdated=gt2000&_tag=x", "t"),
    ("Basic?_lastUpdated=lt2000", ""),
)


@pytest.fixture(scope="module")
def served(app: Flask) -> FlaskClient:
    client = app.test_client()
    plant(client, RESOURCES)
    return client


@pytest.mark.parametrize(("query", "expected"), rows((*PATIENTS, *CONDITIONS, *META)))
def test_a_token_finds_what_r4_says(served: FlaskClient, query: str, expected: str) -> None:
    assert found(served, query) == expected
