"""Labels spread to a least fixpoint: compared with closures worked out by brute force over small graphs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.access.spread import Effect, Node, spread
from fhir_server.model.document import Access, Facts

WITHHELD = frozenset({"w"})
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = EARLY + timedelta(days=30)

names = st.sampled_from([f"T/{number}" for number in range(6)])
labels = st.frozensets(st.sampled_from(["m", "w", "x"]), max_size=2)
instants = st.sampled_from([None, EARLY, LATE])
nodes = st.builds(
    Node,
    labels,
    st.lists(names | st.sampled_from(["#m", "#x"]), max_size=3, unique=True).map(tuple),
    instants,
)
graphs = st.dictionaries(names, nodes, min_size=1)


def outside(*labels: str, opens: datetime | None = None) -> Facts:
    return Facts("S", "1", "p", access=Access(labels=labels, from_=opens))


def reached(graph: Mapping[str, Node], start: str) -> set[str]:
    """Return all that labels flow from into `start`, itself included, by walking every path."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(source for source in graph[name].sources if source in graph)
    return seen


@settings(deadline=None)
@given(graphs)
def test_labels_are_those_of_everything_that_leads_to_it(graph: dict[str, Node]) -> None:
    found = spread(graph, {}, WITHHELD)
    for name in graph:
        expected: set[str] = set()
        for source in reached(graph, name):
            expected |= graph[source].own
            expected |= {text[1:] for text in graph[source].sources if text.startswith("#")}
        assert found[name].labels == expected


@settings(deadline=None)
@given(graphs)
def test_what_is_withheld_opens_with_the_last_of_its_sources(graph: dict[str, Node]) -> None:
    found = spread(graph, {}, WITHHELD)
    for name in graph:
        opening = [graph[source].opens for source in reached(graph, name) if "w" in graph[source].own]
        known = [instant for instant in opening if instant is not None]
        expected = max(known) if known and len(known) == len(opening) else None
        assert found[name].opens == expected


@pytest.mark.parametrize(
    ("node", "facts", "expected"),
    [
        pytest.param(Node(frozenset()), {}, Effect(frozenset()), id="nothing"),
        pytest.param(Node(frozenset(), ("S/1",)), {}, Effect(frozenset()), id="absent-source"),
        pytest.param(
            Node(frozenset({"a"}), ("S/1",)),
            {"S/1": outside("m")},
            Effect(frozenset({"a", "m"})),
            id="source",
        ),
        pytest.param(
            Node(frozenset({"w"}), ("S/1",), EARLY),
            {"S/1": outside("w", opens=LATE)},
            Effect(WITHHELD, LATE, WITHHELD),
            id="the-later-opening",
        ),
        pytest.param(
            Node(frozenset({"w"}), ("S/1",), EARLY),
            {"S/1": outside("w")},
            Effect(WITHHELD, None, WITHHELD),
            id="never-is-later-than-any-instant",
        ),
    ],
)
def test_what_is_stored_gives_its_labels(node: Node, facts: dict[str, Facts], expected: Effect) -> None:
    assert spread({"T/0": node}, facts, WITHHELD) == {"T/0": expected}


def test_a_circle_keeps_no_label_alive() -> None:
    graph = {"T/0": Node(frozenset(), ("T/1",)), "T/1": Node(frozenset(), ("T/0",))}
    assert {effect.labels for effect in spread(graph, {}, WITHHELD).values()} == {frozenset()}


def test_a_label_that_is_own_and_flows_in_is_doubled() -> None:
    graph = {"T/0": Node(frozenset({"m", "x"}), ("T/1", "#x")), "T/1": Node(frozenset({"m"}))}
    found = spread(graph, {}, WITHHELD)
    assert found["T/0"].doubled == frozenset({"m", "x"})
    assert not found["T/1"].doubled
