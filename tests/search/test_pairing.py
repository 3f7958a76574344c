"""What a code and a value together imply for composites: never less than what has both."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from fhir_server.model.plan import Condition, Index
from profiles.registry import Registry
from tests.search.evaluate import holds, matches
from tests.search.resources import LOINC, UCUM, observation
from tests.search.shelf import Shelf

NUMBERS = st.sampled_from(["1", "1.0", "5", "5.4", "500", "0.5", "-3", "1e3"])
UNITS = st.sampled_from(["mg", "g", "kg", "Cel", "tablet"])
SYSTEMS = st.sampled_from([LOINC, "http://snomed.info/sct", "urn:a$b", None])


def _coding(system: str | None, code: str) -> dict[str, Any]:
    return {"code": code} if system is None else {"system": system, "code": code}


CODINGS = st.lists(st.builds(_coding, SYSTEMS, st.sampled_from(["a", "b", "a$b"])), min_size=1, max_size=3)
QUANTITIES = st.builds(
    lambda value, unit, comparator: {
        "valueQuantity": {
            "value": Raw(value.encode()), "system": UCUM, "code": unit,
            **({"comparator": comparator} if comparator else {}),
        }
    },
    NUMBERS, UNITS, st.sampled_from([None, None, "<", ">="]),
)  # fmt: skip
SAMPLES = st.builds(
    lambda origin, unit, data: {
        "valueSampledData": {
            "origin": {"value": int(float(origin)), "system": UCUM, "code": unit},
            "period": 10, "dimensions": 1, "data": data,
        }
    },
    NUMBERS, UNITS, st.sampled_from(["1", "2 3 4", "0 0", "-5 E 1000"]),
)  # fmt: skip
ASKED_CODES = st.sampled_from(["a", "b", f"{LOINC}|a", f"{LOINC}|a,b", "|a", r"urn:a\\$b|a", r"a\\$b"])
ASKED_VALUES = st.builds(
    lambda prefix, number, unit: prefix + number + unit,
    st.sampled_from(["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]),
    NUMBERS,
    st.sampled_from(["", f"|{UCUM}|mg", f"|{UCUM}|kg", "||tablet", f"|{UCUM}|"]),
)


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry)


def _joined(shelf: Shelf, query: str) -> list[Condition]:
    made = shelf.plan(query)
    return [one.condition for one in made.candidates if one.index is Index.COMPOSITE]


@settings(max_examples=400, deadline=None)
@given(CODINGS, QUANTITIES | SAMPLES, ASKED_CODES, ASKED_VALUES)
def test_what_has_the_code_and_the_value_is_behind_the_composite(
    shelf: Shelf, coding: list[dict[str, Any]], value: dict[str, Any], code: str, asked: str
) -> None:
    resource = observation("h", code={"coding": coding}, **{"valueQuantity": None, **value})
    document = shelf.add(resource)
    try:
        query = f"Observation?code={code}&value-quantity={asked}"
        (joined,) = _joined(shelf, query)
        assert not matches(shelf.plan(query), document) or holds(joined, document)
    finally:
        shelf.documents.pop()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("code=a", id="code-alone"),
        pytest.param("value-quantity=5", id="value-alone"),
        pytest.param(f"code={LOINC}|&value-quantity=5", id="any-code-of-a-system"),
        pytest.param("code:not=a&value-quantity=5", id="negation"),
        pytest.param("code=a&value-quantity:missing=false", id="presence"),
        pytest.param("combo-code=a&combo-value-quantity=5", id="from-different-components"),
        pytest.param("code=a&value-date=2024", id="rounded-dates"),
        pytest.param("patient=p1&code=a&value-quantity=5", id="one-record"),
        pytest.param(f"code={','.join('abcdefghijk')}&value-quantity=5,6", id="too-many"),
    ],
)
def test_nothing_is_implied_by(shelf: Shelf, query: str) -> None:
    assert _joined(shelf, f"Observation?{query}") == []


def test_sampled_values_are_no_value_of_the_composite_itself(registry: Registry) -> None:
    shelf = Shelf(registry)
    sampled = {"origin": {"value": 5}, "period": 10, "dimensions": 1, "data": "1 2"}
    shelf.add(observation("s", valueQuantity=None, valueSampledData=sampled))
    assert shelf.search("Observation?code=8310-5&value-quantity=gt5") == {"s"}
    assert shelf.search("Observation?code-value-quantity=8310-5$gt5") == set()
    assert shelf.search("Observation?code-value-quantity:missing=true") == {"s"}
