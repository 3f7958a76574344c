"""The path language of the suites: its grammar, and what a path selects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.literal_json import Number, encode
from conformance.paths import BadPath, Item, Member, Path, Where, parse_path, select, write_path

TREE: dict[str, Any] = {
    "id": "a",
    "name": [{"family": "F", "given": ["A", None, "B"]}, {"given": ["C"]}],
    "link": [{"relation": "self", "url": "s"}, {"relation": "next", "url": "n"}],
    "entry": [
        {"request": {"method": "POST"}, "resource": {"code": {"coding": [{"code": "x"}]}}},
        {"request": {"method": "DELETE"}},
    ],
    "value": Number("1.00"),
    "active": True,
}

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)
values = st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=6)
selectors = st.one_of(
    st.integers(-9, 9).map(Item),
    st.builds(Where, st.lists(names, min_size=1, max_size=3).map(tuple), values),
)
paths = st.lists(st.tuples(names.map(Member), st.lists(selectors, max_size=2)), max_size=4).map(
    lambda parts: tuple(step for member, more in parts for step in (member, *more))
)
few = st.sampled_from(["a", "b", "c"])
leaves = st.one_of(st.none(), st.booleans(), few, st.sampled_from(["1", "1.0"]).map(Number))
trees = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(few, inner, max_size=3))
)


@pytest.mark.parametrize(("text", "expected"), [
    pytest.param("", [TREE], id="the-empty-path-is-the-whole"),
    pytest.param("id", ["a"], id="a-member"),
    pytest.param("missing", [], id="a-member-that-is-not-there"),
    pytest.param("name.family", ["F"], id="a-name-is-asked-of-each-item"),
    pytest.param("name.given", ["A", None, "B", "C"], id="the-end-is-given-item-by-item"),
    pytest.param("name[1].given", ["C"], id="an-index"),
    pytest.param("name[-1].given[-1]", ["C"], id="an-index-from-the-end"),
    pytest.param("name.given[0]", ["A", "C"], id="an-index-into-each-array"),
    pytest.param("name[2]", [], id="an-index-beyond-the-end"),
    pytest.param("id[0]", [], id="an-index-into-no-array"),
    pytest.param('link[?relation="next"].url', ["n"], id="a-quoted-filter"),
    pytest.param("link[?relation=next].url", ["n"], id="a-bare-filter"),
    pytest.param("entry[?request.method=DELETE].resource", [], id="a-filter-below"),
    pytest.param("entry[?resource.code.coding.code=x].request.method", ["POST"], id="a-filter-through-arrays"),
    pytest.param("entry[?request.method=PUT]", [], id="a-filter-without-match"),
    pytest.param("active", [True], id="a-boolean"),
    pytest.param("value", [Number("1.00")], id="a-number-by-its-literal"),
])  # fmt: skip
def test_a_path_selects(text: str, expected: list[Any]) -> None:
    assert select(TREE, parse_path(text)) == expected


@pytest.mark.parametrize("text", [
    ".a", "a.", "a..b", "a b", "[0]", "a[", "a[x]", "a[0", "a]", "a[?b]", "a[?=c]", 'a[?b="c]', "1a", "a[?b.=c]",
])  # fmt: skip
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(BadPath, match="character"):
        parse_path(text)


@given(paths)
@settings(deadline=None)
def test_a_written_path_reads_as_itself(path: Path) -> None:
    assert parse_path(write_path(path)) == path


@given(st.text(max_size=12))
@settings(deadline=None)
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = parse_path(text)
    except BadPath:
        return
    assert parse_path(write_path(path)) == path


@given(trees, st.lists(st.one_of(few.map(Member), st.integers(-3, 3).map(Item)), max_size=4).map(tuple))
@settings(deadline=None)
def test_select_is_what_a_walk_of_the_tree_finds(tree: Any, path: Path) -> None:
    assert [encode(value) for value in select(tree, path)] == [encode(value) for value in walked(tree, path)]


def walked(tree: Any, path: Path) -> Iterator[Any]:
    """The same by recursion, one value at a time."""
    if not path:
        yield from tree if isinstance(tree, list) else [tree]
        return
    step, rest = path[0], path[1:]
    if isinstance(step, Member):
        for item in tree if isinstance(tree, list) else [tree]:
            if isinstance(item, dict) and step.name in item:
                yield from walked(item[step.name], rest)
    elif isinstance(step, Item) and isinstance(tree, list):
        index = step.index if step.index >= 0 else len(tree) + step.index
        if 0 <= index < len(tree):
            yield from walked(tree[index], rest)
