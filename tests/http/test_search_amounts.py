"""Numbers, quantities and composites as R4 words them.  Spec: https://hl7.org/fhir/R4/search.html#number"""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import observation
from tests.http.planted import found, plant, rows

UCUM, LOINC = "http://unitsofmeasure.org", "http://loinc.org"


def _measured(
    id: str, value: str, code: str | None = "mg", unit: str | None = None, **more: Any
) -> dict[str, Any]:
    quantity = {"value": json.loads(value), **({"unit": unit} if unit else {})}
    quantity |= {"system": UCUM, "code": code} if code else {}
    return observation("Patient/p", id, valueQuantity=quantity, **more)


def _pressure(id: str, systolic: int, diastolic: int) -> dict[str, Any]:
    def part(code: str, value: int) -> dict[str, Any]:
        return {
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "valueQuantity": {"value": value, "system": UCUM, "code": "mm[Hg]"},
        }

    panel = {"coding": [{"system": LOINC, "code": "85354-9"}]}
    return observation(
        "Patient/p", id, code=panel, component=[part("8480-6", systolic), part("8462-4", diastolic)]
    )


def _risk(id: str, **prediction: Any) -> dict[str, Any]:
    return {
        "resourceType": "RiskAssessment", "id": id, "status": "final", "subject": {"reference": "Patient/p"},
        **({"prediction": [prediction]} if prediction else {}),
    }  # fmt: skip


RESOURCES = [
    _measured("a", "5.4"), _measured("b", "5.40"), _measured("c", "5.35"), _measured("d", "5.45"),
    _measured("e", "0.0054", "g"), _measured("f", "5400", "ug"), _measured("g", "5.4", None, "mg"),
    _measured("h", "5.4", None), _measured("i", "-5.4"), _measured("j", "0"), _measured("k", "5.4", "kg"),
    _measured("l", "5.4", "mL"),
    observation("Patient/p", "m", valueQuantity={"value": 5, "comparator": "<", "system": UCUM, "code": "mg"}),
    observation("Patient/p", "n", valueQuantity={"value": 5, "comparator": ">=", "system": UCUM, "code": "mg"}),
    observation("Patient/p", "o", valueString="5.4"),
    observation("Patient/p", "q", valueQuantity={"unit": "mg", "system": UCUM, "code": "mg"}),
    _measured("r", "37", "Cel"), _measured("s", "98.6", "[degF]"),
    _pressure("x", 120, 80), _pressure("y", 150, 95), _pressure("z", 80, 150),
    _risk("ra", probabilityDecimal=0.8), _risk("rb", probabilityDecimal=0.85), _risk("rc", probabilityDecimal=0.75),
    _risk("rd", probabilityRange={"low": {"value": 0.1}, "high": {"value": 0.9}}), _risk("re"),
    _risk("rf", probabilityDecimal=100), _risk("rg", probabilityDecimal=0.08),
]  # fmt: skip

Q = "Observation?value-quantity="
QUANTITIES = (
    (f"{Q}5.4|{UCUM}|mg", "a b c e f"),
    (f"{Q}5.40|{UCUM}|mg", "a b e f"),
    (f"{Q}5.400|{UCUM}|mg", "a b e f"),
    (f"{Q}5.4e0|{UCUM}|mg", "a b c e f"),
    (f"{Q}0.0054|{UCUM}|g", "a b c e f"),
    (f"{Q}5|{UCUM}|mg", "a b c d e f"),
    (f"{Q}5400|{UCUM}|ug", "a b e f"),
    (f"{Q}5.4|{UCUM}|kg", "k"),
    (f"{Q}5.4|{UCUM}|Mg", ""),
    (f"{Q}5.4||mg", "a b c g"),
    (f"{Q}5.4||g", ""),
    (f"{Q}5.4|http://example.org|mg", ""),
    (f"{Q}5.4", "a b c g h k l"),
    (f"{Q}gt5.4||mg", "d n"),
    (f"{Q}ge5.4|{UCUM}|mg", "a b d e f k n"),
    (f"{Q}lt5.4|{UCUM}|mg", "c i j m n"),
    (f"{Q}le5.4|{UCUM}|mg", "a b c e f i j m n"),
    (f"{Q}lt-5|{UCUM}|mg", "i m"),
    (f"{Q}gt1000000|{UCUM}|mg", "k n"),
    (f"{Q}ge5.4|{UCUM}|mL", "l"),
    (f"{Q}sa5.4|{UCUM}|mg", "d k"),
    (f"{Q}sa4.9|{UCUM}|mg", "a b c d e f k n"),
    (f"{Q}eb5.4|{UCUM}|mg", "c i j m"),
    (f"{Q}-5.4|{UCUM}|mg", "i"),
    (f"{Q}0|{UCUM}|mg", "j"),
    (f"{Q}ne5.4|{UCUM}|mg", "d i j k m n"),
    (f"{Q}ap5.4|{UCUM}|mg", "a b c d e f m n"),
    (f"{Q}37|{UCUM}|Cel", "r s"),
    (f"{Q}98.6|{UCUM}|[degF]", "r s"),
    (f"{Q}gt36|{UCUM}|Cel", "r s"),
    (f"{Q}5.4|{UCUM}|nonsense", ""),
    (f"{Q}5.4,37", "a b c g h k l r"),
    (f"{Q}five", "illegal-parameter-value"),
    (f"{Q}5,4|{UCUM}|mg", "a b c d g h k l"),
    (f"{Q}5.4|{UCUM}|mg|x", "illegal-parameter-value"),
    (f"{Q}|{UCUM}|mg", "illegal-parameter-value"),
    (f"{Q}1e99999", "illegal-parameter-value"),
    (f"{Q}NaN", "illegal-parameter-value"),
    ("Observation?value-quantity:missing=true", "o q x y z"),
    ("Observation?value-quantity:exact=5.4", "unsupported-modifier"),
    ("Observation?patient=p&value-quantity=gt5.4||mg", "d n"),
)
COMPOSITES = (
    ("Observation?component-code-value-quantity=8480-6$gt140", "y"),
    (f"Observation?component-code-value-quantity={LOINC}|8480-6$gt140", "y"),
    ("Observation?component-code-value-quantity=8462-4$gt140", "z"),
    (f"Observation?component-code-value-quantity=8480-6$lt100|{UCUM}|mm[Hg]", "z"),
    ("Observation?component-code-value-quantity=8480-6$120", "x"),
    ("Observation?component-code-value-quantity=8480-6$120,8480-6$150", "x y"),
    ("Observation?component-code-value-quantity=8480-6$gt100&component-code-value-quantity=8462-4$gt90", "y"),
    ("Observation?combo-code-value-quantity=8480-6$gt140", "y"),
    ("Observation?combo-code-value-quantity=8310-5$5.4||mg", "a b c g"),
    ("Observation?code-value-quantity=8480-6$gt140", ""),
    ("Observation?code-value-quantity=8310-5$5.4||mg", "a b c g"),
    ("Observation?component-code=8480-6&component-value-quantity=gt140", "y z"),
    ("Observation?code=8480-6", ""),
    ("Observation?combo-code=8480-6", "x y z"),
    ("Observation?component-code-value-quantity=8480-6", "illegal-parameter-value"),
    ("Observation?component-code-value-quantity=8480-6$", "illegal-parameter-value"),
    ("Observation?component-code-value-quantity=8480-6$1$2", "illegal-parameter-value"),
    ("Observation?component-code-value-quantity:not=8480-6$1", "unsupported-modifier"),
    ("Observation?component-code-value-quantity:missing=false", "x y z"),
)
NUMBERS = (
    ("RiskAssessment?probability=0.8", "ra rc"),
    ("RiskAssessment?probability=0.80", "ra"),
    ("RiskAssessment?probability=gt0.8", "rb rd rf"),
    ("RiskAssessment?probability=ge0.8", "ra rb rd rf"),
    ("RiskAssessment?probability=lt0.8", "rc rd rg"),
    ("RiskAssessment?probability=sa0.05", "ra rb rc rd rf rg"),
    ("RiskAssessment?probability=sa0.1", "ra rb rc rf"),
    ("RiskAssessment?probability=eb0.9", "ra rb rc rg"),
    ("RiskAssessment?probability=100", "rf"),
    ("RiskAssessment?probability=1e2", "rf"),
    ("RiskAssessment?probability=1e3", ""),
    ("RiskAssessment?probability=8e-2", "rg"),
    ("RiskAssessment?probability=ne0.8", "rb rd rf rg"),
    ("RiskAssessment?probability=ap0.8", "ra rb rc rd"),
    ("RiskAssessment?probability:missing=true", "re"),
    ("RiskAssessment?probability=0x10", "illegal-parameter-value"),
    ("RiskAssessment?probability=", "ra rb rc rd re rf rg"),
)


@pytest.fixture(scope="module")
def served(app: Flask) -> FlaskClient:
    client = app.test_client()
    plant(client, RESOURCES)
    return client


@pytest.mark.parametrize(("query", "expected"), rows((*QUANTITIES, *COMPOSITES, *NUMBERS)))
def test_an_amount_finds_what_r4_says(served: FlaskClient, query: str, expected: str) -> None:
    assert found(served, query) == expected
