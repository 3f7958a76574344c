"""Regular expressions: like Python's where both apply, and in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhirpath.automaton import MAX_REMEMBERED, Automaton
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.patterns import matches, matches_full, replace
from fhir_server.fhirpath.regex_syntax import read_pattern

ATOMS = [
    "a",
    "b",
    "-",
    ".",
    "[ab]",
    "[^a]",
    "[a-c1]",
    "[\\]\\-x]",
    r"\d",
    r"\w",
    r"\s",
    r"\S",
    r"\.",
    "^",
    "$",
]


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantified = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "??"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map("(?:{})".format),
        inner.map("({})".format),
        st.tuples(inner, quantified).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
    )


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(st.sampled_from(ATOMS), grown, max_leaves=8),
    st.lists(st.text("ab1-. \nxc]", max_size=7), min_size=1, max_size=8),
)
def test_matches_as_python_does(pattern: str, texts: list[str]) -> None:
    # Python's `$` also stands before a last line feed, which XML Schema and JavaScript do not know.
    oracle = re.compile(re.sub(r"\$(?![^\[]*\])", r"\\Z", pattern), re.DOTALL | re.ASCII)
    for text in texts:
        assert matches(text, pattern) == (oracle.search(text) is not None)
        assert matches_full(text, pattern) == (oracle.fullmatch(text) is not None)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("^(a+)+$", id="nested-repeats"),
        pytest.param("^(a|a)*$", id="ambiguous-choice"),
        pytest.param("^(a|aa)+$", id="overlapping-choice"),
        pytest.param("a*a*a*a*a*b", id="repeats-in-a-row"),
        pytest.param("(.*a){12}b", id="counted-repeats"),
        pytest.param("(x+x+)+y|(a*)*b", id="choice-of-both"),
    ],
)
def test_hostile_patterns_take_a_bounded_number_of_steps(pattern: str) -> None:
    # A backtracking matcher would not come back from any of these.
    assert not matches("a" * 5_000 + "!", pattern)


def test_memory_of_an_automaton_is_bounded() -> None:
    automaton = Automaton(read_pattern("[ab]*a[ab]{16}c"), search=True)
    text = "".join("ab"[(position * position // 7) % 2] for position in range(40_000))
    assert not automaton.accepts(text)
    assert automaton._remembered <= MAX_REMEMBERED + automaton.size
    assert automaton.accepts(text + "a" * 17 + "c")


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        pytest.param("\u00e9", r"\p{L}", True, id="unicode-category"),
        pytest.param("\u00e9", r"\P{L}", False, id="unicode-category-negated"),
        pytest.param("A", r"\u0041", True, id="code-of-four-digits"),
        pytest.param("a\nb", "a.b", True, id="dot-is-any-character"),
        pytest.param("foobar", "foo(?=bar)", True, id="look-ahead"),
        pytest.param("abab", r"(ab)\1", True, id="back-reference"),
        pytest.param("a b", r"\bb", True, id="word-boundary"),
        pytest.param("ABC", "(?i)abc", True, id="flag"),
        pytest.param("x\n", "x$", False, id="dollar-is-the-very-end"),
        pytest.param("x\n", "(?=x)x$", False, id="dollar-is-the-very-end-for-both-matchers"),
        pytest.param("price $5", r"\$5", True, id="escaped-dollar"),
    ],
)
def test_dialect(text: str, pattern: str, expected: bool) -> None:
    assert matches(text, pattern) is expected


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        pytest.param("a", "(", id="group-open"),
        pytest.param("a", "[a", id="class-open"),
        pytest.param("a", "a)", id="group-not-opened"),
        pytest.param("a", "*a", id="nothing-to-repeat"),
        pytest.param("a", "[z-a]", id="range-backwards"),
        pytest.param("a", "a{5,2}", id="bounds-backwards"),
        pytest.param("a", "(a{1000}){1000}", id="too-many-states"),
        pytest.param("a", "(?=(a+)+)b", id="nested-repeats-with-look-ahead"),
        pytest.param("a" * 3_000, "(?=a)b", id="long-text-with-look-ahead"),
        pytest.param("a", "a" * 3_000, id="long-pattern"),
        pytest.param("a", "(" * 100 + ")" * 100, id="deep-pattern"),
        pytest.param("a", r"\i", id="unknown-escape"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, pattern: str) -> None:
    with pytest.raises(FhirPathError):
        matches(text, pattern)


@pytest.mark.parametrize(
    ("pattern", "replacement", "expected"),
    [
        pytest.param("b(c)", "[$1]", "a[c]", id="numbered-group"),
        pytest.param("b(?P<x>c)", "[${x}]", "a[c]", id="named-group"),
        pytest.param("c", r"\1", r"ab\1", id="backslash-is-itself"),
        pytest.param("z", "y", "abc", id="nothing-found"),
    ],
)
def test_replacing(pattern: str, replacement: str, expected: str) -> None:
    assert replace("abc", pattern, replacement) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("a*a*a*a*a*a*b", id="repeats-in-a-row"),
        pytest.param("(a|aa)+b", id="overlapping-choice"),
        pytest.param("(a|a){60}b", id="counted-choice"),
        pytest.param("a?" * 60 + "b", id="many-optionals"),
        pytest.param("(?P<x>a*)a*a*a*a*b", id="named-group"),
    ],
)
def test_what_backtracks_too_long_is_refused_before_it_starts(pattern: str) -> None:
    text = "a" * 200
    for attempt in (lambda: replace(text, pattern, "x"), lambda: matches(text, f"(?!z){pattern}")):
        with pytest.raises(FhirPathError, match="too long"):
            attempt()


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        pytest.param(
            "Correct1horse" * 3, "^(?=.*[A-Z])(?=.*[0-9])(?=.*[a-z]).{8,}$", True, id="three-looks-ahead"
        ),
        pytest.param(" " * 2_000 + "x", r"^\s+(?=x)x$", True, id="one-repeat-over-a-long-text"),
        pytest.param("ab" * 8, "(?!z)(ab|cd)+", True, id="choice-over-a-short-text"),
    ],
)
def test_what_backtracks_little_is_matched(text: str, pattern: str, expected: bool) -> None:
    assert matches(text, pattern) is expected


def test_replacing_refuses_what_could_take_forever() -> None:
    with pytest.raises(FhirPathError, match="repeats inside repeats"):
        replace("a" * 50, "(a+)+$", "b")
    with pytest.raises(FhirPathError, match="group"):
        replace("a", "a", "$7")
