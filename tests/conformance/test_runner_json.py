"""JSON by its literals, and the words with which suites check it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.json_checks import KINDS, check
from conformance.literal_json import NotJson, Number, decode, encode, includes

LITERALS = ["0", "-0", "-0.0", "1.00", "0.010", "1e2", "1E+2", "123456789012345678.123", "100", "1.50E-3"]
numbers = st.sampled_from(LITERALS).map(Number)
texts = st.text(st.characters(exclude_categories=("Cs",)))
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), texts, numbers),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
)


@pytest.mark.parametrize("literal", LITERALS)
def test_a_number_is_its_text(literal: str) -> None:
    assert decode(f'{{"value": {literal}}}') == {"value": Number(literal)}
    assert encode({"value": Number(literal)}) == f'{{"value":{literal}}}'


@pytest.mark.parametrize("text", [
    pytest.param('{"a": 1, "a": 2}', id="a-member-twice"),
    pytest.param('{"a": {"b": 1, "b": 1}}', id="a-member-twice-below"),
    pytest.param("NaN", id="nan"),
    pytest.param("[Infinity]", id="infinity"),
    pytest.param("{", id="half-an-object"),
    pytest.param("", id="nothing"),
    pytest.param("[" * 100_000, id="too-deep"),
])  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(NotJson):
        decode(text)


@given(trees)
@settings(deadline=None)
def test_a_written_tree_reads_as_itself(tree: Any) -> None:
    assert decode(encode(tree)) == tree


@given(trees)
@settings(deadline=None)
def test_what_is_written_is_json(tree: Any) -> None:
    json.loads(encode(tree))


@given(trees)
@settings(deadline=None)
def test_a_tree_includes_itself(tree: Any) -> None:
    assert includes(tree, tree)


@pytest.mark.parametrize(("tree", "part", "expected"), [
    pytest.param('{"a": 1, "b": 2}', '{"a": 1}', True, id="an-object-may-say-more"),
    pytest.param('{"a": 1}', '{"a": 1, "b": 2}', False, id="an-object-may-not-say-less"),
    pytest.param('{"a": {"b": 1, "c": 2}}', '{"a": {"c": 2}}', True, id="objects-below"),
    pytest.param("[1, 2]", "[1]", False, id="an-array-may-not-say-more"),
    pytest.param("[1, 2]", "[2, 1]", False, id="the-order-of-an-array-counts"),
    pytest.param('[{"a": 1, "b": 2}]', '[{"a": 1}]', True, id="objects-in-arrays"),
    pytest.param("1.0", "1.00", False, id="digits-count"),
    pytest.param('"1"', "1", False, id="a-text-is-no-number"),
    pytest.param("true", "1", False, id="a-boolean-is-no-number"),
    pytest.param("null", "null", True, id="null"),
])  # fmt: skip
def test_includes(tree: str, part: str, expected: bool) -> None:
    assert includes(decode(tree), decode(part)) is expected


TIME = "2024-05-06T07:08:09.5+02:00"
PASSES: list[tuple[str, list[Any], Any]] = [
    ("equals", ["a"], "a"),
    ("equals", ["a", "b"], ["a", "b"]),
    ("equals", [Number("2")], 2),
    ("equals", [True], True),
    ("literal", [Number("1.00")], "1.00"),
    ("contains", ["a", "b"], "b"),
    ("lacks", ["a"], "b"),
    ("lacks", [], "b"),
    ("differs", ["a"], "b"),
    ("count", ["a", "b"], 2),
    ("count", [], 0),
    ("at_least", ["a", "b"], 2),
    ("present", [False], True),
    ("absent", [], True),
    ("matches", ["abc", "xbz"], "b"),
    ("matches", [Number("12")], "^12$"),
    ("includes", [{"a": Number("1.0"), "b": "c"}], '{"a": 1.0}'),
    ("distinct", ["a", "b"], True),
    ("descending", [TIME, "2024-05-06T05:08:09.4Z"], True),
    ("same_second", [TIME], "Mon, 06 May 2024 05:08:09 GMT"),
    ("not_before", [TIME], "2024-05-06T05:08:09.500Z"),
]
FAILS: list[tuple[str, list[Any], Any]] = [
    ("equals", ["a", "a"], "a"),
    ("equals", ["b", "a"], ["a", "b"]),
    ("equals", ["2"], 2),
    ("equals", [Number("2.0")], 2),
    ("equals", [Number("1")], True),
    ("equals", [], "a"),
    ("literal", [Number("1.0")], "1.00"),
    ("literal", ["1.00"], "1.00"),
    ("contains", ["a"], "b"),
    ("lacks", ["a", "b"], "b"),
    ("differs", ["a"], "a"),
    ("differs", [], "a"),
    ("count", ["a"], 2),
    ("at_least", ["a"], 2),
    ("present", [], True),
    ("absent", [None], True),
    ("matches", ["abc", "x"], "b"),
    ("matches", [], "b"),
    ("includes", [{"a": Number("1.00")}], '{"a": 1.0}'),
    ("includes", [], "{}"),
    ("includes", [{}], "{"),
    ("distinct", ["a", "b", "a"], True),
    ("descending", ["2024-05-06T05:08:09.4Z", TIME], True),
    ("descending", ["yesterday", TIME], True),
    ("same_second", [TIME], "Mon, 06 May 2024 05:08:10 GMT"),
    ("same_second", ["yesterday"], TIME),
    ("not_before", [TIME], "2024-05-06T05:08:09.501Z"),
    ("not_before", [], TIME),
]


@pytest.mark.parametrize(("kind", "values", "expected"), PASSES)
def test_a_check_passes(kind: str, values: list[Any], expected: Any) -> None:
    assert check(kind, values, expected) is None


@pytest.mark.parametrize(("kind", "values", "expected"), FAILS)
def test_a_check_fails(kind: str, values: list[Any], expected: Any) -> None:
    assert check(kind, values, expected)


def test_each_check_was_seen_to_pass_and_to_fail() -> None:
    assert {kind for kind, _, _ in PASSES} == set(KINDS) == {kind for kind, _, _ in FAILS}
