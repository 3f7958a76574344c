"""Holes in texts, and what a saved answer fills them with."""

from __future__ import annotations

import pytest

from conformance.exchange import Answer
from conformance.saved import Saved
from conformance.templates import BadTemplate, Holes

BASE = "https://fhir.example.org/r4"
CREATED = Answer(
    201,
    {
        "location": f"{BASE}/Patient/a.1/_history/7",
        "etag": 'W/"7"',
        "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
    },
    b'{"resourceType": "Patient", "id": "a.1", "name": [{"given": ["A", "B"]}], "multipleBirthInteger": 02}',
)
READ = Answer(
    200,
    {"etag": 'W/"8"'},
    b'{"resourceType": "Patient", "id": "b", "meta": {"versionId": "8", "lastUpdated": "2024-01-01T00:00:00+01:00"},'
    b' "name": [{"given": ["A", "B"]}], "value": 1.00}',
)
BARE = Answer(204, {"etag": 'W/"9"'}, b"")


@pytest.fixture
def holes() -> Holes:
    filled = Holes(BASE, "c1", {"person": '{"id": "{{unique}}"}', "item": "{{n}}:{{unique}}"})
    filled.save("made", Saved.of(CREATED))
    filled.save("read", Saved.of(READ))
    filled.save("bare", Saved.of(BARE))
    return filled


@pytest.mark.parametrize(("text", "expected"), [
    pytest.param("no holes }} {a}", "no holes }} {a}", id="nothing-to-fill"),
    pytest.param("{{base}}/x", f"{BASE}/x", id="base"),
    pytest.param("{{unique}}-{{unique}}", "c1-c1", id="unique"),
    pytest.param("{{made.url}}", "Patient/a.1", id="url-from-location"),
    pytest.param("{{made.id}} {{made.version}} {{made.type}} {{made.status}}", "a.1 7 Patient 201", id="location"),
    pytest.param("{{read.url}} {{read.version}}", "Patient/b 8", id="url-from-the-body"),
    pytest.param("{{bare.version}}", "9", id="version-from-the-etag"),
    pytest.param("{{made@ETag}}", 'W/"7"', id="a-header"),
    pytest.param("{{made@etag|etag}}", "7", id="the-version-in-an-etag"),
    pytest.param("{{made@Location|ref}}", "Patient/a.1", id="the-reference-in-a-location"),
    pytest.param("{{made@Last-Modified|rfc850}}", "Sunday, 06-Nov-94 08:49:37 GMT", id="rfc-850"),
    pytest.param("{{made@Last-Modified|asctime}}", "Sun Nov  6 08:49:37 1994", id="asctime"),
    pytest.param("{{read:name.given[1]}}", "B", id="a-path"),
    pytest.param("{{read:value}}", "1.00", id="a-number-by-its-literal"),
    pytest.param("{{read:meta.lastUpdated|url}}", "2024-01-01T00%3A00%3A00%2B01%3A00", id="percent-encoded"),
    pytest.param("[{{3 * item}}]", "[1:c1,2:c1,3:c1]", id="repeated"),
    pytest.param('{"a": {"b": "{{unique}}"}}', '{"a": {"b": "c1"}}', id="braces-of-json"),
])  # fmt: skip
def test_a_text_is_filled(holes: Holes, text: str, expected: str) -> None:
    assert holes.fill(text) == expected


@pytest.mark.parametrize("text", [
    pytest.param("{{nobody}}", id="an-unknown-name"),
    pytest.param("{{later.id}}", id="an-answer-that-was-not-saved"),
    pytest.param("{{bare.url}}", id="an-answer-without-a-resource"),
    pytest.param("{{made.colour}}", id="an-attribute-that-answers-do-not-have"),
    pytest.param("{{bare@Location}}", id="a-header-that-is-missing"),
    pytest.param("{{read:name.given}}", id="a-path-to-several-values"),
    pytest.param("{{read:name.family}}", id="a-path-to-nothing"),
    pytest.param("{{read:name[}}", id="a-path-that-is-none"),
    pytest.param("{{made:name.given[0]}}", id="a-body-that-is-no-json"),
    pytest.param("{{made@ETag|rot13}}", id="an-unknown-filter"),
    pytest.param("{{made@ETag|ref}}", id="a-filter-that-finds-nothing"),
    pytest.param("{{made@ETag|rfc850}}", id="a-date-that-is-none"),
    pytest.param("{{2 * nothing}}", id="an-unknown-resource"),
    pytest.param("{{declared.type}}", id="declared-outside-of-its-step"),
])  # fmt: skip
def test_a_hole_that_cannot_be_filled_is_refused(holes: Holes, text: str) -> None:
    with pytest.raises(BadTemplate):
        holes.fill(text)


def test_a_uuid_is_the_same_within_a_case_and_another_in_another() -> None:
    one, other = Holes(BASE, "c1", {}), Holes(BASE, "c2", {})
    first, second = one.fill("{{uuid}} {{uuid2}}").split()
    assert one.fill("{{uuid}}") == first != second
    assert other.fill("{{uuid}}") != first


def test_what_is_declared_is_known_to_one_row_alone(holes: Holes) -> None:
    row = holes.declaring({"type": "Patient", "name": "family", "value": "x"})
    assert row.fill("{{declared.type}}?{{declared.name}}={{declared.value|url}}") == "Patient?family=x"
    with pytest.raises(BadTemplate):
        holes.fill("{{declared.type}}")


def test_resources_are_filled(holes: Holes) -> None:
    assert holes.resource("person") == '{"id": "c1"}'
