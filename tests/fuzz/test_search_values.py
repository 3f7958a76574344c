"""Values of searches are values: never operators of the database, never unbounded work, never a 5xx."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from bson import Code, DBRef, Regex
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from werkzeug.test import TestResponse

from fhir_server.app import CONTEXT, close_app, create_app
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from fhir_server.search.planner import plan
from fhir_server.search.request import parse
from fhir_server.store.searches import matching
from tests.http.calls import observation, patient, send
from tests.http.conftest import settings_of
from tests.search.shelf import NOW

OPERATORS = frozenset({
    "$and", "$or", "$nor", "$not", "$in", "$nin", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$elemMatch", "$regex",
    "$all", "$exists", "$options",
})  # fmt: skip
"""All that a filter of ours is made of."""

HOSTILE = (
    "$where", '{"$gt":""}', "{$ne:null}", "[$ne]=1", "$gt", "';return true;//", "a'||'1'=='1", "\\", "\\\\", ".*", "^",
    "(a+)+$", "(?s).*", "[", "(", "a{1,99999}", "\\Qx", "\\x00", "​", "‮", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "İ", "ﬃ", "é́́́́", "null", "true", "NaN",
    "Infinity", "-0", "1e999", "0x1F", "1_000", "٣", "Ⅷ", "&", "=", "%", "+", " ", "\t", "\n", "a" * 9_999, "e\u0301" * 500,
    "|", "||", "|||", "$", "$$", ",", ",,", "a,b$c|d", "http://x|1|2", "Patient/", "/", "//", "Patient/x/_history/1",
    "http://[::1", "#x", "?x=y", "../x", "urn:uuid:", "eq", "apeq1", "2024-13-01", "2024-02-30", "0000-01-01",
    "9999-12-31", "2024-01-01T25:00", "-12|mg", "1|http://unitsofmeasure.org|m/(", "1|http://unitsofmeasure.org|10*",
    "1|http://unitsofmeasure.org|" + "m." * 400 + "m", "1|http://unitsofmeasure.org|" + "(" * 500 + "m" + ")" * 500,
    "90|180|1|km", "91|0|1|km", "a|b", "eq(", "name eq " + "(" * 500, "not(" * 300,
)  # fmt: skip
"""Text that means something to a database, a pattern, a number or a parser somewhere."""


@pytest.fixture(scope="module")
def app(database_uri: str) -> Iterator[Flask]:
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = create_app(settings_of(database_uri, database))
    for number in range(20):
        person = f"p{number % 3}"
        send(made.test_client(), "PUT", f"/Patient/{person}", patient(person))
        send(
            made.test_client(),
            "PUT",
            f"/Observation/o{number}",
            observation(f"Patient/{person}", f"o{number}"),
        )
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


_FRAME = re.compile(r"\\.|^\^|\.\*|\(\?:|\$$|[|)]", re.DOTALL)
"""What a pattern of ours is made of beside letters: escaped characters, its two ends, a gap and a choice."""
_PATTERN = re.compile(r"[][.^$*+?{}()\\]")


def _operators(tree: Any) -> Iterator[Any]:
    """Yield what in a filter only an operator can be: keys with `$`, and values that are no data."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key.startswith("$"):
                yield key
            if key == "$regex":
                yield from _PATTERN.findall(_FRAME.sub("", value))
            yield from _operators(value)
    elif isinstance(tree, Sequence) and not isinstance(tree, str | bytes):
        for value in tree:
            yield from _operators(value)
    elif isinstance(tree, Code | DBRef | Regex):
        yield type(tree)


def _parameters(app: Flask, resource_type: str) -> list[str]:
    return sorted(app.extensions[CONTEXT].indexer.catalogue.of(resource_type).by_code)


def _filter_of(app: Flask, resource_type: str, pairs: list[tuple[str, str]]) -> dict[str, Any] | None:
    """Return what the database would be asked; None where the query is refused."""
    context = app.extensions[CONTEXT]
    try:
        asked = parse(context.indexer.catalogue, resource_type, pairs, now=NOW, strict=True)
        return matching(plan(asked, systems=context.systems), View.unrestricted("open"))
    except FhirError as refused:
        assert {issue.situation for issue in refused.issues} <= REFUSALS
        return None


REFUSALS = frozenset({
    "illegal-parameter-value", "unsupported-modifier", "unknown-parameter", "too-costly", "illegal-cursor",
})  # fmt: skip
VALUES = (
    st.sampled_from(HOSTILE)
    | st.text(max_size=60)
    | st.builds("".join, st.lists(st.sampled_from(HOSTILE), max_size=3))
)
MODIFIERS = st.sampled_from(
    (
        "",
        ":exact",
        ":contains",
        ":text",
        ":not",
        ":missing",
        ":of-type",
        ":identifier",
        ":Patient",
        ":below",
        ":above",
    )
)


@settings(
    max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
@given(
    data=st.data(),
    value=VALUES,
    modifier=MODIFIERS,
    kind=st.sampled_from(("Patient", "Observation", "ValueSet")),
)
def test_a_value_never_becomes_an_operator(
    app: Flask, data: st.DataObject, value: str, modifier: str, kind: str
) -> None:
    code = data.draw(st.sampled_from(_parameters(app, kind)))
    asked = _filter_of(app, kind, [(code + modifier, value)])
    assert asked is None or set(_operators(asked)) <= OPERATORS


def test_an_operator_in_a_filter_is_seen() -> None:
    assert set(_operators({"a": [{"$where": Code("x")}]})) == {"$where", Code}
    assert set(_operators({"a": {"$regex": "^a\\.b.*(a+)+"}})) == {"$regex", "+", "("}
    assert set(_operators({"a": {"$regex": "^a\\.b.*c\\+"}})) == {"$regex"}


def _sound(response: TestResponse) -> bool:
    """Return whether an answer is a searchset, or a refusal that says why."""
    tree = json.loads(response.data)
    if response.status_code == 200:
        return bool(tree["resourceType"] == "Bundle")
    return (
        response.status_code in (400, 403, 404, 413, 414, 422) and tree["resourceType"] == "OperationOutcome"
    )


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
@given(
    data=st.data(),
    value=VALUES,
    modifier=MODIFIERS,
    kind=st.sampled_from(("Patient", "Observation", "Location")),
)
def test_every_value_is_searched_or_refused(
    app: Flask, data: st.DataObject, value: str, modifier: str, kind: str
) -> None:
    code = data.draw(
        st.sampled_from((*_parameters(app, kind), "_text", "_content", "_filter", "_list", "_sort"))
    )
    query = {code + modifier: value.encode("utf-8", "replace").decode()}
    response = app.test_client().get(f"/fhir/{kind}", query_string=query)
    assert _sound(response), (query, response.status_code, response.text[:300])


LONG = "a" * 10_000
CHAIN = ".".join(["subject:Patient", *["link:Patient"] * 19, "name"])
HAS = "_has:Observation:subject:" * 20 + "code"

COSTLY: tuple[Any, ...] = (
    pytest.param("Observation?code=" + ",".join(f"c{number}" for number in range(5_000)), id="5000-codes"),
    pytest.param("Observation?date=" + ",".join(["2024"] * 5_000), id="5000-dates"),
    pytest.param("Observation?" + "&".join(["code=x"] * 450), id="450-criteria"),
    pytest.param("Observation?value-quantity=" + ",".join(["1||mg"] * 3_000), id="3000-quantities"),
    pytest.param(f"Patient?name={LONG}", id="long-string"),
    pytest.param(f"Patient?name:contains={LONG}", id="long-contains"),
    pytest.param(f"Patient?name:exact={LONG}", id="long-exact"),
    pytest.param(f"Observation?code={LONG}", id="long-code"),
    pytest.param(f"Observation?code:text={LONG}", id="long-text"),
    pytest.param(f"Observation?value-quantity={'9' * 9_999}", id="long-number"),
    pytest.param(f"Observation?_id={LONG}", id="long-id"),
    pytest.param(f"Observation?subject=Patient/{LONG}", id="long-reference"),
    pytest.param(f"Observation?{CHAIN}=x", id="chain-of-20"),
    pytest.param(f"Patient?{HAS}=x", id="has-of-20"),
    pytest.param(f"Patient?_has:Observation:subject:{CHAIN}=x", id="chain-in-has"),
    pytest.param("Patient?" + "&".join(["general-practitioner.name=x"] * 90), id="90-chains"),
    pytest.param("Patient?_include:iterate=Patient:link&_revinclude:iterate=Patient:link", id="include-cycle"),
    pytest.param("Observation?_include:iterate=*&_revinclude:iterate=*", id="include-everything"),
    pytest.param("Observation?" + "&".join(["_include=Observation:subject"] * 400), id="400-includes"),
    pytest.param("Observation?_sort=" + ",".join(["-date", "code"] * 200), id="400-sort-keys"),
    pytest.param("Observation?_elements=" + ",".join(["x"] * 3_000), id="3000-elements"),
    pytest.param("Patient?_filter=" + "(" * 3_000 + "name eq x" + ")" * 3_000, id="deep-filter"),
    pytest.param("Patient?name:contains=" + "(a%2B)%2B" * 40 + "$", id="pattern"),
    pytest.param("Patient?family=" + "%CC%81" * 3_000 + "a", id="marks"),
    pytest.param("Patient?_text=" + "%22" * 3_000, id="quotes"),
)  # fmt: skip


@pytest.mark.parametrize("query", COSTLY)
def test_what_would_be_much_work_is_refused_or_bounded(app: Flask, query: str) -> None:
    for answer in (
        app.test_client().get(f"/fhir/{query}"),
        app.test_client().post(
            f"/fhir/{query.partition('?')[0]}/_search",
            data=query.partition("?")[2],
            headers={"Content-Type": "application/x-www-form-urlencoded", "Prefer": "handling=strict"},
        ),
    ):
        assert _sound(answer), (answer.status_code, answer.text[:300])


def test_what_is_refused_is_not_repeated_at_length(app: Flask) -> None:
    for query in (f"Patient?name={LONG}", f"Observation?{LONG}=x", f"Observation?code:{LONG}=x"):
        answer = app.test_client().get(f"/fhir/{query}", headers={"Prefer": "handling=strict"})
        assert answer.status_code == 400
        assert LONG[:200] not in answer.text
