"""Plans as queries: every condition, View and page against brute force in Python.

The documents crowd a few dates and sequence numbers, so that pages end within ties.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model import plan as model
from fhir_server.model import predicate
from fhir_server.model.document import Access, Amount, Document, Range, SearchEntries
from fhir_server.model.plan import Index, Order, Plan, SortBy
from fhir_server.model.unit_of_work import Replace, UnitOfWork
from fhir_server.model.view import ActorRef, View
from tests.store.conftest import OPEN, Make
from tests.store.oracle import holds, ordered

DAY = datetime(2024, 2, 27, tzinfo=UTC)
OWNERS = ("p1", "p2", None)
TOKENS = ("code=s|a", "code=s|b", "code=t|a", "category=s|a")
RESIDUALS = ("status=|final", "status=|entered-in-error")
STRINGS = ("name=müller", "name=mull", "name=a.b", "note=xmx")
AMOUNT_KEYS = ("q|u|mg|", "q|u|mg|milli|", "q||.*|", "q|mg|g|", "qq|u|mg|", "r|u|mg|")
NUMBERS = ("-1.5", "0", "1e1", "10.0", "7.25")
LABELS = ("R", "PSY")
SPANS = {"d": timedelta(hours=24), "m": timedelta(days=31), "l": timedelta(days=400)}

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _range(source: random.Random) -> Range:
    name = source.choice("dml")
    low = DAY + timedelta(days=source.randrange(-500, 500), milliseconds=source.randrange(3))
    spans = list(SPANS.values())
    shortest = timedelta(milliseconds=1) if name == "d" else spans["dml".index(name) - 1]
    span = shortest + (SPANS[name] - shortest) * source.choice((0, 0.5, 1))
    return Range(f"date:{name}", low, low + span)


def _amounts(source: random.Random, key: str) -> tuple[Amount, ...]:
    pairs = [sorted(source.choices(NUMBERS, k=2), key=float) for _ in range(source.randrange(3))]
    return tuple({Amount(key, *pair) for pair in pairs})


def _sample(source: random.Random, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(source.sample(values, source.randrange(len(values) + 1)))


def _crowd(make: Make, size: int = 120) -> list[Document]:
    source = random.Random(7)
    documents = []
    for _ in range(size):
        dates = tuple({_range(source) for _ in range(source.randrange(3))})
        documents.append(
            make.document(
                f"{source.randrange(1 << 40):x}",
                owner=source.choice(OWNERS),
                seq=source.randrange(3),
                updated=DAY + timedelta(seconds=source.randrange(3)),
                visibility=source.randrange(3),
                access=Access(
                    labels=_sample(source, LABELS),
                    authors=source.choice((("org1",), ("org2",), ("org1", "org2"), ())),
                    source=_sample(source, ("org1", "org3")),
                    from_=source.choice((None, DAY, DAY + timedelta(milliseconds=500))),
                ),
                search=SearchEntries(
                    token=_sample(source, TOKENS),
                    residual=_sample(source, RESIDUALS),
                    string=_sample(source, STRINGS),
                    date=dates,
                    number=_amounts(source, "n"),
                    quantity=_amounts(source, "q|mg") + _amounts(source, source.choice(AMOUNT_KEYS)),
                    composite=_amounts(source, "c|mg"),
                    sort_date=source.choice((None, DAY, DAY + timedelta(days=1))),
                ),
            )
        )
    return documents


@pytest.fixture
def crowd(store, make) -> list[Document]:
    documents = _crowd(make)
    store.records.commit(UnitOfWork(OPEN, creates=tuple(documents)))
    gone = make.document(owner="p1", search=SearchEntries(token=TOKENS, residual=RESIDUALS))
    store.records.commit(make.creates(gone))
    deletion = make.document(gone.facts.id, 2, owner="p1", deleted=True)
    store.records.commit(UnitOfWork(OPEN, deletes=(Replace(deletion, 1),)))
    return documents


instants = st.one_of(
    st.none(),
    st.builds(
        lambda days, ms: DAY + timedelta(days=days, milliseconds=ms),
        st.integers(-600, 600),
        st.integers(0, 2),
    ),
)
numbers = st.one_of(st.none(), st.sampled_from(NUMBERS))
leaves = st.one_of(
    st.builds(model.Has, st.just("token"), st.lists(st.sampled_from(TOKENS), max_size=2).map(tuple)),
    st.builds(model.Has, st.just("residual"), st.lists(st.sampled_from(RESIDUALS), max_size=2).map(tuple)),
    st.builds(model.Has, st.just("string"), st.lists(st.sampled_from(STRINGS), max_size=2).map(tuple)),
    st.builds(model.StartsWith, st.sampled_from(("token", "string")), st.sampled_from((("name=m",), ("code=s|", "note=x"), ()))),
    st.builds(model.Contains, st.just("string"), st.just("name="), st.sampled_from((("ll",), (".",), ("*", "ü"), ("\0",)))),
    st.builds(model.DateWithin, st.just("date"), instants, instants, instants, instants),
    st.builds(model.AmountWithin, st.just("number"), st.just("n"), numbers, numbers, numbers, numbers),
    st.builds(model.AmountWithin, st.just("quantity"), st.just("q|mg"), numbers, numbers, numbers, numbers),
    st.builds(
        model.AmountWithin, st.just("quantity"), st.sampled_from(("q|", "q|u|", "q|u|mg|", "q||", "q")),
        numbers, numbers, numbers, numbers, st.just(True), st.sampled_from(("", "|mg|", "|.*|", "milli", "\0")),
    ),
    st.builds(model.AmountWithin, st.just("composite"), st.just("c|mg"), numbers, numbers, numbers, numbers),
    st.builds(model.UpdatedWithin, st.sampled_from((None, DAY + timedelta(seconds=1))), st.sampled_from((None, DAY + timedelta(seconds=2)))),
    st.builds(model.OwnerIn, st.sampled_from((("p1",), ("p1", "p2"), ()))),
)  # fmt: skip
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(model.And, st.lists(inner, max_size=2).map(tuple)),
        st.builds(model.Or, st.lists(inner, max_size=2).map(tuple)),
        st.builds(model.Negation, inner),
    ),
    max_leaves=4,
)
orders = st.builds(Order, st.sampled_from(SortBy), st.booleans())

KNOWN_IDS = tuple(document.facts.id for document in _crowd(Make())[:9])

predicates = st.recursive(
    st.one_of(
        st.just(predicate.Everything()),
        st.just(predicate.Nothing()),
        st.builds(predicate.OwnerIs, st.sampled_from(OWNERS)),
        st.builds(predicate.VisibilityIn, st.frozensets(st.integers(0, 2))),
        st.builds(predicate.LabelsExclude, st.frozensets(st.sampled_from(LABELS))),
        st.builds(predicate.AuthorIn, st.frozensets(st.sampled_from(("org1", "org2")))),
        st.builds(predicate.SourcesExclude, st.frozensets(st.sampled_from(("org1", "org3")))),
        st.builds(predicate.OpensBy, st.sampled_from((DAY, DAY + timedelta(seconds=1)))),
        st.builds(predicate.IdIn, st.frozensets(st.sampled_from(KNOWN_IDS), max_size=3)),
    ),
    lambda inner: st.one_of(
        st.builds(predicate.AllOf, st.lists(inner, max_size=2).map(tuple)),
        st.builds(predicate.AnyOf, st.lists(inner, max_size=2).map(tuple)),
        st.builds(predicate.Not, inner),
    ),
    max_leaves=4,
)


def view_of(reads: predicate.Predicate) -> View:
    return View(ActorRef("test", "test"), "TREAT", None, {"Observation": reads}, {}, b"")


def all_pages(store, plan: Plan, view: View) -> list[str]:
    """Return the ids of every page, one after the other."""
    found: list[str] = []
    position = None
    while True:
        page = store.records.search(
            Plan(**{**{name: getattr(plan, name) for name in Plan.__slots__}, "after": position}), view
        )
        assert len(page.entries) <= plan.count
        found += [entry.id for entry in page.entries]
        if page.next is None:
            return found
        assert len(page.entries) == plan.count
        position = page.next


def _ids(documents: list[Document]) -> list[str]:
    return [document.facts.id for document in documents]


def test_every_condition_finds_what_brute_force_finds(store, crowd) -> None:
    @SETTINGS
    @given(conditions, orders, st.sampled_from((None, "p1")))
    def check(condition: model.Condition, order: Order, owner: str | None) -> None:
        plan = Plan("Observation", (condition,), owner=owner, order=order, count=500)
        expected = [
            document
            for document in ordered(crowd, order)
            if holds(condition, document) and (owner is None or document.facts.owner == owner)
        ]
        assert [entry.id for entry in store.records.search(plan, OPEN).entries] == _ids(expected)
        assert store.records.count(plan, OPEN) == len(expected)

    check()


def test_every_view_shows_what_its_predicate_says(store, crowd) -> None:
    @SETTINGS
    @given(predicates)
    def check(reads: predicate.Predicate) -> None:
        visible = [document for document in crowd if predicate.matches(reads, document.facts)]
        view = view_of(reads)
        plan = Plan("Observation", count=500)
        assert {entry.id for entry in store.records.search(plan, view).entries} == set(_ids(visible))
        assert store.records.count(plan, view) == len(visible)
        assert set(store.records.read_many("Observation", _ids(crowd), view)) == set(_ids(visible))

    check()


def test_pages_show_everything_once_in_order_whatever_ties_they_cut(store, crowd) -> None:
    @SETTINGS
    @given(orders, st.integers(1, 50), st.sampled_from((None, "p1")))
    def check(order: Order, size: int, owner: str | None) -> None:
        expected = ordered([one for one in crowd if owner in (None, one.facts.owner)], order)
        plan = Plan("Observation", owner=owner, order=order, count=size)
        assert all_pages(store, plan, OPEN) == _ids(expected)

    check()


A, B = model.Has("token", ("code=s|a",)), model.Has("token", ("code=s|b",))
HINTED = [
    pytest.param(Plan("Observation", owner="p1", index=Index.OWNER_DATE), id="owner-date"),
    pytest.param(Plan("Observation", (A,), "p1", Index.OWNER_TOKEN, A), id="owner-token"),
    pytest.param(Plan("Observation", (B, A), "p1", Index.OWNER_TOKEN, A), id="owner-two-tokens"),
    pytest.param(Plan("Observation", (model.Negation(B), A), "p1", Index.OWNER_TOKEN, A), id="owner-token-not"),
    pytest.param(Plan("Observation", (A,), None, Index.TOKEN, A), id="token"),
    pytest.param(
        Plan("Observation", owner="p1", index=Index.OWNER_UPDATED, order=Order(SortBy.UPDATED)), id="owner-updated"
    ),
    pytest.param(Plan("Observation", index=Index.UPDATED, order=Order(SortBy.UPDATED)), id="updated"),
    *(
        pytest.param(Plan("Observation", (driver,), None, index, driver), id=index.value)
        for index, driver in {
            Index.STRING: model.StartsWith("string", ("name=m",)),
            Index.DATE: model.DateWithin("date", low_before=DAY, high_after=DAY - timedelta(days=60)),
            Index.QUANTITY: model.AmountWithin("quantity", "q|mg", high_after="0"),
            Index.COMPOSITE: model.AmountWithin("composite", "c|mg", low_before="8"),
        }.items()
    ),
    *(
        pytest.param(Plan("Observation", (driver,), None, Index.QUANTITY, driver), id=f"quantity-{name}")
        for name, driver in {
            "any-unit": model.AmountWithin("quantity", "q|", high_after="0", begins=True),
            "system": model.AmountWithin("quantity", "q|u|", low_from="0", low_before="8", begins=True),
            "code": model.AmountWithin("quantity", "q|", low_before="8", begins=True, part="|mg|"),
        }.items()
    ),
]  # fmt: skip


@pytest.mark.parametrize("plan", HINTED)
def test_hinted_indexes_find_what_brute_force_finds(store, crowd, plan: Plan) -> None:
    expected = [
        document
        for document in ordered(crowd, plan.order)
        if all(holds(condition, document) for condition in plan.conditions)
        and plan.owner in (None, document.facts.owner)
    ]
    small = Plan(**{**{name: getattr(plan, name) for name in Plan.__slots__}, "count": 7})
    assert all_pages(store, small, OPEN) == _ids(expected)
    assert store.records.count(plan, OPEN) == len(expected) > 0


@pytest.mark.parametrize("name", ["d", "m", "l"])
@pytest.mark.parametrize("index", [Index.DATE, None])
def test_the_longest_range_of_a_class_is_found_at_both_of_its_ends(store, make, name: str, index) -> None:
    low, high = DAY, DAY + SPANS[name]
    document = make.document(search=SearchEntries(date=(Range(f"date:{name}", low, high),)))
    store.records.commit(make.creates(document))
    moment = timedelta(milliseconds=1)
    for found, wanted in (
        (1, model.DateWithin("date", high_after=high - moment)),
        (0, model.DateWithin("date", high_after=high)),
        (1, model.DateWithin("date", low_from=low, high_to=high)),
        (0, model.DateWithin("date", high_to=high - moment)),
        (1, model.DateWithin("date", low_before=low + moment)),
        (0, model.DateWithin("date", low_before=low)),
    ):
        assert store.records.count(Plan("Observation", (wanted,), None, index, wanted), OPEN) == found


def test_sort_bounds_of_a_plan_cut_the_order_by_date(store, crowd) -> None:
    first, second = DAY, DAY + timedelta(days=1)
    plan = Plan(
        "Observation", owner="p1", index=Index.OWNER_DATE, count=500, sort_from=first, sort_before=second
    )  # fmt: skip
    expected = [one for one in ordered(crowd, plan.order) if one.search.sort_date == first]
    assert all_pages(store, plan, OPEN) == _ids([one for one in expected if one.facts.owner == "p1"])


def test_pages_are_stable_while_others_write(store, make, crowd) -> None:
    plan = Plan("Observation", owner="p1", index=Index.OWNER_DATE, count=5)
    known = _ids(ordered([one for one in crowd if one.facts.owner == "p1"], plan.order))
    seen, position, number = [], None, 0
    while True:
        page = store.records.search(
            Plan("Observation", owner="p1", index=Index.OWNER_DATE, count=5, after=position), OPEN
        )
        seen += [entry.id for entry in page.entries]
        if page.next is None:
            break
        position = page.next
        number += 1
        written = make.document(
            f"new-{number:03d}", owner="p1", seq=number % 3, search=SearchEntries(sort_date=DAY)
        )
        store.records.commit(make.creates(written))
    assert [id for id in seen if not id.startswith("new-")] == known
    assert len(set(seen)) == len(seen)


def test_a_page_without_room_is_empty_and_last(store, crowd) -> None:
    page = store.records.search(Plan("Observation", count=0), OPEN)
    assert (page.entries, page.next) == ((), None)


def test_a_type_that_was_never_written_has_nothing(store) -> None:
    plan = Plan("Basic", owner="p1", index=Index.OWNER_DATE)
    assert store.records.search(plan, OPEN).entries == ()
    assert store.records.count(plan, OPEN) == 0


def test_a_type_that_the_view_does_not_name_has_nothing(store, crowd) -> None:
    view = View(ActorRef("test", "test"), "TREAT", None, {}, {}, b"")
    assert store.records.search(Plan("Observation"), view).entries == ()
    assert store.records.read("Observation", crowd[0].facts.id, view) is None
    assert store.records.history("Observation", crowd[0].facts.id, view, count=5) == ()


def test_a_page_that_no_batch_can_carry_is_whole(store, make, view) -> None:
    large = "x" * 6_000_000
    documents = [make.document(content={"note": [{"text": large}]}) for _ in range(4)]
    for document in documents:
        store.records.commit(make.creates(document))
    page = store.records.search(Plan("Observation", owner="p1", index=Index.OWNER_DATE, count=3), view)
    assert [len(entry.body) > len(large) for entry in page.entries] == [True] * 3
    assert page.next is not None
    rest = Plan("Observation", owner="p1", index=Index.OWNER_DATE, count=3, after=page.next)
    ids = [entry.id for found in (page, store.records.search(rest, view)) for entry in found.entries]
    assert sorted(ids) == sorted(document.facts.id for document in documents)
