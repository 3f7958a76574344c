"""Criteria of conditional writes: strict, selecting, and equal when they say the same."""

from __future__ import annotations

import pytest

from fhir_server.model.outcome import FhirError
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.criteria import criteria
from fhir_server.search.parameter import Setting
from profiles.registry import Registry
from tests.search.shelf import BASE_URL, NOW


@pytest.fixture(scope="module")
def catalogue(registry: Registry) -> Catalogue:
    return Catalogue(registry, Setting(BASE_URL))


@pytest.mark.parametrize(
    ("query", "situation"),
    [
        pytest.param("", "criteria-needed", id="nothing"),
        pytest.param("_format=json", "criteria-needed", id="format-alone"),
        pytest.param("_sort=-_lastUpdated", "criteria-needed", id="sort-alone"),
        pytest.param("identifier=a&_count=1", "criteria-needed", id="count-beside"),
        pytest.param("identifer=a", "unknown-parameter", id="misspelt"),
        pytest.param("identifier=a&foo=1", "unknown-parameter", id="unknown-beside"),
        pytest.param("identifier=", "illegal-parameter-value", id="empty"),
        pytest.param("identifier=%ff", "illegal-parameter-value", id="not-utf-8"),
        pytest.param("general-practitioner.name=x", "unsupported-modifier", id="chain"),
    ],
)
def test_criteria_have_to_select(catalogue: Catalogue, query: str, situation: str) -> None:
    with pytest.raises(FhirError) as refused:
        criteria(catalogue, "Patient", query, now=NOW)
    assert refused.value.issues[0].situation == situation


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        pytest.param("identifier=s|1", "?identifier=s%7C1", True, id="encoding"),
        pytest.param("identifier=1&gender=male", "gender=male&identifier=1", True, id="order"),
        pytest.param("identifier=1,2", "identifier=2,1", True, id="order-of-values"),
        pytest.param("identifier=1", "identifier=1&_format=json", True, id="format"),
        pytest.param("identifier=1", "identifier=2", False, id="value"),
        pytest.param("identifier=1,2", "identifier=1&identifier=2", False, id="or-is-not-and"),
        pytest.param("identifier=1", "identifier:not=1", False, id="modifier"),
    ],
)
def test_criteria_that_say_the_same_share_a_key(
    catalogue: Catalogue, first: str, second: str, same: bool
) -> None:
    keys = {criteria(catalogue, "Patient", query, now=NOW).key for query in (first, second)}
    assert (len(keys) == 1) is same


def test_the_type_is_part_of_the_key(catalogue: Catalogue) -> None:
    keys = {criteria(catalogue, kind, "identifier=1", now=NOW).key for kind in ("Patient", "Practitioner")}
    assert len(keys) == 2
