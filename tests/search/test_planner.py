"""Which index opens a plan, what drives it, and in whose record it searches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.plan import DateWithin, Has, Index, OwnerIn, SortBy
from fhir_server.search.planner import plan
from profiles.registry import Registry
from tests.search.evaluate import ShelfSystems, matches
from tests.search.resources import LOINC, observation
from tests.search.shelf import Shelf


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry, [observation("o1"), observation("o2", subject={"reference": "Patient/p2"})])


@pytest.mark.parametrize(
    ("query", "index", "driver", "owner"),
    [
        pytest.param("patient=p1", Index.OWNER_DATE, None, "p1", id="record"),
        pytest.param("subject=Patient/p1", Index.OWNER_DATE, None, "p1", id="subject"),
        pytest.param("subject:Patient=p1", Index.OWNER_DATE, None, "p1", id="subject-of-type"),
        pytest.param("patient=p1&code=8310-5", Index.OWNER_TOKEN, f"code={LOINC}|8310-5", "p1", id="code"),
        pytest.param(
            "patient=p1&category=a|b&encounter=Encounter/e1&code=a|c",
            Index.OWNER_TOKEN, "encounter=Encounter/e1", "p1", id="encounter-before-code-before-category",
        ),
        pytest.param("patient=p1&status=final", Index.OWNER_DATE, None, "p1", id="status-never-drives"),
        pytest.param("patient=p1&code:not=a|b", Index.OWNER_DATE, None, "p1", id="negation-never-drives"),
        pytest.param("patient=p1&_sort=-_lastUpdated", Index.OWNER_UPDATED, None, "p1", id="by-update"),
        pytest.param("patient=p1&date=2024", Index.OWNER_DATE, None, "p1", id="date"),
        pytest.param("_id=o1,o2", Index.ID, None, None, id="ids"),
        pytest.param("code=a|b", Index.TOKEN, "code=a|b", None, id="across-by-token"),
        pytest.param("value-string=x", Index.STRING, None, None, id="across-by-string"),
        pytest.param("date=2024", Index.DATE, None, None, id="across-by-date"),
        pytest.param("value-quantity=5|s|c", Index.QUANTITY, None, None, id="across-by-quantity"),
        pytest.param("status=final", Index.UPDATED, None, None, id="across-by-nothing"),
        pytest.param("code=a|b&_sort=_lastUpdated", Index.UPDATED, None, None, id="across-by-update"),
        pytest.param(
            "identifier=a|b&_sort=_lastUpdated", Index.TOKEN, "identifier=a|b", None, id="few-are-sorted"
        ),
        pytest.param("date=ge2024&date=lt2025", Index.DATE, None, None, id="across-by-dates"),
        pytest.param("patient=p1,p2", Index.OWNER_DATE, None, None, id="two-records"),
    ],
)  # fmt: skip
def test_the_index_follows_a_fixed_table(
    shelf: Shelf, query: str, index: Index, driver: str | None, owner: str | None
) -> None:
    made = shelf.plan(f"Observation?{query}")
    assert (made.index, made.owner) == (index, owner)
    assert made.driver is None or made.driver in made.conditions
    if driver is not None:
        assert isinstance(made.driver, Has)
        assert made.driver.values[0] == driver


def test_a_record_is_never_left(shelf: Shelf) -> None:
    assert shelf.search("Observation?patient=p1", owner="p2") == set()
    assert shelf.search("Observation?patient=p2", owner="p2") == {"o2"}
    assert shelf.plan("Observation?patient=p1", owner="p2").conditions[0] == OwnerIn(("p1",))


def test_without_the_index_across_persons_the_order_of_updates_is_walked(shelf: Shelf) -> None:
    request = shelf.request("Observation?code=a|b")
    made = plan(request, systems=ShelfSystems(()), cross_person_types=())
    assert (made.index, made.driver, made.order.by) == (Index.UPDATED, None, SortBy.UPDATED)
    assert plan(request, systems=ShelfSystems(()), cross_person_types={"*"}).index is Index.TOKEN


def test_a_bare_code_asks_for_every_system_it_was_written_with(registry: Registry) -> None:
    concepts = [
        {"coding": [{"code": "x", "system": system} if system else {"code": "x"}]} for system in "ab "
    ]
    concepts[2]["coding"][0].pop("system")
    shelf = Shelf(registry, [observation(str(n), code=concept) for n, concept in enumerate(concepts)])
    assert shelf.search("Observation?code=x") == {"0", "1", "2"}
    driver = shelf.plan("Observation?code=x").driver
    assert driver == Has("token", ("code=|x", "code=a|x", "code=b|x"))


def test_a_known_code_needs_no_look_at_the_data(shelf: Shelf) -> None:
    class NoSystems:
        def of(self, resource_type: str, parameter: str) -> tuple[str, ...]:
            raise AssertionError(parameter)

    made = plan(shelf.request("Observation?status=final&patient=p1"), systems=NoSystems())
    assert Has("residual", ("status=http://hl7.org/fhir/observation-status|final",)) in made.conditions


def test_hundreds_of_spellings_are_split_into_look_ups_that_the_database_merges(registry: Registry) -> None:
    coding = [{"coding": [{"system": f"urn:s:{n}", "code": "x"}]} for n in range(201)]
    shelf = Shelf(registry, [observation(str(n), code=concept) for n, concept in enumerate(coding)])
    made = shelf.plan("Observation?code=x")
    assert made.driver is None
    assert len(shelf.search("Observation?code=x")) == 201


INSTANTS = st.datetimes(datetime(1999, 1, 1), datetime(2001, 12, 31), timezones=st.just(UTC))
TEXTS = st.one_of(
    INSTANTS.map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}"),
    INSTANTS.map(lambda moment: f"{moment:%Y-%m-%d}"),
    INSTANTS.map(lambda moment: f"{moment:%Y-%m}"),
    INSTANTS.map(lambda moment: f"{moment:%Y}"),
)
PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])


@settings(max_examples=300, deadline=None)
@given(
    stored=TEXTS, end=TEXTS | st.none(), asked=st.lists(st.tuples(PREFIXES, TEXTS), min_size=1, max_size=2)
)
def test_the_bounds_of_the_walk_never_cut_a_match(
    shelf: Shelf, stored: str, end: str | None, asked: list[tuple[str, str]]
) -> None:
    dates = {"effectivePeriod": {"start": stored, "end": end}} if end else {"effectiveDateTime": stored}
    document = Shelf.add(shelf, observation("h", **{"effectiveDateTime": None, **dates}))
    shelf.documents.pop()
    made = shelf.plan("Observation?" + "&".join(f"date={prefix}{text}" for prefix, text in asked))
    if matches(made, document):
        sort = document.entries.sort_date
        assert sort is not None
        assert made.sort_from is None or made.sort_from <= sort
        assert made.sort_before is None or sort < made.sort_before
        if made.reach is not None and sort < made.reach.start:
            assert made.reach.token.values[0] in document.entries.token


@pytest.mark.parametrize(
    ("query", "start"),
    [
        pytest.param("date=ge2024-02-01", datetime(2024, 1, 1, tzinfo=UTC), id="from"),
        pytest.param("date=gt2024-01-31", datetime(2024, 1, 1, tzinfo=UTC), id="after"),
        pytest.param(
            "date=ge2023&date=ge2024-02-01", datetime(2024, 1, 1, tzinfo=UTC), id="the-later-of-two"
        ),
        pytest.param("date=2024-02", None, id="within-has-a-lower-bound"),
        pytest.param("date=lt2024", None, id="until"),
        pytest.param("date=ge0001-01-01", None, id="beginning-of-the-calendar"),
        pytest.param("date:missing=false", None, id="any"),
    ],
)
def test_dates_without_a_lower_bound_reach_back_a_month_and_then_to_long_ranges_only(
    shelf: Shelf, query: str, start: datetime | None
) -> None:
    for driven in ("", "&code=8310-5"):
        reach = shelf.plan(f"Observation?patient=p1&{query}{driven}").reach
        assert (reach.start if reach is not None else None) == start
    assert shelf.plan(f"Observation?{query}").reach is None


def test_only_ranges_longer_than_a_month_are_marked(registry: Registry) -> None:
    for period, marked in (
        ({"start": "2024-01-01", "end": "2024-01-31"}, False),
        ({"start": "2024-01-01", "end": "2024-02-01"}, True),
        ({"start": "2024-01-01"}, True),
        ({"end": "2024-01-01"}, True),
    ):
        stored = Shelf(registry).add(observation(effectiveDateTime=None, effectivePeriod=period))
        assert ("date!long" in stored.entries.token) is marked


def test_date_filters_on_one_value_bound_one_walk(shelf: Shelf) -> None:
    made = shelf.plan("Observation?date=ge2024&date=lt2025")
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    assert made.driver == DateWithin("date", low_before=end, high_after=start)


@settings(max_examples=300, deadline=None)
@given(
    stored=TEXTS, end=TEXTS | st.none(), asked=st.lists(st.tuples(PREFIXES, TEXTS), min_size=1, max_size=3)
)
def test_the_driver_never_excludes_what_the_filters_find(
    shelf: Shelf, stored: str, end: str | None, asked: list[tuple[str, str]]
) -> None:
    dates = {"effectivePeriod": {"start": stored, "end": end}} if end else {"effectiveDateTime": stored}
    document = Shelf.add(shelf, observation("h", **{"effectiveDateTime": None, **dates}))
    shelf.documents.pop()
    query = "Observation?" + "&".join(f"date={prefix}{text}" for prefix, text in asked)
    in_record = matches(replace(shelf.plan(query, owner="p1"), owner=None), document)
    assert matches(shelf.plan(query), document) == in_record
