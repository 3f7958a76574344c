"""What a value of `_sort` asks for: an order that an index has, or computed keys."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Driver, Has, Index, Order, SortBy, SortKey, SortKind, StartsWith
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.latest import latest
from fhir_server.search.sorting import order_of, sortable, spelled
from profiles.registry import Registry
from tests.search.resources import observation
from tests.search.shelf import Shelf


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry, [observation("o1")])


@pytest.fixture(scope="module")
def catalogue(shelf: Shelf) -> Catalogue:
    return shelf.indexer.catalogue


@pytest.mark.parametrize(
    ("resource_type", "text", "order"),
    [
        pytest.param("Observation", "date", Order(SortBy.DATE, False), id="date-of-the-type"),
        pytest.param("Observation", "-date,-_lastUpdated", Order(SortBy.DATE, True), id="redundant-tie"),
        pytest.param("Patient", "_lastUpdated", Order(SortBy.UPDATED, False), id="updated"),
        pytest.param(
            "DiagnosticReport", "issued",
            Order(SortBy.DATE, False, (SortKey(SortKind.INSTANT, ("issued",)),)), id="another-date",
        ),
        pytest.param(
            "Observation", "-date,_id",
            Order(SortBy.DATE, True, (SortKey(SortKind.INSTANT, ("date",), True), SortKey(SortKind.ID))),
            id="date-and-id",
        ),
        pytest.param(
            "Observation", "status",
            Order(SortBy.DATE, False, (SortKey(SortKind.CODE, ("status",), False, True),)), id="residual-code",
        ),
        pytest.param(
            "Observation", "-patient",
            Order(
                SortBy.DATE, True,
                (SortKey(SortKind.NAMED, ("subject",), True, False, "decides", "Patient"),),
            ),
            id="person",
        ),
        pytest.param(
            "Patient", "family,family",
            Order(SortBy.DATE, False, (SortKey(SortKind.TEXT, ("family",)),)), id="said-twice",
        ),
    ],
)  # fmt: skip
def test_an_order_is_read(catalogue: Catalogue, resource_type: str, text: str, order: Order) -> None:
    assert order_of(catalogue, resource_type, text) == order


@pytest.mark.parametrize(
    "text", ["", ",", "nothing", "-", "--date", "code-value-quantity", "date:exact", "near"]
)
def test_what_has_no_order_is_refused_with_what_has_one(catalogue: Catalogue, text: str) -> None:
    with pytest.raises(FhirError) as refused:
        order_of(catalogue, "Observation", text)
    assert refused.value.issues[0].situation == "illegal-parameter-value"
    assert "`value-quantity`" in refused.value.issues[0].text


def test_every_type_can_be_ordered_by_what_every_resource_has(
    catalogue: Catalogue, registry: Registry
) -> None:
    for name in registry.resource_types:
        known = sortable(catalogue, name)
        assert {"_id", "_lastUpdated"} <= known
        for code in known:
            assert order_of(catalogue, name, f"-{code}").descending


def test_orders_that_differ_are_spelled_apart(catalogue: Catalogue) -> None:
    texts = ["date", "-date", "_id", "-_id", "code", "-code", "patient", "subject", "code,-_id", "code,_id"]
    told = {str(spelled(order_of(catalogue, "Observation", text))) for text in texts}
    assert len(told) == len(texts)


@pytest.mark.parametrize(
    ("query", "index", "candidates"),
    [
        pytest.param("encounter=Encounter/e1&code=a|b", Index.TOKEN, [], id="selective-by-the-table"),
        pytest.param("code=a|b", Index.TOKEN, [], id="no-choice"),
        pytest.param("code=a|b&category=c|d", Index.TOKEN, [Index.TOKEN, Index.TOKEN], id="two-tokens"),
        pytest.param(
            "code=a|b&value-string=x", Index.TOKEN, [Index.TOKEN, Index.STRING], id="token-and-string"
        ),
        pytest.param("code=a|b&_sort=_lastUpdated", Index.UPDATED, [Index.TOKEN], id="walk-or-few"),
        pytest.param("code=a|b&_sort=status", Index.TOKEN, [], id="computed-order"),
        pytest.param("patient=p1&code=a|b&category=c|d", Index.OWNER_TOKEN, [], id="never-in-a-record"),
        pytest.param("_id=x&code=a|b", Index.ID, [], id="ids"),
        pytest.param("status=final", Index.UPDATED, [], id="nothing-to-weigh"),
    ],
)
def test_only_across_persons_drivers_are_weighed(
    shelf: Shelf, query: str, index: Index, candidates: list[Index]
) -> None:
    made = shelf.plan(f"Observation?{query}")
    assert (made.index, [one.index for one in made.candidates]) == (index, candidates)
    assert all(_is_one_of(one, made.conditions) for one in made.candidates)


def _is_one_of(driver: Driver, conditions: Iterable[object]) -> bool:
    return driver.condition in conditions and isinstance(driver.condition, Has | StartsWith)


def test_of_no_observation_there_is_no_last() -> None:
    assert latest([], 3) == []
