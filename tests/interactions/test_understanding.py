"""Searches that were understood and remembered: they say what they would say if they were read anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from fhir_server.app import CONTEXT, close_app, create_app
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Pairs, Prefer, Request
from fhir_server.interactions.understanding import LONGEST, Search, understood
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from fhir_server.search.compartments import Compartment
from fhir_server.search.index import Indexer
from fhir_server.search.memory import Memory
from tests.http.calls import observation, send
from tests.http.conftest import settings_of

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
EVERYTHING = View.unrestricted("test")
VIEWS = (
    EVERYTHING,
    View.unrestricted("open"),
    replace(EVERYTHING, owner="p1", digest=b"1" * 32),
    replace(EVERYTHING, owner="p2", digest=b"2" * 32),
    replace(EVERYTHING, owner="p1", digest=b"3" * 32, directory=frozenset({"Condition"})),
)
PAIRS = (
    ("code", f"{LOINC}|8310-5"), ("code", "8310-5"), ("code", f"{LOINC}|"), ("code:missing", "true"),
    ("date", "2020"), ("date", "ap2020"), ("date", "ge2020-01-01"), ("date", "never"), ("status", "final"),
    ("status:not", "final"), ("patient", "p1"), ("patient", "p1,p2"), ("subject", "Patient/p2"),
    ("patient.name", "x"), ("_has:Provenance:target:agent", "x"), ("_sort", "-date"), ("_sort", "status"),
    ("_sort", "nothing"), ("_count", "3"), ("_count", "0"), ("_total", "accurate"), ("_id", "a,b"),
    ("_lastUpdated", "ap2026-11-21"), ("_lastUpdated", "gt2020"), ("_include", "Observation:subject"),
    ("value-quantity", "ap5"), ("name", "martin"), ("nonsense", "1"), ("code:nonsense", "1"), ("_cursor", "x"),
    ("_filter", "date ap 2020-01-01"), ("onset-date", "ap2020"), ("_format", "json"),
)  # fmt: skip

QUERIES = st.lists(st.sampled_from(PAIRS), max_size=4).map(tuple)
REQUESTS = st.builds(
    lambda resource_type, view, pairs, hours, strict, within: Request(
        "search-type", view, NOW + timedelta(hours=hours), "r-1", resource_type,
        query=pairs, prefer=Prefer(strict=strict), compartment=within,
    ),
    st.sampled_from(("Observation", "Condition", "Patient", "Organization")), st.sampled_from(VIEWS), QUERIES,
    st.integers(0, 2), st.booleans(), st.sampled_from((None, Compartment("Patient", "p1"))),
)  # fmt: skip


@pytest.fixture(scope="module")
def app(database_uri: str) -> Iterator[Flask]:
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = create_app(settings_of(database_uri, database))
    assert send(made.test_client(), "PUT", "/Observation/o1", observation(None, "o1")).status_code == 201
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.fixture(scope="module")
def context(app: Flask) -> Context:
    made: Context = app.extensions[CONTEXT]
    return made


@pytest.fixture
def fresh(context: Context) -> Context:
    """The same server with nothing remembered."""
    return replace(context, searches=Memory())


def asked(*pairs: tuple[str, str], view: View = EVERYTHING, **more: Any) -> Request:
    return Request("search-type", view, NOW, "r-1", "Observation", query=pairs, **more)


def outcome(context: Context, request: Request) -> Search | list[str]:
    try:
        return understood(context, request)
    except FhirError as error:
        return [f"{issue.situation}: {issue.text}" for issue in error.issues]


@settings(max_examples=60, deadline=None)
@given(st.lists(REQUESTS, min_size=2, max_size=12))
def test_what_is_remembered_is_what_would_be_read_anew(context: Context, requests: list[Request]) -> None:
    warm = replace(context, searches=Memory())
    for request in [*requests, *requests]:
        cold = replace(context, searches=Memory())
        assert outcome(warm, request) == outcome(cold, request)


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param((("code", f"{LOINC}|8310-5"), ("_sort", "-date"), ("patient", "p1")), id="page"),
        pytest.param((("date", "ge2020"), ("_count", "5")), id="dates"),
        pytest.param((), id="all"),
        pytest.param((("code", "8310-5"),), id="systems-in-use"),
    ],
)
def test_the_same_question_is_planned_once(fresh: Context, pairs: Pairs) -> None:
    first = understood(fresh, asked(*pairs))
    assert understood(fresh, asked(*pairs)).bound is first.bound


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param((("date", "ap2020"),), id="relative-to-now"),
        pytest.param((("_filter", "date ap 2020-01-01"),), id="relative-to-now-in-a-filter"),
        pytest.param((("patient.name", "x"),), id="chain"),
        pytest.param((("_id", "x" * LONGEST),), id="long"),
    ],
)
def test_what_follows_from_anything_else_is_planned_each_time(fresh: Context, pairs: Pairs) -> None:
    first = understood(fresh, asked(*pairs))
    assert understood(fresh, asked(*pairs)).bound is not first.bound


def test_a_date_near_another_is_as_near_as_it_is_now(fresh: Context) -> None:
    first = understood(fresh, asked(("date", "ap2020")))
    later = replace(asked(("date", "ap2020")), now=NOW + timedelta(days=3650))
    assert understood(fresh, later).bound.conditions != first.bound.conditions


def test_a_code_without_a_system_has_the_systems_of_this_moment(app: Flask, fresh: Context) -> None:
    bare = asked(("code", "8310-5"))
    before = understood(fresh, bare).bound
    other = observation(None, code={"coding": [{"system": "urn:example:of-this-moment", "code": "8310-5"}]})
    assert send(app.test_client(), "POST", "/Observation", other).status_code == 201
    assert "urn:example:of-this-moment" not in repr(before)
    after = understood(fresh, bare).bound
    assert "urn:example:of-this-moment" in repr(after)
    assert understood(fresh, bare).bound is after


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(EVERYTHING, digest=b"9" * 32), id="another-view"),
        pytest.param(replace(EVERYTHING, owner="p9"), id="another-person"),
    ],
)
def test_a_plan_is_of_one_view_and_one_person(fresh: Context, other: View) -> None:
    pairs = (("code", f"{LOINC}|8310-5"),)
    first = understood(fresh, asked(*pairs))
    assert understood(fresh, asked(*pairs, view=other)).bound is not first.bound


def test_other_definitions_read_a_question_anew(fresh: Context) -> None:
    request = asked(("code", f"{LOINC}|8310-5"))
    first = understood(fresh, request)
    of_next = Indexer(fresh.registry, base_url=fresh.base_url)
    assert understood(replace(fresh, indexer=of_next), request).bound is not first.bound


def test_what_was_asked_least_recently_is_forgotten(context: Context) -> None:
    small = replace(context, searches=Memory(capacity=2))
    kept, other, further = (asked(("date", f"ge202{year}")) for year in range(3))
    first, forgotten = understood(small, kept), understood(small, other)
    understood(small, kept)
    understood(small, further)
    assert understood(small, kept).bound is first.bound
    assert understood(small, other).bound is not forgotten.bound
