"""How labels spread from what has them to what was derived from it: a least fixpoint over a small graph.

Starting from own labels alone and adding what flows in is what makes unmasking right: what only came from
a source that lost its label goes, what has another reason stays, and circles keep nothing alive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fhir_server.model.document import Facts

NEVER = datetime.max.replace(tzinfo=UTC)
"""The opening of what never opens by itself: later than any other."""
GIVEN = "#"
"""A source of this beginning is no resource: what follows is a label that a choice gave the item."""
OWN = "="
"""A source of this beginning says that a label which flows in is an own one as well: that it came or went is
then seen in the facts, though the labels are the same."""

UNSEEN = "~"
"""A source of this beginning says which label of another one does not flow, because whoever referred to it
did not see it: `~Type/id label`.  Without a label: its type class does not."""

NO_LABELS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Node:
    """A resource whose labels are to be worked out.

    `sources` are `Type/id`, `#label` or `~Type/id label`; `opens` is when the own label that withholds it
    ends, None: never.
    """

    own: frozenset[str]
    sources: tuple[str, ...] = ()
    opens: datetime | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """The labels that a resource has, own and inherited; `opens` as in `Access.from_`.

    `doubled` are those that it would have without being its own.
    """

    labels: frozenset[str]
    opens: datetime | None = None
    doubled: frozenset[str] = NO_LABELS


def without_own(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the sources that labels flow in from, of those that are stored."""
    return tuple(source for source in sources if not source.startswith(OWN))


def is_resource(source: str) -> bool:
    """Return whether a source is a resource, `Type/id`."""
    return not source.startswith((GIVEN, OWN, UNSEEN))


def unseen(source: str, label: str = "") -> str:
    """Return the source that says that a label of another one does not flow, or its type class."""
    return f"{UNSEEN}{source} {label}"


def not_flowing(sources: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return the labels that do not flow, by the source that has them; an empty one for the type class."""
    found: dict[str, frozenset[str]] = {}
    for text in sources:
        if text.startswith(UNSEEN):
            source, _, label = text.removeprefix(UNSEEN).partition(" ")
            found[source] = found.get(source, NO_LABELS) | {label}
    return found


def spread(
    nodes: Mapping[str, Node], outside: Mapping[str, Facts], withheld: frozenset[str]
) -> Mapping[str, Effect]:
    """Return the effective labels of all nodes.

    `outside` are the facts of sources that do not change; a source in neither is absent and gives nothing.
    `withheld` are the labels that end by themselves: what has one from several opens with the last of them.
    """
    takers = _takers(nodes)
    stopped = {name: not_flowing(node.sources) for name, node in nodes.items()}
    labels = {
        name: node.own.union(*_arriving(node, stopped[name], nodes, outside)) for name, node in nodes.items()
    }
    waiting = deque(nodes)
    while waiting:
        name = waiting.popleft()
        for taker in takers.get(name, ()):
            passed = labels[name] - stopped[taker].get(name, NO_LABELS)
            if not passed <= labels[taker]:
                labels[taker] |= passed
                waiting.append(taker)
    opening = _openings(nodes, outside, takers, withheld, labels)
    return {
        name: _effect(labels[name], opening.get(name), _doubled(node, stopped[name], nodes, outside, labels))
        for name, node in nodes.items()
    }


def _arriving(
    node: Node, stopped: Mapping[str, frozenset[str]], nodes: Mapping[str, Node], outside: Mapping[str, Facts]
) -> Iterator[frozenset[str]]:
    """Yield the labels that flow in from outside and those that choices gave."""
    for source in node.sources:
        yield _from_outside(source, nodes, outside) - stopped.get(source, NO_LABELS)


def _doubled(
    node: Node,
    stopped: Mapping[str, frozenset[str]],
    nodes: Mapping[str, Node],
    outside: Mapping[str, Facts],
    labels: Mapping[str, frozenset[str]],
) -> frozenset[str]:
    if not node.own:
        return NO_LABELS
    inside = (labels.get(source, NO_LABELS) - stopped.get(source, NO_LABELS) for source in node.sources)
    return node.own & NO_LABELS.union(*inside, *_arriving(node, stopped, nodes, outside))


def _takers(nodes: Mapping[str, Node]) -> Mapping[str, Sequence[str]]:
    takers: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for source in node.sources:
            if source in nodes:
                takers.setdefault(source, []).append(name)
    return takers


def _from_outside(source: str, nodes: Mapping[str, Node], outside: Mapping[str, Facts]) -> frozenset[str]:
    if source.startswith(GIVEN):
        return frozenset({source.removeprefix(GIVEN)})
    if source in nodes or source not in outside:
        return NO_LABELS
    return frozenset(outside[source].access.labels)


def _openings(
    nodes: Mapping[str, Node],
    outside: Mapping[str, Facts],
    takers: Mapping[str, Sequence[str]],
    withheld: frozenset[str],
    labels: Mapping[str, frozenset[str]],
) -> Mapping[str, datetime]:
    opening: dict[str, datetime] = {}
    stopped = {name: not_flowing(node.sources) for name, node in nodes.items()}
    for name, node in nodes.items():
        found = [node.opens or NEVER] if node.own & withheld else []
        for source in node.sources:
            flowing = withheld - stopped[name].get(source, NO_LABELS)
            if source not in nodes and flowing & _from_outside(source, nodes, outside):
                facts = outside.get(source)
                found.append((facts.access.from_ if facts is not None else None) or NEVER)
        if found:
            opening[name] = max(found)
    waiting = deque(opening)
    while waiting:
        name = waiting.popleft()
        for taker in takers.get(name, ()):
            if not labels[name] & withheld - stopped[taker].get(name, NO_LABELS):
                continue
            if opening[name] > opening.get(taker, datetime.min.replace(tzinfo=UTC)):
                opening[taker] = opening[name]
                waiting.append(taker)
    return opening


def _effect(labels: frozenset[str], opening: datetime | None, doubled: frozenset[str]) -> Effect:
    return Effect(labels, None if opening is None or opening == NEVER else opening, doubled)
