"""Quantities across units: what is equal is found in whatever unit it is asked for."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model.number import number
from fhir_server.search.amount import HIGHEST, LOWEST
from fhir_server.search.units import BaseUnit, base_unit, in_base_units
from profiles.registry import Registry
from tests.search.resources import UCUM, observation
from tests.search.shelf import Shelf

SCALES = {"kg": Fraction(1000), "g": Fraction(1), "mg": Fraction(1, 1000), "ug": Fraction(1, 10**6)}
CODES = (
    "mg/dL",
    "mmol/L",
    "mm[Hg]",
    "Cel",
    "[degF]",
    "/min",
    "10*9/L",
    "mL/min/{1.73_m2}",
    "%",
    "d",
    "[lb_av]",
)
literals = st.decimals(min_value=-10_000, max_value=10_000, places=4).map(str)


def _known(code: str) -> BaseUnit:
    unit = base_unit(code)
    assert unit is not None, code
    return unit


@given(st.sampled_from(CODES), literals)
def test_a_converted_amount_is_what_the_unit_says_to_the_last_digit(code: str, literal: str) -> None:
    unit = _known(code)
    exact = (Fraction(literal) + Fraction(unit.offset)) * Fraction(unit.factor) / Fraction(unit.divisor)
    found = in_base_units(unit, literal, literal)
    assert found is not None
    low, high = map(Fraction, found)
    assert low <= exact <= high
    assert high - low <= abs(exact) / 10**33


@given(
    st.sampled_from(sorted(SCALES)), st.sampled_from(sorted(SCALES)), st.integers(1, 500), st.integers(1, 500)
)
def test_an_order_is_the_same_in_any_unit(stored: str, asked: str, amount: int, limit: int) -> None:
    mine = in_base_units(_known(stored), str(amount), str(amount))
    theirs = in_base_units(_known(asked), str(limit), str(limit))
    assert mine is not None and theirs is not None
    assert (Fraction(mine[0]) < Fraction(theirs[0])) is (amount * SCALES[stored] < limit * SCALES[asked])


def test_open_ends_stay_open() -> None:
    assert in_base_units(_known("mg"), LOWEST, "5") == (LOWEST, "0.005")
    assert in_base_units(_known("mg"), "5", HIGHEST) == ("0.005", HIGHEST)


def test_what_has_no_measure_has_no_base_unit() -> None:
    assert base_unit("[pH]") is None
    assert base_unit("tablets") is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(f"value-quantity=5|{UCUM}|mg", True, id="own-unit"),
        pytest.param(f"value-quantity=0.0050|{UCUM}|g", True, id="larger-unit"),
        pytest.param(f"value-quantity=5000|{UCUM}|ug", True, id="smaller-unit"),
        pytest.param(f"value-quantity=0.0060|{UCUM}|g", False, id="other-amount"),
        pytest.param(f"value-quantity=gt0.005|{UCUM}|g", False, id="greater-than-itself"),
        pytest.param(f"value-quantity=ge0.005|{UCUM}|g", True, id="at-least-itself"),
        pytest.param(f"value-quantity=lt6000|{UCUM}|ug", True, id="less"),
        pytest.param(f"value-quantity=ne0.005|{UCUM}|g", False, id="not-itself"),
        pytest.param(f"value-quantity=5|{UCUM}|mL", False, id="other-dimension"),
        pytest.param("value-quantity=0.005", False, id="any-unit-is-not-converted"),
        pytest.param("value-quantity=5||mg", True, id="code-of-any-system"),
        pytest.param(f"code-value-quantity=8310-5$5000|{UCUM}|ug", True, id="composite"),
        pytest.param(f"code-value-quantity=8310-6$5000|{UCUM}|ug", False, id="composite-of-another-code"),
    ],
)
def test_an_amount_is_found_in_any_unit_of_its_kind(registry: Registry, query: str, found: bool) -> None:
    shelf = Shelf(registry)
    value = {"value": number("5"), "unit": "mg", "system": UCUM, "code": "mg"}
    shelf.add(observation("o1", valueQuantity=value))
    assert shelf.search(f"Observation?{query}") == ({"o1"} if found else set())


def test_a_value_below_a_limit_is_found_in_another_unit(registry: Registry) -> None:
    shelf = Shelf(registry)
    value = {"value": number("5"), "comparator": "<", "system": UCUM, "code": "mg"}
    shelf.add(observation("o1", valueQuantity=value))
    assert shelf.search(f"Observation?value-quantity=lt0.01|{UCUM}|g") == {"o1"}
    assert shelf.search(f"Observation?value-quantity=gt0.01|{UCUM}|g") == set()


def test_temperatures_have_a_zero_of_their_own(registry: Registry) -> None:
    shelf = Shelf(registry)
    shelf.add(observation("fever", valueQuantity={"value": number("40"), "system": UCUM, "code": "Cel"}))
    assert shelf.search(f"Observation?value-quantity=104|{UCUM}|[degF]") == {"fever"}
    assert shelf.search(f"Observation?value-quantity=103|{UCUM}|[degF]") == set()
