"""Chains within chains, `_has` within either, includes and compartments against a brute force, in Views."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.oracle.asking import FEWER, asking
from tests.search.oracle.brute_force import BruteForce
from tests.search.oracle.graph import Forward, Graph, Place, Rest, Reverse, Rule, spelled
from tests.search.oracle.questions import Query, Questions
from tests.search.oracle.served import Eyes, Resource, Served, is_match, matched
from tests.search.test_against_oracle import eyes

pytestmark = pytest.mark.corpus

CHOSEN = asking(FEWER, shrink=False)
DEEPEST = 3
FEW = 10
"""Resources of a type that make a page worth a look."""
LINKS = (
    ("Observation", "subject", "Patient"), ("Observation", "encounter", "Encounter"),
    ("Encounter", "subject", "Patient"), ("Encounter", "service-provider", "Organization"),
    ("Encounter", "participant", "Practitioner"), ("Condition", "encounter", "Encounter"),
    ("Condition", "subject", "Patient"), ("Procedure", "encounter", "Encounter"),
    ("Procedure", "subject", "Patient"), ("DiagnosticReport", "result", "Observation"),
    ("DiagnosticReport", "encounter", "Encounter"), ("MedicationRequest", "requester", "Practitioner"),
    ("MedicationRequest", "subject", "Patient"), ("CarePlan", "care-team", "CareTeam"),
    ("CareTeam", "participant", "Practitioner"), ("Claim", "patient", "Patient"),
    ("Organization", "partof", "Organization"), ("Observation", "derived-from", "Observation"),
    ("Observation", "has-member", "Observation"), ("Patient", "organization", "Organization"),
)  # fmt: skip
"""Type, reference parameter and type that it leads to."""


def _links(questions: Questions) -> list[tuple[str, str, str]]:
    """Return the links between types of which there is something."""
    known = questions.codes.keys()
    return [link for link in LINKS if {link[0], link[2]} <= known]


def _linked(questions: Questions) -> st.SearchStrategy[str]:
    return st.sampled_from(
        sorted({kind for source, _, target in _links(questions) for kind in (source, target)})
    )


def _rests(questions: Questions, kind: str, depth: int) -> st.SearchStrategy[Rest]:
    """Return criteria of a type, behind `depth` links."""
    if depth == 0:
        codes = st.sampled_from(questions.asked(kind))
        return codes.flatmap(lambda code: questions.criteria(kind, code))
    forward = [(code, target) for source, code, target in _links(questions) if source == kind]
    reverse = [(source, code) for source, code, target in _links(questions) if target == kind]
    ways: list[st.SearchStrategy[Rest]] = []
    for code, target in forward:
        inner = _rests(questions, target, depth - 1)
        ways.append(inner.map(partial(Forward, code, target)))
    for source, code in reverse:
        inner = _rests(questions, source, depth - 1)
        ways.append(inner.map(partial(Reverse, source, code)))
    return st.one_of(ways)


def _graph(served: Served, force: BruteForce, eye: Eyes) -> Graph:
    return Graph(force, lambda one: eye.see(served.facts[one["resourceType"], one["id"]]))


def test_links_within_links_lead_where_brute_force_leads(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[str] = []

    @CHOSEN
    @given(kind=_linked(questions), depth=st.integers(1, DEEPEST), eye=eyes(served), data=st.data())
    def compare(kind: str, depth: int, eye: Eyes, data: st.DataObject) -> None:
        rest = data.draw(_rests(questions, kind, depth))
        expected = _graph(served, force, eye).holding(kind, rest)
        found = matched(served.pages(kind, [spelled(rest), ("_count", "500")], eye.view()))
        assert len(found) == len(set(found))
        assert set(found) == expected, (kind, spelled(rest))
        met.extend(sorted(expected)[:1])

    compare()
    assert len(met) > FEWER / 20


def _rules(questions: Questions, kind: str) -> st.SearchStrategy[list[Rule]]:
    catalogue = questions.force.values.registry.parameters

    def reference(source: str) -> st.SearchStrategy[str]:
        named = [code for code in questions.asked(source) if catalogue[source][code].type == "reference"]
        return st.sampled_from(named or ["_none"])

    pointing = st.sampled_from(sorted({source for source, _, _ in _links(questions)}))
    one = st.one_of(st.just(kind), pointing).flatmap(
        lambda source: st.builds(
            Rule, st.just(source), reference(source),
            st.sampled_from((*[""] * 6, "Patient", "Practitioner")), st.booleans(), st.booleans(),
        )
    )  # fmt: skip
    return st.lists(one.filter(lambda rule: rule.code != "_none"), min_size=1, max_size=4)


def _places(page: Resource, *, matches: bool) -> list[Place]:
    listed = [one for one in page.get("entry", ()) if is_match(one) == matches]
    return [(one["resource"]["resourceType"], one["resource"]["id"]) for one in listed]


def test_includes_bring_what_brute_force_brings(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[int] = []
    many = _linked(questions).filter(lambda kind: len(force.of_type(kind)) >= FEW)

    @CHOSEN
    @given(
        query=many.flatmap(questions.queries_of), eye=st.just(Eyes()) | eyes(served), data=st.data()
    )  # fmt: skip
    def compare(query: Query, eye: Eyes, data: st.DataObject) -> None:
        kind = query.resource_type
        rules = data.draw(_rules(questions, kind))
        criteria = query.criteria[: data.draw(st.sampled_from((0, 0, 1)))]
        pairs = [*(each.pair for each in criteria), *(rule.pair for rule in rules), ("_count", "60")]
        graph = _graph(served, force, eye)
        for page in served.pages(kind, pairs, eye.view()):
            brought = _places(page, matches=False)
            assert len(brought) == len(set(brought))
            assert set(brought) == graph.along(_places(page, matches=True), rules), pairs
            met.append(len(brought))

    compare()
    assert sum(map(bool, met)) > FEWER / 10


@pytest.mark.parametrize("kind", ["Patient", "Encounter", "Practitioner", "Device", "RelatedPerson"])
def test_a_compartment_has_what_brute_force_finds_in_it(
    served: Served, force: BruteForce, questions: Questions, kind: str
) -> None:
    registry = force.values.registry
    holders = force.of_type(kind)[:6]
    assert holders
    for one in holders:
        place, graph = (kind, one["id"]), _graph(served, force, Eyes())
        expected = {
            (member, each["id"])
            for member, codes in registry.compartments[kind].items()
            for each in graph.of_type(member)
            if any(
                (member, each["id"]) == place if code == "{def}" else place in graph.pointed(each, code)
                for code in codes
            )
        }
        pages = served.pages(f"{kind}/{one['id']}/*", [("_count", "100")])
        found = [each for page in pages for each in _places(page, matches=True)]
        assert len(found) == len(set(found))
        assert set(found) == expected, place
