"""Searches over several types, pages of random size forth and back, in random Views: nothing twice or never."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.sort_dates import sort_dates
from tests.search.oracle.asking import FEWER, asking
from tests.search.oracle.brute_force import BruteForce
from tests.search.oracle.orders import SORTED, Key, Orders
from tests.search.oracle.questions import Questions
from tests.search.oracle.served import Eyes, Resource, Served, is_match
from tests.search.oracle.system_orders import SystemOrders, address
from tests.search.test_against_oracle import eyes

pytestmark = pytest.mark.corpus

ASKED = FEWER // 2
CHOSEN = asking(ASKED, shrink=False)
MOST_PAGES = 12
FEW = 6
"""Resources of a type that make an order worth a look."""
MOST_WEIGHT = 8


def _shared(questions: Questions, kinds: Sequence[str]) -> dict[str, list[str]]:
    """Return the parameters by which several kinds can be put into one order, and the kinds that have each."""
    known = questions.force.values.registry.parameters
    shared: dict[tuple[str, str], list[str]] = {}
    for kind in kinds:
        for code in questions.asked(kind):
            if known[kind][code].type in SORTED:
                shared.setdefault((code, known[kind][code].type), []).append(kind)
    of_several = {code: having for (code, _), having in sorted(shared.items()) if len(having) > 1}
    return {"_id": list(kinds), "_lastUpdated": list(kinds), **of_several}


@st.composite
def _asked(draw: st.DrawFn, shared: dict[str, list[str]]) -> tuple[list[str], list[Key]]:
    """Return kinds and an order by what all of them have."""
    # What more kinds have is asked more often: dates and persons, most of all.
    first = draw(st.sampled_from([code for code in sorted(shared) for _ in shared[code][:MOST_WEIGHT]]))
    kinds = draw(_some(shared[first]))
    codes = sorted(code for code, having in shared.items() if set(kinds) <= set(having) and code != first)
    more = draw(st.lists(st.sampled_from(codes), max_size=2, unique=True))
    return kinds, [Key(code, draw(st.booleans())) for code in (first, *more)]


def _some(kinds: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(kinds), min_size=2, max_size=4, unique=True).map(sorted)


def _kinds(questions: Questions, force: BruteForce) -> list[str]:
    return [kind for kind in sorted(questions.codes) if len(force.of_type(kind)) >= FEW]


def _matched(pages: Sequence[Resource]) -> list[str]:
    return [
        address(entry["resource"]) for page in pages for entry in page.get("entry", ()) if is_match(entry)
    ]


def _forth(served: Served, page: Resource, eye: Eyes) -> list[Resource]:
    """Return a page and those after it."""
    found = [page]
    while links := [link["url"] for link in found[-1]["link"] if link["relation"] == "next"]:
        assert len(found) < MOST_PAGES
        found.append(served.bundle(links[0], eye.view()))
    return found


def _seen(served: Served, force: BruteForce, kinds: Sequence[str], eye: Eyes) -> list[Resource]:
    return [one for kind in kinds for one in force.of_type(kind) if eye.see(served.facts[kind, one["id"]])]


def test_types_that_are_put_into_one_order_are_in_it(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    catalogue, met = served.context.indexer.catalogue, list[str]()
    shared = _shared(questions, _kinds(questions, force))
    dates = {kind: sort_dates(kind, catalogue.of(kind).by_code) for kind in questions.codes}
    orders = SystemOrders(Orders(force), dates)

    @CHOSEN
    @given(asked=_asked(shared), eye=eyes(served), size=st.sampled_from((1, 2, 5, 30)))
    def compare(asked: tuple[list[str], list[Key]], eye: Eyes, size: int) -> None:
        kinds, keys = asked
        seen = _seen(served, force, kinds, eye)
        count = max(size, -(-len(seen) // MOST_PAGES))
        pairs = [("_type", ",".join(kinds)), ("_sort", ",".join(key.text for key in keys))]
        pages = served.pages("", [*pairs, ("_count", str(count))], eye.view())
        assert _matched(pages) == orders.ordered(kinds, seen, keys), urlencode(pairs)
        back = served.pages_before(pages[-1], eye.view(), MOST_PAGES)
        assert [_matched([page]) for page in back] == [_matched([page]) for page in pages[:-1]]
        assert _matched(_forth(served, back[0] if back else pages[-1], eye)) == _matched(pages)
        if len(seen) > count:
            met.append(keys[0].code)

    compare()
    assert len(met) > ASKED / 8
    assert len(set(met)) > ASKED / 40


def test_types_one_after_the_other_are_met_once_forth_and_back(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    met = list[int]()

    @CHOSEN
    @given(kinds=_some(_kinds(questions, force)), eye=eyes(served), size=st.sampled_from((1, 2, 5, 30)))
    def compare(kinds: list[str], eye: Eyes, size: int) -> None:
        seen = _seen(served, force, kinds, eye)
        count = max(size, -(-len(seen) // MOST_PAGES))
        pairs = [("_type", ",".join(kinds)), ("_count", str(count))]
        pages = served.pages("", pairs, eye.view())
        found = _matched(pages)
        assert sorted(found) == sorted(map(address, seen)), urlencode(pairs)
        assert [name.partition("/")[0] for name in found] == sorted(name.partition("/")[0] for name in found)
        assert all(len(_matched([page])) == count for page in pages[:-1])
        back = served.pages_before(pages[-1], eye.view(), MOST_PAGES)
        assert [_matched([page]) for page in back] == [_matched([page]) for page in pages[:-1]]
        assert _matched(_forth(served, back[0] if back else pages[-1], eye)) == found
        met.append(len(pages))

    compare()
    assert sum(pages > 2 for pages in met) > ASKED / 8
