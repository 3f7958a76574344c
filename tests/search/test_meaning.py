"""What filters mean, against the words of R4 spelled out a second time."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.number import number
from fhir_server.search.planner import plan
from fhir_server.search.request import parse
from profiles.registry import Registry
from tests.search.evaluate import ShelfSystems, ids_of
from tests.search.resources import LOINC, blood_pressure, observation, patient
from tests.search.shelf import NOW, Shelf


@pytest.fixture(scope="module")
def empty(registry: Registry) -> Shelf:
    return Shelf(registry)


def _finds(shelf: Shelf, resource: dict[str, object], query: str) -> bool:
    shelf.add(resource)
    try:
        return bool(shelf.search(query))
    finally:
        shelf.documents.pop()


DAYS = st.integers(0, 800)
BEGINNING = datetime(1999, 1, 1, tzinfo=UTC)
Span = tuple[datetime, datetime]


def _day(offset: int) -> datetime:
    return BEGINNING + timedelta(days=offset)


@st.composite
def asked_dates(draw: st.DrawFn) -> tuple[str, Span]:
    """Return a date text and the instants that it names, worked out without the code under test."""
    day = _day(draw(DAYS))
    match draw(st.sampled_from(["year", "month", "day", "second"])):
        case "year":
            return f"{day:%Y}", (
                datetime(day.year, 1, 1, tzinfo=UTC),
                datetime(day.year + 1, 1, 1, tzinfo=UTC),
            )
        case "month":
            after = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            return f"{day:%Y-%m}", (day.replace(day=1), after)
        case "day":
            return f"{day:%Y-%m-%d}", (day, day + timedelta(days=1))
    return f"{day:%Y-%m-%dT%H:%M:%SZ}", (day, day + timedelta(seconds=1))


R4_DATES: dict[str, Callable[[Span, Span], bool]] = {
    # (what is asked, what is stored); half-open spans.
    "": lambda asked, stored: asked[0] <= stored[0] and stored[1] <= asked[1],
    "eq": lambda asked, stored: asked[0] <= stored[0] and stored[1] <= asked[1],
    "ne": lambda asked, stored: not (asked[0] <= stored[0] and stored[1] <= asked[1]),
    "gt": lambda asked, stored: stored[1] > asked[1],
    "lt": lambda asked, stored: stored[0] < asked[0],
    "ge": lambda asked, stored: R4_DATES["gt"](asked, stored) or R4_DATES["eq"](asked, stored),
    "le": lambda asked, stored: R4_DATES["lt"](asked, stored) or R4_DATES["eq"](asked, stored),
    "sa": lambda asked, stored: stored[0] >= asked[1],
    "eb": lambda asked, stored: stored[1] <= asked[0],
}


@settings(max_examples=400, deadline=None)
@given(stored=asked_dates(), asked=asked_dates(), prefix=st.sampled_from(sorted(R4_DATES)))
def test_dates_compare_as_r4_words_it(
    empty: Shelf, stored: tuple[str, Span], asked: tuple[str, Span], prefix: str
) -> None:
    found = _finds(empty, observation(effectiveDateTime=stored[0]), f"Observation?date={prefix}{asked[0]}")
    assert found == R4_DATES[prefix](asked[1], stored[1])


@settings(max_examples=200, deadline=None)
@given(
    start=st.none() | DAYS,
    end=st.none() | DAYS,
    asked=asked_dates(),
    prefix=st.sampled_from(sorted(R4_DATES)),
)
def test_periods_compare_as_r4_words_it(
    empty: Shelf, start: int | None, end: int | None, asked: tuple[str, Span], prefix: str
) -> None:
    if start is None and end is None:
        return
    if start is not None and end is not None and end < start:
        start, end = end, start
    period = {}
    stored = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    if start is not None:
        period["start"], stored[0] = f"{_day(start):%Y-%m-%d}", _day(start)
    if end is not None:
        period["end"], stored[1] = f"{_day(end):%Y-%m-%d}", _day(end) + timedelta(days=1)
    resource = observation(effectiveDateTime=None, effectivePeriod=period)
    found = _finds(empty, resource, f"Observation?date={prefix}{asked[0]}")
    assert found == R4_DATES[prefix](asked[1], (stored[0], stored[1]))


def test_approximately_widens_by_a_tenth_of_the_distance_to_now(empty: Shelf) -> None:
    day = NOW - timedelta(days=100)
    for shift, expected in ((-9, True), (9, True), (-13, False), (13, False)):
        stored = observation(effectiveDateTime=f"{day + timedelta(days=shift):%Y-%m-%d}")
        assert _finds(empty, stored, f"Observation?date=ap{day:%Y-%m-%d}") is expected


NUMBERS = st.decimals("-1000", "1000", places=2).map(lambda value: str(value.normalize()))


def _half(text: str) -> Fraction:
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int)
    return Fraction(10) ** exponent / 2


R4_NUMBERS: dict[str, Callable[[str, Fraction], bool]] = {
    "": lambda asked, stored: -_half(asked) <= stored - Fraction(asked) < _half(asked),
    "ne": lambda asked, stored: not -_half(asked) <= stored - Fraction(asked) < _half(asked),
    "gt": lambda asked, stored: stored > Fraction(asked),
    "lt": lambda asked, stored: stored < Fraction(asked),
    "ge": lambda asked, stored: stored >= Fraction(asked),
    "le": lambda asked, stored: stored <= Fraction(asked),
    "sa": lambda asked, stored: stored > Fraction(asked),
    "eb": lambda asked, stored: stored < Fraction(asked),
}


@settings(max_examples=400, deadline=None)
@given(stored=NUMBERS, asked=NUMBERS, prefix=st.sampled_from(sorted(R4_NUMBERS)), same=st.booleans())
def test_quantities_compare_exactly(empty: Shelf, stored: str, asked: str, prefix: str, same: bool) -> None:
    stored = asked if same else stored
    literal = format(Decimal(stored), "f")
    resource = observation(valueQuantity={"value": number(literal), "code": "mg", "system": "urn:u"})
    asked_unit = f"{prefix}{asked.replace('+', '%2B')}|urn:u|mg"
    found = _finds(empty, resource, f"Observation?value-quantity={asked_unit}")
    assert found == R4_NUMBERS[prefix](asked, Fraction(stored))


UNITS = st.sampled_from(["", "mg", "m", "g", "mg/l", "a|b", "%", ".*", "urn:u", "µg", "mg\n", "$"])
QUANTITIES = st.fixed_dictionaries({"system": UNITS, "code": UNITS, "unit": UNITS}).map(
    lambda found: {"value": 5, **{name: text for name, text in found.items() if text}}
)
R4_UNITS: dict[str, Callable[[dict[str, object], str, str], bool]] = {
    "5": lambda stored, system, code: True,
    "5||": lambda stored, system, code: True,
    "5|{system}|": lambda stored, system, code: stored.get("system") == system,
    "5||{code}": lambda stored, system, code: code in (stored.get("code"), stored.get("unit")),
    "5|{system}|{code}": lambda stored, system, code: (stored.get("system"), stored.get("code")) == (system, code),
}  # fmt: skip


def _escaped(text: str) -> str:
    return quote(re.sub(r"([\\,|$])", r"\\\1", text))


@settings(max_examples=400, deadline=None)
@given(
    stored=QUANTITIES, form=st.sampled_from(sorted(R4_UNITS)), system=UNITS, code=UNITS, same=st.booleans()
)
def test_every_way_to_ask_for_a_unit_means_what_r4_says(
    empty: Shelf, stored: dict[str, object], form: str, system: str, code: str, same: bool
) -> None:
    if same:
        system, code = str(stored.get("system", system)), str(stored.get("code", stored.get("unit", code)))
    if ("{system}" in form and not system) or ("{code}" in form and not code):
        return
    asked = form.format(system=_escaped(system), code=_escaped(code))
    expected = R4_UNITS[form](stored, system, code)
    assert _finds(empty, observation(valueQuantity=stored), f"Observation?value-quantity={asked}") == expected
    pair = f"code-value-quantity=8310-5${asked}"
    assert _finds(empty, observation(valueQuantity=stored), f"Observation?{pair}") == expected


@pytest.mark.parametrize(
    ("quantity", "query", "found"),
    [
        pytest.param({"value": 5, "unit": "mg"}, "5||mg", True, id="unit-text"),
        pytest.param({"value": 5, "system": "urn:u", "code": "mg"}, "5||mg", True, id="code-of-any-system"),
        pytest.param({"value": 5, "unit": "mg"}, "5|urn:u|mg", False, id="text-is-no-code"),
        pytest.param(
            {"value": 5, "system": "http://unitsofmeasure.org", "code": "mg"}, "5||mg", True, id="ucum"
        ),
        pytest.param(
            {"value": 5, "system": "http://unitsofmeasure.org", "code": "mg", "unit": "milligram"},
            "5||milligram", True, id="unit-beside-code",
        ),
        pytest.param(
            {"value": 5, "system": "http://unitsofmeasure.org", "code": "mg"}, "5", True, id="any-unit"
        ),
        pytest.param({"value": 5}, "5", True, id="no-unit"),
        pytest.param({"value": 5, "comparator": "<"}, "lt4", True, id="below-5-may-be-below-4"),
        pytest.param({"value": 5, "comparator": "<"}, "5", False, id="below-5-is-not-5"),
        pytest.param({"value": 5, "comparator": ">"}, "gt900", True, id="above-5-may-be-anything"),
    ],
)  # fmt: skip
def test_units_are_asked_for_in_three_ways(
    empty: Shelf, quantity: dict[str, object], query: str, found: bool
) -> None:
    assert _finds(empty, observation(valueQuantity=quantity), f"Observation?value-quantity={query}") is found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("family=o'brien", True, id="case-accent-and-punctuation"),
        pytest.param("family=O%20BRI", True, id="starts-with"),
        pytest.param("family=muller", False, id="not-in-the-middle"),
        pytest.param("family:contains=muller", True, id="contains"),
        pytest.param("family:exact=O'Brïen-Müller", True, id="exact"),
        pytest.param("family:exact=O'Brien-Muller", False, id="exact-minds-accents"),
        pytest.param("family:exact=O'Brïen", False, id="exact-is-the-whole-value"),
        pytest.param("name=zoe", True, id="any-part-of-a-name"),
        pytest.param("name=x,ann", True, id="or"),
        pytest.param("given=zoe&given=ann", True, id="and-of-two-parts"),
        pytest.param("phonetic=ann", True, id="alias"),
        pytest.param("active=true", True, id="boolean"),
        pytest.param("active=http://terminology.hl7.org/CodeSystem/special-values|true", True, id="implied"),
        pytest.param("gender=http://hl7.org/fhir/administrative-gender|female", True, id="implied-system"),
        pytest.param("gender=|female", False, id="an-implied-system-is-a-system"),
        pytest.param("gender:not=male", True, id="not"),
        pytest.param("gender:not=female", False, id="not-of-what-is"),
        pytest.param("gender:missing=false", True, id="is-there"),
        pytest.param("deceased:missing=true", False, id="computed-is-always-there"),
        pytest.param("birthdate:missing=true", False, id="date-is-there"),
        pytest.param("death-date:missing=true", True, id="date-is-missing"),
        pytest.param("address:missing=true", True, id="string-is-missing"),
        pytest.param("general-practitioner:missing=true", True, id="reference-is-missing"),
        pytest.param("birthdate=1970", True, id="year-covers-month"),
        pytest.param("birthdate=1970-02-01", False, id="day-does-not-cover-month"),
        pytest.param("_id=p1", True, id="id"),
        pytest.param("_id=P1", False, id="id-in-another-case"),
        pytest.param("_id:not=p1", False, id="not-this-id"),
        pytest.param("_lastUpdated=2026-11-22", True, id="updated"),
        pytest.param("_lastUpdated=lt2026-11-22", False, id="updated-before"),
        pytest.param("_lastUpdated=ge2026-11-22", True, id="updated-since"),
        pytest.param("_lastUpdated=ne2026-11-22", False, id="updated-not-then"),
    ],
)
def test_a_patient_is_found_by(empty: Shelf, query: str, found: bool) -> None:
    assert _finds(empty, patient(), f"Patient?{query}") is found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("subject=Patient/p1", {"own"}, id="decided-by-the-subject"),
        pytest.param("patient=p1", {"own"}, id="alias-by-bare-id"),
        pytest.param("patient=Patient/p1", {"own"}, id="alias"),
        pytest.param("patient=https://example.org/fhir/Patient/p1", {"own"}, id="own-base"),
        pytest.param("patient=https://other.org/fhir/Patient/p1", {"foreign"}, id="other-base"),
        pytest.param("subject=p1", {"own"}, id="bare-id"),
        pytest.param("subject:Patient=p1", {"own"}, id="bare-id-of-type"),
        pytest.param("patient=Group/g1", set(), id="a-group-is-no-patient"),
        pytest.param("subject=Group/g1", {"group"}, id="group"),
        pytest.param("subject=g1", {"group"}, id="bare-id-of-a-group"),
        pytest.param("performer=Patient/p1", {"performed", "own"}, id="performed-by-the-person"),
        pytest.param("patient=p1,p2", {"own"}, id="either-person"),
        pytest.param("subject:missing=true", {"performed"}, id="nobody"),
        pytest.param("subject:missing=false", {"own", "foreign", "group"}, id="somebody"),
        pytest.param("subject:identifier=urn:s|9", {"foreign"}, id="by-identifier"),
        pytest.param("subject:identifier=9", {"foreign"}, id="by-identifier-of-any-system"),
        pytest.param("encounter=e1", {"own", "performed", "foreign", "group"}, id="bare-id-of-one-target"),
    ],
)
def test_the_person_is_found_though_no_entry_names_it(
    registry: Registry, query: str, found: set[str]
) -> None:
    performer = [{"reference": "Patient/p1"}]
    foreign = {
        "reference": "https://other.org/fhir/Patient/p1", "identifier": {"system": "urn:s", "value": "9"},
    }  # fmt: skip
    shelf = Shelf(registry, [
        observation("own", performer=performer),
        observation("performed", subject=None, performer=performer),
        observation("foreign", subject=foreign),
        observation("group", subject={"reference": "Group/g1"}),
    ])  # fmt: skip
    assert [document.owner for document in shelf.documents] == ["p1", "p1", None, None]
    assert shelf.search(f"Observation?{query}") == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("code=85354-9", True, id="code"),
        pytest.param("code=8480-6", False, id="code-is-not-that-of-a-component"),
        pytest.param("component-code=8480-6", True, id="component"),
        pytest.param("combo-code=8480-6", True, id="either"),
        pytest.param("combo-code=85354-9", True, id="either-the-other-way"),
        pytest.param("combo-code:not=8480-6", False, id="neither"),
        pytest.param(f"component-code-value-quantity={LOINC}|8480-6$120", True, id="pair"),
        pytest.param("component-code-value-quantity=8480-6$80", False, id="pair-of-two-components"),
        pytest.param("component-code-value-quantity=8480-6$gt119||mmHg", True, id="pair-with-unit"),
        pytest.param("combo-code-value-quantity=8462-4$80", True, id="pair-by-alias"),
        pytest.param("combo-value-quantity=80", True, id="value-by-alias"),
        pytest.param("value-quantity=80", False, id="value-of-the-observation-itself"),
    ],
)
def test_a_blood_pressure_is_found_by(registry: Registry, query: str, found: bool) -> None:
    shelf = Shelf(registry, [blood_pressure(), observation("other")])
    assert ("bp" in shelf.search(f"Observation?{query}")) is found


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)


def _escaped(text: str) -> str:
    for special in "\\,|$":
        text = text.replace(special, "\\" + special)
    return text


@settings(max_examples=300, deadline=None)
@given(system=TEXT, value=TEXT, other=TEXT)
def test_any_identifier_is_found_by_its_escaped_text_and_by_no_other(
    empty: Shelf, system: str, value: str, other: str
) -> None:
    empty.add(patient(identifier=[{"system": system, "value": value}]))
    try:
        for asked, expected in ((value, True), (other, other == value)):
            pair = ("identifier", f"{_escaped(system)}|{_escaped(asked)}")
            request = parse(empty.indexer.catalogue, "Patient", [pair], now=NOW)
            found = ids_of(empty.documents, plan(request, systems=ShelfSystems(empty.documents)))
            assert bool(found) is expected
    finally:
        empty.documents.pop()
