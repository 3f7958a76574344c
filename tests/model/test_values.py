"""Ids, references, canonicals, outcomes and predicates."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model.canonical import parse_canonical
from fhir_server.model.document import Access, Facts
from fhir_server.model.ids import SEQ_ID_BITS, RandomIds, is_made_at, micros, seq_of, uuid7
from fhir_server.model.outcome import SITUATIONS, FhirError, Issue, operation_outcome, refuse
from fhir_server.model.predicate import (
    AllOf,
    AnyOf,
    AuthorIn,
    Everything,
    IdIn,
    LabelsExclude,
    Not,
    Nothing,
    OwnerIs,
    Predicate,
    SourcesExclude,
    VisibilityIn,
    matches,
)  # fmt: skip
from fhir_server.model.reference import ReferenceKind, is_id, parse_reference
from fhir_server.model.view import View

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),
    st.binary(min_size=10, max_size=10),
)
def test_uuid7_is_a_legal_id_that_carries_version_variant_and_time(now: datetime, randomness: bytes) -> None:
    value = UUID(uuid7(now, randomness))
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == micros(now) // 1000
    assert is_id(str(value))
    assert is_made_at(str(value), now)
    assert not is_made_at(str(value), now + timedelta(milliseconds=1))
    assert not is_made_at(str(value).replace("-", "."), now)


def test_random_ids_differ() -> None:
    ids = RandomIds()
    assert len({ids.new(NOON) for _ in range(2000)}) == 2000


def test_a_forked_process_does_not_repeat_the_ids_of_its_parent() -> None:
    ids = RandomIds()
    ids.new(NOON)
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(there, "".join(ids.new(NOON) for _ in range(10)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(there)
    with os.fdopen(here) as reader:
        theirs = reader.read()
    assert len(theirs) == 360
    assert all(ids.new(NOON) not in theirs for _ in range(100))


def test_seq_orders_by_time_then_by_place_in_the_commit_and_fits_an_int64() -> None:
    first, second = seq_of(NOON, "b"), seq_of(NOON, "a", ordinal=1)
    later = seq_of(NOON + timedelta(seconds=1), "a")
    assert first < second < later < 2**63
    assert second >> SEQ_ID_BITS == micros(NOON) + 1


@pytest.mark.parametrize(
    ("text", "kind", "type", "id"),
    [
        pytest.param("Patient/1", ReferenceKind.RELATIVE, "Patient", "1", id="relative"),
        pytest.param("Patient/1/_history/2", ReferenceKind.RELATIVE, "Patient", "1", id="versioned"),
        pytest.param("http://us/fhir/Patient/1", ReferenceKind.RELATIVE, "Patient", "1", id="own-base"),
        pytest.param("http://them/fhir/Patient/1", ReferenceKind.ABSOLUTE, "Patient", "1", id="other-base"),
        pytest.param("Patient?identifier=a|b", ReferenceKind.CONDITIONAL, "Patient", None, id="conditional"),
        pytest.param("#p", ReferenceKind.CONTAINED, None, None, id="contained"),
        pytest.param(
            "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", ReferenceKind.URN, None, None, id="urn"
        ),
        pytest.param("patient/1", ReferenceKind.OTHER, None, None, id="lower-case-type"),
        pytest.param("Patient/" + "x" * 65, ReferenceKind.OTHER, None, None, id="long-id"),
        pytest.param("Patient/a_b", ReferenceKind.OTHER, None, None, id="underscore"),
        pytest.param("", ReferenceKind.OTHER, None, None, id="empty"),
    ],
)
def test_a_reference_is_what_its_text_says(
    text: str, kind: ReferenceKind, type: str | None, id: str | None
) -> None:
    reference = parse_reference(text, "http://us/fhir")
    assert (reference.kind, reference.type, reference.id) == (kind, type, id)
    assert reference.local == (f"{type}/{id}" if kind is ReferenceKind.RELATIVE else None)


def test_a_canonical_splits_into_url_version_and_fragment() -> None:
    whole = parse_canonical("http://a/b|1.0#c")
    assert (whole.url, whole.version, whole.fragment) == ("http://a/b", "1.0", "c")
    assert str(whole) == "http://a/b|1.0#c"
    assert parse_canonical("http://a/b").version is None


def test_an_outcome_names_the_situation_and_the_place() -> None:
    error = refuse("not-found", "There is no such thing.", "Patient.name[0]")
    assert error.status == 404
    issue = operation_outcome(error.issues, "https://base")["issue"][0]
    assert issue["code"] == "not-found"
    assert issue["expression"] == ["Patient.name[0]"]
    assert issue["details"]["coding"] == [
        {"system": "https://base/CodeSystem/situation", "code": "not-found"}
    ]


def test_the_status_is_that_of_the_first_error() -> None:
    warning = Issue("done", "All well.", severity="information")
    assert FhirError(warning, Issue("deleted", "It is gone.")).status == 410
    with pytest.raises(ValueError, match="at least one issue"):
        FhirError()


ISSUE_TYPES = {
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
    "forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found",
    "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict",
    "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled", "informational",
}  # fmt: skip


def test_every_situation_has_an_issue_type_of_the_specification() -> None:
    assert {situation.code for situation in SITUATIONS.values()} <= ISSUE_TYPES


FACTS = Facts("Observation", "o1", "p1", 17, Access(labels=("s|V",), authors=("org1",), source=("d1", "d2")))


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Everything(), True), (Nothing(), False), (OwnerIs("p1"), True), (OwnerIs(None), False),
        (VisibilityIn(frozenset({17})), True), (VisibilityIn(frozenset()), False),
        (LabelsExclude(frozenset({"s|V"})), False), (LabelsExclude(frozenset({"s|R"})), True),
        (AuthorIn(frozenset({"org1"})), True), (AuthorIn(frozenset({"org2"})), False),
        (SourcesExclude(frozenset({"d2"})), False), (SourcesExclude(frozenset({"d3"})), True),
        (IdIn(frozenset({"o1"})), True), (AllOf(()), True), (AnyOf(()), False),
        (AllOf((Everything(), Nothing())), False), (AnyOf((Everything(), Nothing())), True),
        (Not(Nothing()), True),
    ],
)  # fmt: skip
def test_a_predicate_means_what_it_says(predicate: Predicate, expected: bool) -> None:
    assert matches(predicate, FACTS) is expected


def test_a_type_that_a_view_does_not_name_is_nothing() -> None:
    everything = View.unrestricted("open")
    assert everything.reads("Observation") == Everything()
    view = View(everything.actor, "TREAT", "p1", {"Patient": OwnerIs("p1")}, {}, b"")
    assert view.reads("Observation") == Nothing()
    assert view.reads("Patient") == OwnerIs("p1")
    assert view.writes("Patient") == Nothing()
    assert View.unrestricted("open").digest != View.unrestricted("load").digest
