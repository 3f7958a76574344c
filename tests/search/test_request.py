"""How query pairs are read, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Order, SortBy
from fhir_server.search.request import MAX_VALUE_CHARACTERS, MAX_VALUES, parse, query_digest
from profiles.registry import Registry
from tests.search.shelf import NOW, Shelf


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry)


@pytest.mark.parametrize(
    ("query", "situation", "told"),
    [
        pytest.param("Nonsense?_id=1", "unknown-type", "Nonsense", id="type"),
        pytest.param("Patient?nonsense=1", "unknown-parameter", "birthdate", id="parameter-lists-known"),
        pytest.param("Patient?_query=1", "unknown-parameter", "_query", id="parameter-without-expression"),
        pytest.param("Patient?family=", "illegal-parameter-value", "no value", id="empty-value"),
        pytest.param("Patient?_include=x", "illegal-parameter-value", "_include", id="include"),
        pytest.param("Patient?_include=Patient:x", "unknown-parameter", "organization", id="no-reference"),
        pytest.param(
            "Patient?_include:recurse=Patient:link", "unsupported-modifier", "recurse", id="recurse"
        ),
        pytest.param("Patient?gender:exact=x", "unsupported-modifier", ":missing, :not", id="modifier"),
        pytest.param("Patient?family:not=x", "unsupported-modifier", ":contains", id="modifier-of-string"),
        pytest.param("Patient?birthdate:exact=1970", "unsupported-modifier", ":missing", id="date-modifier"),
        pytest.param("Observation?subject:Robot=1", "unsupported-modifier", ":Patient", id="target-type"),
        pytest.param("Observation?patient:Group=1", "unsupported-modifier", ":Patient", id="narrow-target"),
        pytest.param("Observation?code.name=x", "unsupported-modifier", "points to nothing", id="chain"),
        pytest.param("Patient?_has:Observation:code:code=1", "unsupported-modifier", "subject", id="has"),
        pytest.param("Patient?gender:missing=x", "illegal-parameter-value", "true", id="missing-not-boolean"),
        pytest.param("Patient?birthdate=soon", "illegal-parameter-value", "2024-02-29", id="date"),
        pytest.param("Patient?birthdate=2024-02-30", "illegal-parameter-value", "date", id="no-such-day"),
        pytest.param("Patient?identifier=|", "illegal-parameter-value", "system|code", id="bar-alone"),
        pytest.param("Patient?family=.", "illegal-parameter-value", "letter", id="nothing-to-look-for"),
        pytest.param("Patient?family=a%00", "illegal-parameter-value", "U+0000", id="nul"),
        pytest.param("Patient?_count=-1", "illegal-parameter-value", "_count", id="count-negative"),
        pytest.param("Patient?_count=ten", "illegal-parameter-value", "_count", id="count-word"),
        pytest.param("Patient?_total=some", "illegal-parameter-value", "accurate", id="total"),
        pytest.param("Patient?_summary=xyz", "illegal-parameter-value", "_summary", id="summary"),
        pytest.param("Patient?_sort=_text", "illegal-parameter-value", "_lastUpdated", id="sort"),
        pytest.param(
            "Observation?_sort=date,-nothing", "illegal-parameter-value", "`date`", id="sort-second"
        ),
        pytest.param(
            "Observation?_sort=code-value-quantity", "illegal-parameter-value", "`date`", id="sort-pair"
        ),
        pytest.param("Patient?_sort=a,b,c,d,e,f", "too-costly", "5 keys", id="sort-keys"),
        pytest.param("Patient?_contained=true", "illegal-parameter-value", "`false`", id="contained"),
        pytest.param("RiskAssessment?probability=foo", "illegal-parameter-value", "number", id="number"),
        pytest.param("RiskAssessment?probability=1e99999", "illegal-parameter-value", "range", id="huge"),
        pytest.param("Observation?value-quantity=1|2|3|4", "illegal-parameter-value", "||", id="quantity"),
        pytest.param("Observation?code-value-quantity=1", "illegal-parameter-value", "$", id="composite"),
    ],
)
def test_a_query_is_refused_with_what_would_be_right(
    shelf: Shelf, query: str, situation: str, told: str
) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.request(query, strict=True)
    assert refused.value.issues[0].situation == situation
    assert told in refused.value.issues[0].text


def test_unknown_parameters_are_listed_unless_strict(shelf: Shelf) -> None:
    request = shelf.request("Patient?foo=1&family=x&_include=Patient:y&foo=2&gender=", strict=False)
    assert request.ignored == ("foo", "_include", "gender")
    assert request.used == (("family", "x"),)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("Patient?gender:exact=x", id="modifier"),
        pytest.param("Patient?general-practitioner.nonsense=x", id="chain"),
        pytest.param("Patient?birthdate=x", id="value"),
    ],
)
def test_what_is_known_and_wrong_is_refused_even_when_lenient(shelf: Shelf, query: str) -> None:
    with pytest.raises(FhirError):
        shelf.request(query, strict=False)


def test_the_number_and_length_of_values_is_limited(shelf: Shelf) -> None:
    enough = ",".join(map(str, range(MAX_VALUES)))
    assert len(shelf.request(f"Patient?identifier={enough}").filters[0].values) == MAX_VALUES
    for value in (f"{enough},more", "x" * (MAX_VALUE_CHARACTERS + 1)):
        with pytest.raises(FhirError) as refused:
            shelf.request(f"Patient?identifier={value}")
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("query", "order"),
    [
        pytest.param("Observation?code=1", None, id="unsaid"),
        pytest.param("Observation?_sort=date", Order(SortBy.DATE, False), id="date"),
        pytest.param("Observation?_sort=-date", Order(SortBy.DATE, True), id="newest"),
        pytest.param("Observation?_sort=-date,-_lastUpdated", Order(SortBy.DATE, True), id="ties"),
        pytest.param("Patient?_sort=-_lastUpdated", Order(SortBy.UPDATED, True), id="updated"),
        pytest.param("Condition?_sort=onset-date", Order(SortBy.DATE, False), id="of-the-table"),
    ],
)
def test_pages_are_ordered_by_the_date_of_the_type(shelf: Shelf, query: str, order: Order | None) -> None:
    assert shelf.request(query).order == order


def test_result_parameters_are_read(shelf: Shelf) -> None:
    request = shelf.request("Patient?_count=9999&_total=accurate&_summary=count&_format=json&_cursor=abc")
    assert (request.count, request.page.total, request.page.summary_count) == (9999, "accurate", True)
    assert request.page.cursor == "abc"
    assert shelf.request("Patient?_count=0").page.only_total
    assert not shelf.request("Patient").page.only_total


def test_the_digest_stands_for_the_question_and_its_order_alone(shelf: Shelf) -> None:
    digest = query_digest(shelf.request("Observation?code=a,b&status=final&_count=5"))
    assert digest == query_digest(shelf.request("Observation?status=final&code=b,a&_count=50&_total=none"))
    for other in ("Observation?code=a&status=final", "Observation?code=a,b&status=final&_sort=-date"):
        assert digest != query_digest(shelf.request(other))


NAMES = st.sampled_from([
    "_id", "_lastUpdated", "_sort", "_count", "code", "subject", "patient", "date", "value-quantity", "status",
    "code-value-quantity", "value-string", "combo-code", "code:not", "subject:identifier", "date:missing", "x",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pairs=st.lists(st.tuples(NAMES | st.text(max_size=8), st.text(max_size=20)), max_size=4))
def test_any_query_is_understood_or_refused(shelf: Shelf, pairs: list[tuple[str, str]]) -> None:
    try:
        parse(shelf.indexer.catalogue, "Observation", pairs, now=NOW)
    except FhirError as refused:
        assert 400 <= refused.status < 500
