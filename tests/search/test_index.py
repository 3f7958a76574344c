"""What is written into the indexes, fact by fact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fhir_server.model.document import Amount, Range, SearchEntries
from fhir_server.model.number import number
from fhir_server.model.temporal import EARLIEST, LATEST
from fhir_server.search.index import Indexer
from fhir_server.search.spelling import MAX_TEXT, system_of
from profiles.registry import Registry
from tests.search.resources import CATEGORY, LOINC, UCUM, blood_pressure, observation, patient
from tests.search.shelf import BASE_URL


@pytest.fixture(scope="module")
def indexer(registry: Registry) -> Indexer:
    return Indexer(registry, base_url=BASE_URL)


def test_each_fact_of_an_observation_is_written_once(indexer: Indexer) -> None:
    start = datetime(2024, 2, 29, 9, 30, tzinfo=UTC)
    assert indexer.entries(observation()) == SearchEntries(
        token=(f"category={CATEGORY}|vital-signs", f"code={LOINC}|8310-5", "encounter=Encounter/e1"),
        residual=(
            "status=http://hl7.org/fhir/observation-status|final",
            "code:text=body temperature",
            "_content= body temperature cel ",
        ),
        date=(Range("date:d", start, start + timedelta(seconds=1)),),
        quantity=(
            Amount(f"value-quantity|{UCUM}|Cel|", "37", "37"),
            Amount("value-quantity@K1|", "310.15", "310.15"),
        ),
        composite=(
            Amount(f"code-value-quantity={LOINC}|8310-5$|{UCUM}|Cel|", "37", "37"),
            Amount(f"code-value-quantity={LOINC}|8310-5$@K1|", "310.15", "310.15"),
        ),
        sort_date=start,
    )


def test_the_person_is_never_a_token(indexer: Indexer) -> None:
    entries = indexer.entries(observation(performer=[{"reference": "Patient/p1"}]))
    assert not any("p1" in entry for entry in (*entries.token, *entries.residual))
    assert "performer=@" in entries.residual


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        pytest.param("Encounter/e1", "encounter=Encounter/e1", id="relative"),
        pytest.param("Encounter/e1/_history/3", "encounter=Encounter/e1", id="version-cut"),
        pytest.param(f"{BASE_URL}/Encounter/e1", "encounter=Encounter/e1", id="own-base-cut"),
        pytest.param(
            f"{BASE_URL}/Encounter/e1/_history/3", "encounter=Encounter/e1", id="own-base-and-version-cut"
        ),
        pytest.param(
            "https://other.org/fhir/Encounter/e1",
            "encounter=https://other.org/fhir/Encounter/e1",
            id="other-base-kept",
        ),
        pytest.param("urn:uuid:e1", "encounter=urn:uuid:e1", id="urn-kept"),
        pytest.param("#e1", None, id="contained-is-nothing-to-find-by"),
        pytest.param("Encounter?identifier=1", None, id="conditional-is-nothing-to-find-by"),
    ],
)
def test_a_reference_has_one_spelling(indexer: Indexer, text: str, entry: str | None) -> None:
    entries = indexer.entries(observation(encounter={"reference": text}))
    assert [token for token in entries.token if token.startswith("encounter")] == ([entry] if entry else [])


def test_a_logical_reference_is_found_by_its_identifier(indexer: Indexer) -> None:
    entries = indexer.entries(observation(encounter={"identifier": {"system": "urn:v", "value": "7"}}))
    assert "encounter:identifier=urn:v|7" in entries.token


def test_a_canonical_is_written_with_and_without_its_version(indexer: Indexer) -> None:
    response = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    entries = indexer.entries({**response, "questionnaire": "http://example.org/Q|1.0"})
    found = [token for token in entries.token if token.startswith("questionnaire=")]
    assert found == ["questionnaire=http://example.org/Q%7C1.0", "questionnaire=http://example.org/Q"]
    assert not any(system_of(token) for token in found)


@pytest.mark.parametrize(
    ("content", "entry"),
    [
        pytest.param({"active": True}, "active=|true", id="boolean"),
        pytest.param({"active": False}, "active=|false", id="false-is-a-value"),
        pytest.param(
            {"gender": "male"}, "gender=http://hl7.org/fhir/administrative-gender|male", id="implied-system"
        ),
        pytest.param({"deceasedBoolean": False}, "deceased=|false", id="said-to-be-alive"),
        pytest.param({"deceasedDateTime": "2020"}, "deceased=|true", id="computed-by-the-engine"),
        pytest.param({"meta": {"tag": [{"code": "t"}]}}, "_tag=|t", id="tag"),
        pytest.param({"meta": {"profile": ["urn:p"]}}, "_profile=urn:p", id="profile"),
        pytest.param({"meta": {"source": "urn:s"}}, "_source=urn:s", id="source"),
        pytest.param({"communication": [{"language": {"text": "x"}}]}, "language!present", id="text-only"),
    ],
)
def test_what_selects_little_goes_to_the_residual(
    indexer: Indexer, content: dict[str, Any], entry: str
) -> None:
    entries = indexer.entries(patient(**content))
    assert entry in entries.residual
    assert entry not in entries.token


@pytest.mark.parametrize(
    ("identifier", "entry"),
    [
        pytest.param({"system": "urn:s", "value": "A-1"}, "identifier=urn:s|A-1", id="both"),
        pytest.param({"value": "A-1"}, "identifier=|A-1", id="no-system"),
        pytest.param({"system": "urn:s"}, "identifier=urn:s|", id="no-value"),
        pytest.param({"system": "urn:a|b", "value": "c|d"}, "identifier=urn:a%7Cb|c|d", id="bars"),
    ],
)
def test_an_identifier_has_one_spelling(indexer: Indexer, identifier: dict[str, str], entry: str) -> None:
    assert indexer.entries(patient(identifier=[identifier])).token == (entry,)


def test_the_system_of_every_token_can_be_read_back(indexer: Indexer) -> None:
    entries = indexer.entries(patient(identifier=[{"system": "urn:a|b=c", "value": "d|e=f"}]))
    assert [system_of(token) for token in entries.token] == [("identifier", "urn:a%7Cb=c")]


def test_a_contact_point_has_its_use_as_system(indexer: Indexer) -> None:
    telecom = [{"system": "phone", "value": "555-1", "use": "home"}, {"system": "email", "value": "a@b.c"}]
    assert set(indexer.entries(patient(telecom=telecom)).token) == {
        "telecom=home|555-1", "phone=home|555-1", "telecom=|a@b.c", "email=|a@b.c",
    }  # fmt: skip


def test_strings_are_folded_and_kept(indexer: Indexer) -> None:
    entries = indexer.entries(patient())
    assert {"family=o brien muller", "name=o brien muller", "given=zoe", "name=ann"} <= set(entries.string)
    assert {"family:exact=O'Brïen-Müller", "given:exact=Zoë"} <= set(entries.residual)
    assert not any(entry.startswith("phonetic") for entry in entries.string)


def test_a_long_value_is_cut_and_stays_distinct(indexer: Indexer) -> None:
    first, second = (
        indexer.entries(patient(identifier=[{"value": "x" * 5_000 + end}])).token for end in "ab"
    )
    assert first != second
    assert max(map(len, first + second)) <= MAX_TEXT + len("identifier=|")


DAY, MONTH = timedelta(days=1), timedelta(days=31)


@pytest.mark.parametrize(
    ("effective", "key", "low", "high"),
    [
        pytest.param(
            {"effectiveDateTime": "2024-02-29"},
            "date:d", datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC), id="day",
        ),
        pytest.param(
            {"effectiveDateTime": "2024-02"},
            "date:m", datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC), id="month",
        ),
        pytest.param(
            {"effectiveDateTime": "2024"},
            "date:l", datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), id="year",
        ),
        pytest.param(
            {"effectiveInstant": "2024-02-29T10:00:00.1234567Z"},
            "date:d",
            datetime(2024, 2, 29, 10, 0, 0, 123_000, tzinfo=UTC),
            datetime(2024, 2, 29, 10, 0, 0, 124_000, tzinfo=UTC),
            id="whole-milliseconds",
        ),
        pytest.param(
            {"effectivePeriod": {"start": "2024-02-29"}},
            "date:l", datetime(2024, 2, 29, tzinfo=UTC), LATEST, id="open-end",
        ),
        pytest.param(
            {"effectivePeriod": {"end": "2024-02-29"}},
            "date:l", EARLIEST, datetime(2024, 3, 1, tzinfo=UTC), id="open-start",
        ),
        pytest.param(
            {"effectiveTiming": {"event": ["2024-01-02", "2024-01-01"]}},
            "date:m", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC), id="timing",
        ),
    ],
)  # fmt: skip
def test_dates_are_intervals_with_their_span_class(
    indexer: Indexer, effective: dict[str, Any], key: str, low: datetime, high: datetime
) -> None:
    entries = indexer.entries(observation(**{"effectiveDateTime": None, **effective}))
    assert entries.date == (Range(key, low, high),)
    assert entries.sort_date == (low if low != EARLIEST else None)


def test_a_date_without_zone_is_in_the_zone_of_the_server(registry: Registry) -> None:
    indexer = Indexer(registry, base_url=BASE_URL, zone=timezone(timedelta(hours=2)))
    entries = indexer.entries(observation(effectiveDateTime="2024-02-29"))
    assert entries.sort_date == datetime(2024, 2, 28, 22, tzinfo=UTC)


def test_the_sort_date_falls_back_in_the_order_of_the_table(indexer: Indexer) -> None:
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}
    assert indexer.entries(condition).sort_date is None
    recorded = {**condition, "recordedDate": "2020"}
    assert indexer.entries(recorded).sort_date == datetime(2020, 1, 1, tzinfo=UTC)
    begun = {**recorded, "onsetDateTime": "2019"}
    assert indexer.entries(begun).sort_date == datetime(2019, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("literal", "bounds"),
    [
        pytest.param("37.50", ("37.50", "37.50"), id="to-the-digit"),
        pytest.param("1e2", ("1E+2", "1E+2"), id="exponent"),
        pytest.param(
            "0.12345678901234567890123456789012345678",
            ("0.1234567890123456789012345678901234", "0.1234567890123456789012345678901235"),
            id="more-digits-than-the-index-holds",
        ),
    ],
)
def test_amounts_are_exact(indexer: Indexer, literal: str, bounds: tuple[str, str]) -> None:
    entries = indexer.entries(observation(valueQuantity={"value": number(literal)}))
    assert entries.quantity == (Amount("value-quantity|||", *bounds),)


@pytest.mark.parametrize(
    ("unit", "key"),
    [
        pytest.param({"system": UCUM, "code": "mg", "unit": "mg"}, f"{UCUM}|mg|", id="text-is-the-code"),
        pytest.param({"system": UCUM, "code": "mm[Hg]", "unit": "mmHg"}, f"{UCUM}|mm[Hg]|mmHg|", id="both"),
        pytest.param({"unit": "tablets"}, "||tablets|", id="text-alone"),
        pytest.param({"code": "a|b", "unit": "c|d"}, "|a%7Cb|c%7Cd|", id="bars"),
    ],
)
def test_an_amount_is_written_once_under_all_that_is_known_of_its_unit(
    indexer: Indexer, unit: dict[str, str], key: str
) -> None:
    entries = indexer.entries(observation(valueQuantity={"value": 5, **unit}))
    own = [amount.key for amount in entries.quantity if "@" not in amount.key]
    paired = [amount.key for amount in entries.composite if "@" not in amount.key]
    assert own == [f"value-quantity|{key}"]
    assert paired == [f"code-value-quantity={LOINC}|8310-5$|{key}"]


def test_units_of_any_length_have_short_keys_of_their_own(indexer: Indexer) -> None:
    keys = {
        indexer.entries(observation(valueQuantity={"value": 5, "unit": "x" * 9_000 + end})).quantity[0].key
        for end in "ab"
    }
    assert len(keys) == 2
    assert all(len(key) < 2 * MAX_TEXT for key in keys)


def test_a_composite_pairs_only_what_stands_together(indexer: Indexer) -> None:
    found = {(amount.key, amount.low) for amount in indexer.entries(blood_pressure()).composite}
    systolic = f"component-code-value-quantity={LOINC}|8480-6$|{UCUM}|mm[Hg]|mmHg|"
    assert (systolic, "120") in found
    assert (systolic, "80") not in found
    assert not any(key.startswith("code-value-quantity") for key, _ in found)


def test_every_list_is_free_of_repeats(indexer: Indexer) -> None:
    same = {"coding": [{"system": LOINC, "code": "1"}, {"system": LOINC, "code": "1"}]}
    entries = indexer.entries(observation(category=[same, same], performer=[{"reference": "Patient/p1"}] * 2))
    for found in (entries.token, entries.residual, entries.quantity):
        assert len(set(found)) == len(found)


def test_null_among_primitives_is_passed_over(indexer: Indexer) -> None:
    name = {"given": [None, "Ann"], "_given": [{"extension": [{"url": "urn:x", "valueCode": "y"}]}, None]}
    assert "given=ann" in indexer.entries(patient(name=[name])).string
