"""Random expressions of `_filter` against the criteria that they are made of, joined by a brute force."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.oracle.asking import FEWER, asking
from tests.search.oracle.brute_force import BruteForce, Criterion, split_prefix
from tests.search.oracle.parameters import Resource
from tests.search.oracle.questions import Questions
from tests.search.oracle.served import Eyes, Served, matched
from tests.search.test_against_oracle import eyes

pytestmark = pytest.mark.corpus

CHOSEN = asking(FEWER, shrink=False)
OPERATORS: dict[str, dict[str | None, str]] = {
    "token": {None: "eq", "not": "eq"}, "string": {None: "sw", "contains": "co"},
    "reference": {None: "eq"}, "uri": {None: "eq", "below": "ss", "above": "sb"}, "composite": {None: "eq"},
}  # fmt: skip
"""Type of a parameter, modifier → the operator that says the same of one value."""
ORDERED = frozenset({"date", "number", "quantity"})


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts joined by `and` or `or`, or one that does not hold (`not`)."""

    word: str
    parts: Sequence[Joined | Criterion]


def _holds(force: BruteForce, tree: Joined | Criterion, one: Resource) -> bool:
    if isinstance(tree, Criterion):
        return force.holds(tree, one)
    held = (_holds(force, part, one) for part in tree.parts)
    return not next(held) if tree.word == "not" else all(held) if tree.word == "and" else any(held)


def _written(force: BruteForce, kind: str, tree: Joined | Criterion) -> str:
    if isinstance(tree, Criterion):
        return _comparison(force, kind, tree)
    parts = [_written(force, kind, part) for part in tree.parts]
    return f"not({parts[0]})" if tree.word == "not" else f"({f' {tree.word} '.join(parts)})"


def _comparison(force: BruteForce, kind: str, criterion: Criterion) -> str:
    code, (first, *_) = criterion.code, criterion.values
    if criterion.modifier == "missing":
        return f"{code} pr {'false' if first == 'true' else 'true'}"
    wanted = force.values.definition(kind, code).type
    if wanted in ORDERED:
        operator, value = split_prefix(first)
        return f"{code} {operator} {json.dumps(value)}"
    made = f"{code} {OPERATORS[wanted][criterion.modifier]} {json.dumps(first)}"
    return f"not({made})" if criterion.modifier == "not" else made


def _trees(force: BruteForce, questions: Questions, kind: str) -> st.SearchStrategy[Joined | Criterion]:
    def said(criterion: Criterion) -> bool:
        wanted = force.values.definition(kind, criterion.code).type
        known = wanted in ORDERED or criterion.modifier in OPERATORS[wanted]
        return len(criterion.values) == 1 and (criterion.modifier == "missing" or known)

    codes = st.sampled_from([code for code in questions.asked(kind) if code != "_id"])
    one = codes.flatmap(lambda code: questions.criteria(kind, code)).filter(said)
    return st.recursive(
        one,
        lambda part: st.one_of(
            st.builds(Joined, st.sampled_from(("and", "or")), st.lists(part, min_size=2, max_size=3)),
            st.builds(Joined, st.just("not"), st.tuples(part)),
        ),
        max_leaves=6,
    )


def test_an_expression_finds_what_its_parts_find_together(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[str] = []
    kinds = st.sampled_from([kind for kind in sorted(questions.codes) if questions.asked(kind)])

    @CHOSEN
    @given(kind=kinds, eye=eyes(served), data=st.data())
    def compare(kind: str, eye: Eyes, data: st.DataObject) -> None:
        tree = data.draw(_trees(force, questions, kind))
        text = _written(force, kind, tree)
        expected = {
            one["id"]
            for one in force.of_type(kind)
            if eye.see(served.facts[kind, one["id"]]) and _holds(force, tree, one)
        }
        found = matched(served.pages(kind, [("_filter", text), ("_count", "500")], eye.view()))
        assert len(found) == len(set(found))
        assert set(found) == expected, (kind, text)
        met.extend(sorted(expected)[:1])

    compare()
    assert len(met) > FEWER / 20
