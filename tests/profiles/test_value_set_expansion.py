"""Composition of value sets, and hierarchies against an oracle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles import build_terminology
from profiles.build_terminology import Expander, NotEnumerable
from profiles.definitions import CodeSystem
from tests.profiles.small_package import FOREIGN, LIVING, OWN, code_system, value_set

EVERYTHING = {"animal", "dog", "poodle", "cat", "plant", "pet"}


def expander(*sets: dict[str, Any]) -> Expander:
    living = build_terminology.code_system(code_system())
    return Expander({tree["url"]: {"compose": tree["compose"]} for tree in sets}, {LIVING: living})


def concept_filter(op: str, value: str) -> dict[str, Any]:
    return {"system": LIVING, "filter": [{"property": "concept", "op": op, "value": value}]}


def listed(*codes: str) -> dict[str, Any]:
    return {"system": LIVING, "concept": [{"code": code} for code in codes]}


def of(*names: str) -> dict[str, Any]:
    return {"valueSet": [f"{OWN}ValueSet/{name}|1.0" for name in names]}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        pytest.param([{"system": LIVING}], [], EVERYTHING, id="whole-system"),
        pytest.param([listed("dog", "plant")], [], {"dog", "plant"}, id="listed"),
        pytest.param([concept_filter("is-a", "dog")], [], {"dog", "poodle"}, id="is-a-has-itself"),
        pytest.param(
            [concept_filter("is-a", "pet")], [], {"pet", "dog", "poodle", "cat"}, id="is-a-second-parent"
        ),
        pytest.param([concept_filter("descendent-of", "dog")], [], {"poodle"}, id="descendent-of-has-not"),
        pytest.param([concept_filter("is-not-a", "animal")], [], {"plant", "pet"}, id="is-not-a-is-the-rest"),
        pytest.param([listed("dog"), listed("cat")], [], {"dog", "cat"}, id="includes-add-up"),
        pytest.param(
            [{"system": LIVING}], [concept_filter("is-a", "animal")], {"plant", "pet"}, id="exclude"
        ),
        pytest.param([of("pets")], [], {"pet", "dog", "poodle", "cat"}, id="imported"),
        pytest.param([of("pets", "few")], [], {"dog"}, id="two-imports-intersect"),
        pytest.param([of("pets") | listed("plant", "cat")], [], {"cat"}, id="import-and-system-intersect"),
    ],
)
def test_a_composition_is_enumerated(include: list[Any], exclude: list[Any], expected: set[str]) -> None:
    sets = expander(
        value_set("tested", *include, exclude=exclude),
        value_set("pets", concept_filter("is-a", "pet")),
        value_set("few", listed("dog", "plant")),
    )
    assert set(sets.expand(f"{OWN}ValueSet/tested")[LIVING]) == expected


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        pytest.param(value_set("t", {"system": FOREIGN}), f"needs {FOREIGN}", id="foreign-system"),
        pytest.param(value_set("t", of("t")), "includes itself through", id="itself"),
        pytest.param(value_set("t", of("gone")), "gone is not in the package", id="missing-import"),
        pytest.param(value_set("t", concept_filter("regex", "d.*")), "filters by concept regex", id="filter"),
        pytest.param(value_set("t", {}), "neither a system nor a value set", id="nothing-named"),
        pytest.param(value_set("t"), "has no codes", id="no-include"),
        pytest.param(
            value_set("t", listed("dog"), exclude=[{"system": LIVING}]), "has no codes", id="all-excluded"
        ),
        pytest.param({"url": f"{OWN}ValueSet/t", "compose": None}, "has no compose", id="no-compose"),
    ],
)
def test_what_cannot_be_enumerated_says_why(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(NotEnumerable, match=message):
        expander(tree).expand(f"{OWN}ValueSet/t")


def test_displays_come_from_the_system_and_else_from_the_list() -> None:
    named = {
        "system": LIVING,
        "concept": [{"code": "dog", "display": "Hound"}, {"code": "cat", "display": "Cat"}],
    }
    found = expander(value_set("t", named)).expand(f"{OWN}ValueSet/t")
    assert found == {LIVING: {"dog": "Dog", "cat": "Cat"}}


CODES = [f"c{number}" for number in range(8)]
EDGES = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), max_size=20)


@given(edges=EDGES, top=st.sampled_from(CODES))
def test_below_is_the_transitive_closure_even_in_circles(edges: list[tuple[str, str]], top: str) -> None:
    parents: dict[str, tuple[str, ...]] = {}
    for child, parent in edges:
        parents[child] = (*parents.get(child, ()), parent)
    system = CodeSystem("urn:x", dict.fromkeys(CODES, ""), parents)
    reached = {top}
    for _ in CODES:  # the oracle: as many joins as there are codes
        reached |= {child for child, parent in edges if parent in reached}
    assert system.below(top) == reached


def test_nothing_is_below_an_unknown_code() -> None:
    assert CodeSystem("urn:x", {"a": ""}, {"a": ("gone",)}).below("gone") == frozenset()
