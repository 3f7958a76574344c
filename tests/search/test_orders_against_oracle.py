"""Random orders, pages of random size forth and back: the order is that of a brute force, also inside Views."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.oracle.asking import FEWER, asking
from tests.search.oracle.brute_force import BruteForce
from tests.search.oracle.orders import SORTED, Key, Orders
from tests.search.oracle.questions import Query, Questions
from tests.search.oracle.served import Eyes, Served, matched
from tests.search.test_against_oracle import eyes

pytestmark = pytest.mark.corpus

CHOSEN = asking(FEWER, shrink=False)
MOST_PAGES = 60
FEW = 5
"""Resources of a type that make an order worth a look."""


def _keys(questions: Questions, kind: str) -> st.SearchStrategy[list[Key]]:
    known = questions.force.values.registry.parameters[kind]
    codes = ["_id", "_lastUpdated", *(code for code in questions.asked(kind) if known[code].type in SORTED)]
    one = st.builds(Key, st.sampled_from(codes), st.booleans())
    return st.lists(one, min_size=1, max_size=3, unique_by=lambda key: key.code)


def test_pages_are_in_the_order_that_was_asked_for(
    served: Served, force: BruteForce, questions: Questions
) -> None:
    orders, met = Orders(force), list[str]()
    kinds = st.sampled_from([kind for kind in sorted(questions.codes) if len(force.of_type(kind)) >= FEW])

    @CHOSEN
    @given(query=kinds.flatmap(questions.queries_of), eye=eyes(served), data=st.data())
    def compare(query: Query, eye: Eyes, data: st.DataObject) -> None:
        kind = query.resource_type
        # One of the criteria, or none: what is left has to be in order.
        criteria = query.criteria[: data.draw(st.sampled_from((0, 0, 1)))]
        keys = data.draw(_keys(questions, kind))
        seen = [
            one
            for one in force.of_type(kind)
            if eye.see(served.facts[kind, one["id"]]) and all(force.holds(each, one) for each in criteria)
        ]
        count = max(data.draw(st.sampled_from((1, 3, 7, 50))), -(-len(seen) // MOST_PAGES))
        pairs = [*(each.pair for each in criteria), ("_sort", ",".join(key.text for key in keys))]
        pages = served.pages(kind, [*pairs, ("_count", str(count))], eye.view())
        assert matched(pages) == orders.ordered(seen, keys), urlencode(pairs)
        assert matched(served.pages_before(pages[-1], eye.view(), MOST_PAGES)) == matched(pages[:-1])
        if len(seen) > count:
            met.append(kind)

    compare()
    assert len(met) > FEWER / 4
