"""What a value of `_sort` asks of several types: keys that compare, from indexes where all have them."""

from __future__ import annotations

import pytest

from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Order, SortBy, SortKey, SortKind
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.shared_order import shared_orders
from profiles.registry import Registry
from tests.search.resources import observation
from tests.search.shelf import Shelf


@pytest.fixture(scope="module")
def catalogue(registry: Registry) -> Catalogue:
    return Shelf(registry, [observation("o1")]).indexer.catalogue


ISSUED = SortKey(SortKind.INSTANT, ("date",))


@pytest.mark.parametrize(
    ("types", "text", "orders"),
    [
        pytest.param(
            ("Encounter", "Observation"), "-date", (Order(SortBy.DATE), Order(SortBy.DATE)), id="all-indexed"
        ),
        pytest.param(
            ("Encounter", "Observation"), "date,_lastUpdated",
            (Order(SortBy.DATE, False), Order(SortBy.DATE, False)), id="redundant-tie",
        ),
        pytest.param(
            ("Patient", "Practitioner"), "-_lastUpdated", (Order(SortBy.UPDATED), Order(SortBy.UPDATED)),
            id="updated",
        ),
        pytest.param(
            ("AllergyIntolerance", "Observation"), "date",
            (Order(SortBy.DATE, False, (ISSUED,)), Order(SortBy.DATE, False, (ISSUED,))),
            id="one-without-an-index",
        ),
        pytest.param(
            ("Condition", "Observation"), "-patient,_id",
            tuple(
                Order(
                    SortBy.DATE, True,
                    (SortKey(SortKind.NAMED, ("subject",), True, False, "decides", "Patient"), SortKey(SortKind.ID)),
                )
                for _ in range(2)
            ),
            id="person-and-id",
        ),
    ],
)  # fmt: skip
def test_types_have_orders_that_compare(
    catalogue: Catalogue, types: tuple[str, ...], text: str, orders: tuple[Order, ...]
) -> None:
    assert shared_orders(catalogue, types, text) == orders


def test_keys_that_are_one_in_a_type_alone_are_not_joined_there(catalogue: Catalogue) -> None:
    orders = shared_orders(catalogue, ("Condition", "DeviceUseStatement"), "subject,subject,patient")
    assert [len(order.keys) for order in orders] == [2, 2]


@pytest.mark.parametrize(
    ("types", "text", "situation", "told"),
    [
        pytest.param(
            ("Observation", "Patient"), "date", "illegal-parameter-value",
            "Patient cannot be ordered by `date`", id="lacking",
        ),
        pytest.param(
            ("Condition", "Patient", "Person", "Practitioner", "Specimen"), "onset-date",
            "illegal-parameter-value", "Patient, Person, Practitioner and 1 further types cannot", id="many-lacking",
        ),
        pytest.param(
            ("Observation", "Patient"), "-nonsense", "illegal-parameter-value", "orders none of the types",
            id="unknown",
        ),
        pytest.param(("Observation", "Patient"), ",", "illegal-parameter-value", "no value", id="no-value"),
        pytest.param(("Observation", "Patient"), "-", "illegal-parameter-value", "none of the types", id="no-name"),
        pytest.param(
            ("Observation", "Patient"), "_id,_id,_id,_id,_id,_id", "too-costly", "at most 5", id="too-many"
        ),
        pytest.param(
            ("Claim", "DocumentReference"), "facility", "illegal-parameter-value",
            "`facility` is a reference of Claim and a token of DocumentReference", id="of-two-kinds",
        ),
    ],
)  # fmt: skip
def test_an_order_that_types_do_not_share_is_refused(
    catalogue: Catalogue, types: tuple[str, ...], text: str, situation: str, told: str
) -> None:
    with pytest.raises(FhirError) as refused:
        shared_orders(catalogue, types, text)
    (issue,) = refused.value.issues
    assert issue.situation == situation
    assert told in issue.text
