"""Random queries over whole records and the official examples, against a brute force that shares nothing.

`FHIR_ORACLE_QUERIES` is how many each test asks.
"""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.oracle.asking import FEWER, QUERIES, asking
from tests.search.oracle.brute_force import BruteForce, Criterion
from tests.search.oracle.questions import Query, Questions
from tests.search.oracle.served import SHADES, Eyes, Served, matched

pytestmark = pytest.mark.corpus

CHOSEN = asking(QUERIES)
PAGES = st.sampled_from(("7", "50", "500"))


def eyes(served: Served) -> st.SearchStrategy[Eyes]:
    """Views of one record or of all, with some of it hidden."""
    owners = sorted({facts.owner for facts in served.facts.values() if facts.owner is not None})
    shades = st.frozensets(st.integers(0, SHADES - 1), max_size=SHADES)
    return st.builds(
        Eyes, st.none() | st.sampled_from(owners), shades, st.booleans(), st.just(served.directory)
    )


def test_a_search_finds_what_brute_force_finds(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[Query] = []

    @CHOSEN
    @given(query=questions.queries)
    def compare(query: Query) -> None:
        expected = force.search(query.resource_type, query.criteria)
        found = matched(served.pages(query.resource_type, [*query.pairs, ("_count", "500")]))
        assert len(found) == len(set(found))
        assert set(found) == expected
        if expected:
            met.append(query)

    compare()
    assert len(met) > QUERIES / 4


def test_a_search_inside_a_view_finds_what_is_seen_and_no_more(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met: list[Query] = []

    @CHOSEN
    @given(query=questions.queries, eye=eyes(served), count=PAGES)
    def compare(query: Query, eye: Eyes, count: str) -> None:
        kind = query.resource_type
        expected = {id for id in force.search(kind, query.criteria) if eye.see(served.facts[kind, id])}
        view = eye.view()
        pages = served.pages(kind, [*query.pairs, ("_count", count), ("_total", "accurate")], view)
        found = matched(pages)
        assert len(found) == len(set(found))
        assert set(found) == expected
        assert {page["total"] for page in pages} == {len(expected)}
        if expected:
            met.append(query)

    compare()
    assert len(met) > QUERIES / 20


def test_a_total_alone_is_the_number_of_what_matches(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    @settings(CHOSEN, max_examples=FEWER)
    @given(query=questions.queries)
    def compare(query: Query) -> None:
        page = served.bundle(f"{query.resource_type}?{urlencode([*query.pairs, ('_summary', 'count')])}")
        assert page["total"] == len(force.search(query.resource_type, query.criteria))
        assert "entry" not in page

    compare()


@pytest.mark.parametrize(("kind", "criterion"), [
    pytest.param("Appointment", Criterion("location", ("true",), "missing"), id="other-participants-only"),
    pytest.param("AppointmentResponse", Criterion("patient", ("true",), "missing"), id="another-actor"),
    pytest.param("Person", Criterion("relatedperson", ("true",), "missing"), id="links-to-others"),
    pytest.param("HealthcareService", Criterion("characteristic", ("true",), "missing"), id="display-only"),
    pytest.param("MolecularSequence", Criterion("identifier", ("true",), "missing"), id="use-only"),
    pytest.param("Organization", Criterion("address-use", ("|work",)), id="code-without-system"),
])  # fmt: skip
def test_what_once_differed_agrees(
    served: Served, force: BruteForce, kind: str, criterion: Criterion
) -> None:
    found = matched(served.pages(kind, [criterion.pair, ("_count", "500")]))
    assert set(found) == force.search(kind, [criterion])
