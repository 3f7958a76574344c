"""Chains and `_has` against two searches by brute force, the one inside the other; also inside Views."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.oracle.asking import FEWER, asking
from tests.search.oracle.brute_force import BruteForce, Criterion
from tests.search.oracle.questions import Questions
from tests.search.oracle.served import SHADES, Eyes, Served, matched

pytestmark = pytest.mark.corpus

CHOSEN = asking(FEWER)
HOPS = (
    ("Observation", "subject", "Patient"), ("Observation", "encounter", "Encounter"),
    ("Encounter", "subject", "Patient"), ("Condition", "encounter", "Encounter"),
    ("Procedure", "subject", "Patient"), ("DiagnosticReport", "result", "Observation"),
    ("Encounter", "service-provider", "Organization"), ("MedicationRequest", "requester", "Practitioner"),
)  # fmt: skip
"""Type, reference parameter and type that it leads to."""


def _eyes(served: Served) -> st.SearchStrategy[Eyes]:
    owners = sorted({facts.owner for facts in served.facts.values() if facts.owner is not None})
    shades = st.frozensets(st.integers(0, SHADES - 1), min_size=2, max_size=SHADES)
    return st.just(Eyes()) | st.builds(
        Eyes, st.none() | st.sampled_from(owners), shades, st.booleans(), st.just(served.directory)
    )


def _seen(served: Served, force: BruteForce, kind: str, criterion: Criterion, eye: Eyes) -> set[str]:
    return {id for id in force.search(kind, [criterion]) if eye.see(served.facts[kind, id])}


def _prefixed(head: str, criterion: Criterion) -> tuple[str, str]:
    name, value = criterion.pair
    return head + name, value


def test_a_chain_finds_what_points_to_what_is_seen_and_matches(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[str] = []

    @CHOSEN
    @given(hop=st.sampled_from(HOPS), eye=_eyes(served), data=st.data())
    def compare(hop: tuple[str, str, str], eye: Eyes, data: st.DataObject) -> None:
        kind, code, target = hop
        asked = data.draw(
            st.sampled_from(questions.asked(target)).flatmap(lambda one: questions.criteria(target, one))
        )
        targets = _seen(served, force, target, asked, eye)
        expected = set[str]()
        for id in targets:
            expected |= _seen(served, force, kind, Criterion(code, (f"{target}/{id}",)), eye)
        pair = _prefixed(f"{code}:{target}.", asked)
        found = matched(served.pages(kind, [pair, ("_count", "500")], eye.view()))
        assert len(found) == len(set(found))
        assert set(found) == expected
        met.extend(sorted(expected)[:1])

    compare()
    assert len(met) > FEWER / 20


def test_has_finds_what_is_pointed_to_by_what_is_seen_and_matches(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[str] = []

    @CHOSEN
    @given(hop=st.sampled_from(HOPS), eye=_eyes(served), data=st.data())
    def compare(hop: tuple[str, str, str], eye: Eyes, data: st.DataObject) -> None:
        kind, code, target = hop
        asked = data.draw(
            st.sampled_from(questions.asked(kind)).flatmap(lambda one: questions.criteria(kind, one))
        )
        holding = _seen(served, force, kind, asked, eye)
        expected = {
            one["id"]
            for one in force.of_type(target)
            if eye.see(served.facts[target, one["id"]])
            and holding & force.search(kind, [Criterion(code, (f"{target}/{one['id']}",))])
        }
        pair = _prefixed(f"_has:{kind}:{code}:", asked)
        found = matched(served.pages(target, [pair, ("_count", "500")], eye.view()))
        assert len(found) == len(set(found))
        assert set(found) == expected
        met.extend(sorted(expected)[:1])

    compare()
    assert len(met) > FEWER / 20
