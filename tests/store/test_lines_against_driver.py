"""Whatever is asked, both ways to the database answer alike, to the type of every value."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from fhir_server.store.connection import CODEC, connect, durable_database
from fhir_server.store.reads import NAIVE, aggregate_few, count, find_one, find_page
from tests.store.test_lines import unheard

__all__ = ["unheard"]

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**63), Int64(1), Int64(7), 0.0, -0.0, 1.5, float("inf"),
    "", "a", "é", "\x00", "\U0001f600", "x" * 70_000, b"", b"\x00\xff", Binary(b"abc", 0x80),
    Binary.from_uuid(uuid.UUID(int=7)), datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_000),
    datetime(2026, 11, 22, 8, 0, 0, 1_000, tzinfo=UTC), Decimal128("1.50"), Decimal128("1E-6176"),
    ObjectId("0123456789abcdef01234567"), Timestamp(7, 1), Regex("^a", "i"), MinKey(), MaxKey(),
    [], [[], [None, 1]], {}, {"a": {"a": 1}}, {"": "", "é": "é"},
]  # fmt: skip
"""Of every type that is stored, and of some that are not."""
DOCUMENTS: list[dict[str, Any]] = [
    {
        "_id": number,
        "a": VALUES[number % len(VALUES)],
        "b": [VALUES[number * 7 % len(VALUES)], VALUES[number * 3 % len(VALUES)]],
        "c": {"a": VALUES[number * 11 % len(VALUES)]},
    }
    for number in range(4 * len(VALUES))
]

fields = st.sampled_from(["_id", "a", "b", "c", "c.a", "b.0", "none"])
values = st.sampled_from([value for value in VALUES if not isinstance(value, Regex)])
comparisons = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), values),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(values, max_size=3)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.sampled_from(["$no", "$type", "$regex", "$size"]), st.sampled_from(["string", "(", 1])),
).map(lambda pair: {pair[0]: pair[1]})
terms = st.tuples(fields, st.one_of(values, comparisons)).map(lambda pair: {pair[0]: pair[1]})
filters = st.one_of(
    st.just({}),
    terms,
    st.tuples(st.sampled_from(["$and", "$or", "$nor"]), st.lists(terms, min_size=1, max_size=3)).map(
        lambda pair: {pair[0]: pair[1]}
    ),
)
orders = st.lists(st.tuples(fields, st.sampled_from([1, -1])), max_size=2, unique_by=lambda part: part[0])
projections = st.dictionaries(fields.filter(lambda name: name not in ("c", "b.0")), st.just(1), max_size=3)


@pytest.fixture
def both(database_uri: str, database_name: str) -> Iterator[list[Any]]:
    """The same collection, by lines and by the driver."""
    client = connect(database_uri)
    databases = [durable_database(client, database_name, uri) for uri in (database_uri, None)]
    lines = databases[0].lines
    assert lines is not None and databases[1].lines is None
    assert lines.ask({"insert": "things", "documents": DOCUMENTS}, NAIVE)
    yield [database["things"] for database in databases]
    lines.close()
    client.close()


def told(ask: Any, collection: Any) -> bytes | tuple[str, int | None]:
    """Return the bytes of what was answered, or the kind and the code of the refusal."""
    try:
        return bson.encode({"answer": ask(collection)})
    except OperationFailure as error:
        return type(error).__name__, error.code


def test_pages_are_the_same(both: list[Any]) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(filters, projections, orders, st.sampled_from([None, None, "_id_", "none"]), st.integers(0, 200))
    def check(
        wanted: Any, projection: dict[str, int], order: list[Any], hint: str | None, limit: int
    ) -> None:
        def page(things: Any) -> Any:
            return find_page(things, wanted, projection, [*order, ("_id", 1)], hint, limit)

        short, long = (told(page, things) for things in both)
        assert short == long

    check()


def test_single_documents_counts_and_pipelines_are_the_same(both: list[Any]) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(filters, projections, st.sampled_from([NAIVE, CODEC]), st.sampled_from([None, 1, 10]))
    def check(wanted: Any, projection: dict[str, int], codec: Any, most: int | None) -> None:
        pipeline = [{"$match": wanted}, {"$sort": {"_id": -1}}, {"$limit": 5}]
        for ask in (
            lambda things: find_one(things, wanted, projection, codec, "_id_"),
            lambda things: count(things, wanted, "_id_", most),
            lambda things: aggregate_few(things, pipeline, codec, "_id_"),
        ):
            short, long = (told(ask, things) for things in both)
            assert short == long

    check()
