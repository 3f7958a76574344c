"""The stored document, field by field, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import bson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from fhir_server.model.document import Access, Amount, Range, SearchEntries
from fhir_server.model.plan import IdIn, Index, Plan
from fhir_server.model.temporal import EARLIEST, LATEST
from fhir_server.store import documents
from fhir_server.store.native import native
from fhir_server.store.open import StoreOptions, open_store
from fhir_server.store.values import decimal128, millis_down, millis_up
from tests.store.conftest import NOON, OPEN, Make

AWARE = bson.CodecOptions(tz_aware=True, tzinfo=UTC)


def encoded(document, body: str = "{}", **more) -> dict:
    return bson.decode(documents.encode(document, body, **more).raw, AWARE)


def test_a_document_has_the_agreed_shape() -> None:
    document = Make().document(
        "x1", 3, seq=77, visibility=33,
        access=Access(("R",), "org1", ("org2",), NOON, "current"),
        search=SearchEntries(
            token=("code=s|a",), residual=("status=|final",), string=("name=x",),
            date=(Range("date:d", NOON, NOON + timedelta(seconds=1)),),
            number=(Amount("n", "1.50", "1.50"),), quantity=(Amount("q|mg", "-1", "2e3"),),
            composite=(Amount("c=s|a|mg", "0", "1"),), sort_date=NOON,
        ),
    )  # fmt: skip
    stored = encoded(document, '{"a":1.50}', unique=("identifier=ins|1",))
    assert stored == {
        "_id": "x1",
        "version": 3,
        "updated": NOON,
        "seq": 77,
        "deleted": False,
        "owner": "p1",
        "visibility": 33,
        "access": {"labels": ["R"], "author": "org1", "source": ["org2"], "from": NOON, "state": "current"},
        "search": {
            "unique": ["identifier=ins|1"],
            "token": ["code=s|a"],
            "residual": ["status=|final"],
            "string": ["name=x"],
            "date": [{"k": "date:d", "lo": NOON, "hi": NOON + timedelta(seconds=1)}],
            "number": [{"k": "n", "lo": Decimal128("1.50"), "hi": Decimal128("1.50")}],
            "quantity": [{"k": "~q|mg", "lo": Decimal128("-1"), "hi": Decimal128("2E+3")}],
            "composite": [{"k": "~c=s|a|mg", "lo": Decimal128("0"), "hi": Decimal128("1")}],
            "sort": {"date": NOON},
        },
        "body": '{"a":1.50}',
        "seal": None,
        "schema": 1,
    }
    assert next(iter(stored)) == "_id"


def test_a_deletion_has_no_search_entries() -> None:
    stored = encoded(Make().document(deleted=True, search=SearchEntries(token=("code=s|a",))), "")
    assert (stored["search"], stored["body"], stored["deleted"]) == ({}, "", True)


def test_a_document_without_a_date_is_the_earliest() -> None:
    assert encoded(Make().document())["search"] == {"sort": {"date": EARLIEST}}


def test_numbers_are_of_the_types_that_queries_expect() -> None:
    raw = documents.encode(Make().document(seq=1), "{}").raw
    assert b"\x12seq\x00" in raw and b"\x10version\x00" in raw and b"\x10visibility\x00" in raw
    assert b"\x02body\x00" in raw


ids = st.text("abcABC019-.", min_size=1, max_size=64)


@given(ids, st.integers(1, 10**10 - 1))
def test_a_superseded_version_is_the_same_but_for_its_id(id: str, version: int) -> None:
    current = documents.encode(Make().document(id), '{"é":"\x00"}')
    before, after = bson.decode(current.raw), bson.decode(documents.superseded(current, version).raw)
    assert after.pop("_id") == f"{id}#{version:010d}"
    before.pop("_id")
    assert after == before


def test_stored_versions_come_back_as_they_were(store, make, view) -> None:
    body = {"valueQuantity": {"value": Raw(b"1.50e2")}, "text": "é\u2028", "n": 10**30}
    document = make.document(content=body, seq=5, search=SearchEntries(sort_date=NOON), owner=None)
    store.records.commit(make.creates(document))
    stored = store.records.read("Observation", document.facts.id, view)
    assert b'"value":1.50e2' in stored.body and "é\u2028".encode() in stored.body
    assert (stored.updated, stored.seq, stored.owner) == (NOON, 5, None)
    (found,) = store.records.search(Plan("Observation", (IdIn((stored.id,)),), None, Index.ID), view).entries
    assert (found.sort_date, found.body) == (NOON, stored.body)
    assert (stored.version, stored.deleted, stored.resource_type) == (1, False, "Observation")


def test_a_text_that_the_caller_has_is_stored_as_it_is(store, make, view) -> None:
    from dataclasses import replace

    text = b'{ "resourceType" : "Observation", "valueDecimal" : 1.0 }'
    document = replace(make.document(), raw=Raw(text))
    store.records.commit(make.creates(document))
    assert store.records.read("Observation", document.facts.id, view).body == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"a.b": {"$c": 1}}, {"a.b": {"$c": 1}}, id="any-key"),
        pytest.param(Raw(b"1.50"), Decimal128("1.50"), id="decimal"),
        pytest.param(Raw(b"1e-7000"), Decimal128("0E-6176"), id="too-small"),
        pytest.param(1 << 40, 1 << 40, id="int64"),
        pytest.param(10**30, Decimal128("1000000000000000000000000000000"), id="beyond-int64"),
        pytest.param([True, None, "x"], [True, None, "x"], id="others"),
    ],
)
def test_the_native_mirror_holds_values_that_can_be_queried(value, expected) -> None:
    assert native(value) == expected


@pytest.mark.parametrize(("types", "expected"), [("Observation", True), ("*", True), ("Patient", False)])
def test_only_configured_types_have_a_mirror(
    database_uri, database_name, registry, make, types: str, expected: bool
) -> None:
    options = StoreOptions(registry=registry, native_types=frozenset({types}))
    store = open_store(database_uri, database_name, options)
    try:
        document = make.document(content={"valueQuantity": {"value": Raw(b"1.50")}})
        store.records.commit(make.creates(document))
        query = {"resource.valueQuantity.value": {"$gt": Decimal128("1.4")}}
        assert store.catalogue.current("Observation").count_documents(query) == expected
        assert b"1.50" in store.records.read("Observation", document.facts.id, OPEN).body
    finally:
        store.close()


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))


@given(st.one_of(moments, st.sampled_from((EARLIEST, LATEST))))
def test_rounding_to_milliseconds_encloses_the_instant(instant: datetime) -> None:
    low, high = millis_down(instant), millis_up(instant)
    assert low <= instant
    assert high >= instant or high == LATEST.replace(microsecond=999_000)
    assert high - low in (timedelta(0), timedelta(milliseconds=1))
    for bound in (low, high):
        assert bson.decode(bson.encode({"at": bound}), AWARE)["at"] == bound


@settings(deadline=None)
@given(st.integers(-(10**34) + 1, 10**34 - 1), st.integers(-6000, 6000))
def test_decimals_of_34_digits_keep_digits_and_exponent(digits: int, exponent: int) -> None:
    literal = f"{digits}e{exponent}"
    assert decimal128(literal).to_decimal().as_tuple() == Decimal(literal).as_tuple()


def test_decimals_beyond_the_range_stay_in_order() -> None:
    values = [decimal128(text).to_decimal() for text in ("-1e9999", "-1", "1e-9999", "1", "1e9999")]
    assert values == sorted(values)
