"""Computed orders: what the database sorts and pages is what plain Python sorts, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cmp_to_key
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model.document import Amount, Document, Range, SearchEntries
from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Index, Order, Plan, SortBy, SortKey, SortKind
from fhir_server.model.view import View
from tests.store.conftest import Make
from tests.store.oracle import ordered

OPEN = View.unrestricted("open")
DAY = datetime(2024, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
NAMES = ("é", "e", "z", "$x", "ab" * 80, "martin", "")


def _entries(n: int) -> SearchEntries:
    token = [f"code=http://s{n % 2}|{'cab'[n % 3]}"] if n % 4 else []
    if n % 5 == 0:
        token += ["code=urn:x|zz", "identifier=urn:only-a-system|"]
    strings = [f"family={NAMES[n % 7]}", f"given={n}"] if n % 7 != 6 else ["familyx=a"]
    dates = [Range(f"issued:{'dml'[n % 3]}", DAY + timedelta(days=n % 6), DAY + timedelta(days=40))]
    if n % 6 == 0:
        dates = [Range("issued:l", EARLIEST, DAY)] if n % 12 else []
    if n % 5 == 1:
        dates.append(Range("issued:d", DAY + timedelta(days=20), DAY + timedelta(days=21)))
    base, own = (
        Amount("value@g1|", f"0.00{n % 4}", f"0.00{n % 4}"),
        Amount("value|u|mg|", f"{n % 4}", f"{n % 4}"),
    )
    return SearchEntries(
        token=(*token, *([f"subject=Group/g{n}"] if n % 9 == 0 else [])),
        residual=("status=|b", "subject!owner") if n % 9 == 0 else ("status=|a",) if n % 2 else (),
        string=tuple(strings),
        date=tuple(dates),
        number=(Amount("p", f"{n % 3}.5", f"{n % 3}.5"), Amount("p", "1", "3")) if n % 4 else (),
        quantity=(base, own) if n % 3 else (Amount("value|||", "7.10", "7.10"),) if n % 2 else (),
        sort_date=DAY + timedelta(days=n % 5) if n % 4 else None,
    )  # fmt: skip


@pytest.fixture
def crowd(store: Any, make: Make) -> list[Document]:
    documents = [
        make.document(owner=f"p{n % 3}" if n % 8 else None, seq=n % 11, search=_entries(n)) for n in range(60)
    ]
    store.records.commit(make.creates(*documents))
    return documents


def _values(key: SortKey, document: Document) -> Iterator[Any]:
    search = document.search
    match key.kind:
        case SortKind.ID:
            yield document.facts.id
        case SortKind.UPDATED:
            yield document.updated
        case SortKind.TEXT:
            yield from _tails(key, search.string)
        case SortKind.CODE:
            found = _tails(key, search.residual if key.residual else search.token)
            yield from (text.partition("|")[2] for text in found if text.partition("|")[2])
        case SortKind.NAMED:
            yield from _tails(key, search.token)
            if document.facts.owner is not None and "subject!owner" not in search.residual:
                yield f"Patient/{document.facts.owner}"
        case SortKind.INSTANT:
            found = [entry.low for entry in search.date if entry.key.rpartition(":")[0] in key.names]
            yield from (low for low in found if low > EARLIEST)
        case SortKind.NUMBER:
            yield from (Decimal(entry.low) for entry in search.number if entry.key in key.names)
        case SortKind.QUANTITY:
            based = [one for one in search.quantity if one.key.startswith("value@")]
            plain = [one for one in search.quantity if one.key.startswith("value|")]
            yield from (Decimal(one.low) for one in based or plain)


def _tails(key: SortKey, entries: tuple[str, ...]) -> list[str]:
    return [one.partition("=")[2][:100] for one in entries if one.partition("=")[0] in key.names]


def _compare(keys: tuple[SortKey, ...], ties_descend: bool) -> Any:
    def compare(one: Document, other: Document) -> int:
        for key in keys:
            mine, theirs = list(_values(key, one)), list(_values(key, other))
            if not mine or not theirs:
                if bool(mine) != bool(theirs):
                    return 1 if not mine else -1
                continue
            first = max if key.descending else min
            here, there = first(mine), first(theirs)
            if here != there:
                return (1 if here > there else -1) * (-1 if key.descending else 1)
        here, there = (one.seq, one.facts.id), (other.seq, other.facts.id)
        return (1 if here > there else -1) * (-1 if ties_descend else 1)

    return cmp_to_key(compare)


KEYS = [
    SortKey(SortKind.ID),
    SortKey(SortKind.UPDATED),
    SortKey(SortKind.TEXT, ("family",)),
    SortKey(SortKind.TEXT, ("family", "given")),
    SortKey(SortKind.CODE, ("code",)),
    SortKey(SortKind.CODE, ("identifier",)),
    SortKey(SortKind.CODE, ("status",), residual=True),
    SortKey(SortKind.NAMED, ("subject",), owner="decides"),
    SortKey(SortKind.INSTANT, ("issued",)),
    SortKey(SortKind.NUMBER, ("p",)),
    SortKey(SortKind.QUANTITY, ("value",)),
]
CHOICES = st.tuples(st.sampled_from(KEYS), st.booleans()).map(
    lambda chosen: replace(chosen[0], descending=chosen[1])
)


def _walk(store: Any, plan: Plan) -> list[list[str]]:
    pages, position = [], None
    while True:
        page = store.records.search(replace(plan, after=position), OPEN)
        pages.append([entry.id for entry in page.entries])
        assert (page.previous is None) == (position is None)
        if page.next is None:
            return pages
        position = page.next


def _walk_back(store: Any, plan: Plan, pages: int) -> list[list[str]]:
    """Return the pages before the last one, from the last on, by their previous links."""
    position = None
    for _ in range(pages - 1):
        position = store.records.search(replace(plan, after=position), OPEN).next
    page = store.records.search(replace(plan, after=position), OPEN)
    found = []
    while page.previous is not None:
        page = store.records.search(replace(plan, after=page.previous), OPEN)
        assert page.next is not None
        found.append([entry.id for entry in page.entries])
    return found


def test_pages_are_those_of_plain_python_both_ways(store: Any, crowd: list[Document]) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(CHOICES, min_size=1, max_size=3).map(tuple),
        st.integers(1, 25),
        st.sampled_from((None, "p1")),
    )
    def check(keys: tuple[SortKey, ...], size: int, owner: str | None) -> None:
        order = Order(SortBy.DATE, keys[0].descending, keys)
        plan = Plan("Observation", owner=owner, order=order, count=size)
        if owner is not None:
            plan = replace(plan, index=Index.OWNER_DATE)
        known = [one for one in crowd if owner in (None, one.facts.owner)]
        expected = [one.facts.id for one in sorted(known, key=_compare(keys, order.descending))]
        pages = _walk(store, plan)
        assert [id for page in pages for id in page] == expected
        assert _walk_back(store, plan, len(pages)) == pages[-2::-1]

    check()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.kind.value}-{'-'.join(key.names)}")
def test_every_kind_of_key_orders_by_itself(store: Any, crowd: list[Document], key: SortKey) -> None:
    for descending in (False, True):
        keys = (replace(key, descending=descending),)
        plan = Plan("Observation", order=Order(SortBy.DATE, descending, keys), count=500)
        found = [entry.id for entry in store.records.search(plan, OPEN).entries]
        assert found == [one.facts.id for one in sorted(crowd, key=_compare(keys, descending))]


def test_pages_by_an_index_go_back_as_they_came(store: Any, crowd: list[Document]) -> None:
    for by, descending, size, owner in product(SortBy, (False, True), (1, 7, 30), (None, "p1")):
        plan = Plan("Observation", owner=owner, order=Order(by, descending), count=size)
        known = [one for one in crowd if owner in (None, one.facts.owner)]
        pages = _walk(store, plan)
        assert [id for page in pages for id in page] == [
            one.facts.id for one in ordered(known, Order(by, descending))
        ]
        assert _walk_back(store, plan, len(pages)) == pages[-2::-1]


def test_across_persons_more_than_the_bound_is_refused_and_in_one_record_it_is_not(
    store: Any, crowd: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_server.store.sorting.MAX_SORTED", 30)
    order = Order(keys=(SortKey(SortKind.ID),))
    with pytest.raises(FhirError) as refused:
        store.records.search(Plan("Observation", order=order), OPEN)
    assert refused.value.issues[0].situation == "too-costly"
    monkeypatch.setattr("fhir_server.store.sorting.MAX_SORTED", 60)
    assert len(store.records.search(Plan("Observation", order=order, count=100), OPEN).entries) == 60
    monkeypatch.setattr("fhir_server.store.sorting.MAX_SORTED", 5)
    inside = Plan("Observation", owner="p1", index=Index.OWNER_DATE, order=order, count=100)
    assert len(store.records.search(inside, OPEN).entries) > 5


def test_counting_does_not_depend_on_the_page(store: Any, crowd: list[Document]) -> None:
    order = Order(SortBy.DATE, descending=False)
    first = Plan("Observation", owner="p1", index=Index.OWNER_DATE, order=order, count=7)
    whole = store.records.count(first, OPEN)
    after = store.records.search(first, OPEN).next
    assert store.records.count(replace(first, after=after), OPEN) == whole > 7
    assert store.records.count(first, OPEN, most=3) == 3
