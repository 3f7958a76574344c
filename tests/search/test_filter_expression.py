"""`_filter`: its grammar, its operators, and what it refuses."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model.outcome import FhirError
from fhir_server.search.filter_expression import SUPPORTED
from fhir_server.search.filter_syntax import (
    OPERATORS,
    Comparison,
    Every,
    Expression,
    Not,
    Some,
    read_expression,
)
from profiles.registry import Registry
from tests.search.resources import LOINC, UCUM, observation, patient
from tests.search.shelf import Shelf


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    shelf = Shelf(registry)
    shelf.add(patient("zoe"))
    shelf.add(patient("ann", name=[{"family": "van Smith"}], gender="male", birthDate="1980-05-04"))
    shelf.add({"resourceType": "Patient", "id": "nobody"})
    shelf.add(observation("warm"))
    shelf.add(observation("hot", valueQuantity={"value": 40, "unit": "Cel", "system": UCUM, "code": "Cel"}))
    period = {"start": "2024-03-01", "end": "2024-03-31"}
    shelf.add(observation("long", effectiveDateTime=None, effectivePeriod=period, valueQuantity=None))
    return shelf


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param('Patient?family eq "O\'Brien-Muller"', {"zoe"}, id="eq-folds"),
        pytest.param("Patient?family eq obrien", set(), id="eq-is-whole"),
        pytest.param("Patient?family ne smith", {"zoe"}, id="ne-asks-for-a-value"),
        pytest.param("Patient?family co mith", {"ann"}, id="co"),
        pytest.param('Patient?family sw "van sm"', {"ann"}, id="sw"),
        pytest.param("Patient?family ew uller", {"zoe"}, id="ew"),
        pytest.param("Patient?family ew smit", set(), id="ew-is-at-the-end"),
        pytest.param("Patient?gender eq male", {"ann"}, id="token"),
        pytest.param("Patient?gender ne male", {"zoe"}, id="token-ne"),
        pytest.param("Patient?gender pr false", {"nobody"}, id="pr-false"),
        pytest.param("Patient?family pr true", {"zoe", "ann"}, id="pr-true"),
        pytest.param(
            "Patient?gender in http://hl7.org/fhir/ValueSet/administrative-gender", {"zoe", "ann"}, id="in"
        ),
        pytest.param("Patient?gender ni http://hl7.org/fhir/ValueSet/administrative-gender", {"nobody"}, id="ni"),
        pytest.param("Patient?birthdate ge 1980", {"ann"}, id="date-ge"),
        pytest.param("Patient?birthdate lt 1980-05-05", {"zoe", "ann"}, id="date-lt"),
        pytest.param("Patient?_id eq ann", {"ann"}, id="id"),
        pytest.param("Patient?_id ne ann", {"zoe", "nobody"}, id="id-ne"),
        pytest.param("Observation?date po 2024-03-15", {"long"}, id="po"),
        pytest.param("Observation?date eq 2024-03-15", set(), id="po-is-not-eq"),
        pytest.param(f"Observation?code eq {LOINC}|8310-5 and value-quantity gt 39", {"hot"}, id="quantity"),
        pytest.param(f"Observation?value-quantity eq 310.15|{UCUM}|K", {"warm"}, id="quantity-in-other-units"),
        pytest.param("Observation?subject re Patient/p1", {"warm", "hot", "long"}, id="re"),
        pytest.param("Patient?gender eq male or gender eq female and family co o", {"zoe", "ann"}, id="precedence"),
        pytest.param("Patient?(gender eq male or gender eq female) and family co ien", {"zoe"}, id="parentheses"),
        pytest.param("Patient?not(gender eq male)", {"zoe", "nobody"}, id="not"),
        pytest.param("Patient?not (not(gender eq male)) and not(family co x)", {"ann"}, id="not-twice"),
        pytest.param('Patient?family co "van, x" or gender eq male', {"ann"}, id="a-comma-is-no-or"),
    ],
)  # fmt: skip
def test_a_filter_finds_what_r4_says(shelf: Shelf, query: str, found: set[str]) -> None:
    resource_type, _, text = query.partition("?")
    assert shelf.search(f"{resource_type}?_filter={quote(text)}") == found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("family xx a", 8, id="operator"),
        pytest.param("shoesize eq 9", 1, id="parameter"),
        pytest.param("family eq a and", 16, id="nothing-after-and"),
        pytest.param("(family eq a", 13, id="open"),
        pytest.param("family eq a)", 12, id="closed"),
        pytest.param('family eq "a', 11, id="string-without-end"),
        pytest.param("family eq", 10, id="no-value"),
        pytest.param("gender eq male and birthdate eq yesterday", 20, id="value"),
        pytest.param("gender gt male", 1, id="operator-of-another-type"),
        pytest.param("birthdate po x", 1, id="period"),
        pytest.param("gender in http://example.org/unknown", 1, id="unknown-value-set"),
        pytest.param("gender pr maybe", 1, id="pr"),
        pytest.param("organization.name eq x", 13, id="path"),
        pytest.param("_filter eq x", 1, id="itself"),
        pytest.param("(" * 30 + "gender eq male" + ")" * 30, 22, id="depth"),
    ],
)
def test_a_fault_is_told_with_its_place(shelf: Shelf, text: str, place: int) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.search(f"Patient?_filter={quote(text)}")
    assert refused.value.issues[0].situation == "illegal-parameter-value"
    assert f"character {place}:" in refused.value.issues[0].text


def test_more_comparisons_than_are_read_are_refused(shelf: Shelf) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.search(f"Patient?_filter={quote(' or '.join(['gender eq male'] * 51))}")
    assert refused.value.issues[0].situation == "too-costly"


def test_every_operator_of_r4_is_supported_by_some_type() -> None:
    assert set(OPERATORS) == {operator for of_type in SUPPORTED.values() for operator in of_type}


COMPARISONS = st.builds(
    Comparison, st.sampled_from(["code", "value-quantity"]), st.sampled_from(OPERATORS),
    st.text(st.characters(exclude_categories=["Cs"])), st.just(True), st.just(0),
)  # fmt: skip
EXPRESSIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Every, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Some, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_what_was_written_is_read(expression: Expression) -> None:
    assert _placeless(read_expression(_written(expression))) == expression


def _written(expression: Expression) -> str:
    match expression:
        case Comparison():
            return f"{expression.code} {expression.operator} {json.dumps(expression.value)}"
        case Not(part):
            return f"not ({_written(part)})"
        case Every(parts):
            return " and ".join(f"({_written(part)})" for part in parts)
        case Some(parts):
            return " or ".join(f"({_written(part)})" for part in parts)


def _placeless(expression: Expression) -> Expression:
    match expression:
        case Comparison(code, operator, value, quoted, _):
            return Comparison(code, operator, value, quoted, 0)
        case Not(part):
            return Not(_placeless(part))
        case Every(parts):
            return Every(tuple(_placeless(part) for part in parts))
        case Some(parts):
            return Some(tuple(_placeless(part) for part in parts))
