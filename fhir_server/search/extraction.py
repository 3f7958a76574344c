"""Compiled extraction: one walk over a resource that touches only the elements that are there.

All sources of a type are laid into one tree by JSON key, with the sinks of the parameters at its nodes;
the tree becomes nested closures once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fhir_server.search.collector import Collector, Sink
from fhir_server.search.expression import ElementIs, HasExtension, ResolvesTo
from fhir_server.search.source import Guard, Hop
from fhir_server.search.types.reference import target_type

Visit = Callable[[Any, Collector], None]


@dataclass(slots=True)
class Node:
    """What is to be done with the values of one element, while the tree is being laid out."""

    sinks: list[Sink] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)
    guarded: dict[Guard, Node] = field(default_factory=dict)
    at: dict[int, Node] = field(default_factory=dict)
    paired: dict[str, list[Sink]] = field(default_factory=dict)
    """Sinks that take the whole item, by the JSON key without which they have nothing to write."""

    def add(self, hops: Iterable[Hop], sink: Sink) -> None:
        """Lay a sink at the end of `hops`."""
        self.reach(hops).sinks.append(sink)

    def reach(self, hops: Iterable[Hop]) -> Node:
        """Return the node at the end of `hops`, laying what is missing."""
        node = self
        for hop in hops:
            node = node.children.setdefault(hop.key, Node())
            if hop.index is not None:
                node = node.at.setdefault(hop.index, Node())
            for guard in hop.guards:
                node = node.guarded.setdefault(guard, Node())
        return node


def compile_node(node: Node) -> Visit:
    """Return the closure that runs the node over a value: an item, or a list of items."""
    item = _compile_item(node)
    if not node.at:
        return _over_items(item)
    places = tuple((index, compile_node(child)) for index, child in node.at.items())

    def visit(value: Any, out: Collector) -> None:
        items = value if type(value) is list else [value]
        for index, visit_place in places:
            if index < len(items):
                visit_place(items[index], out)
        for each in items:
            if each is not None:
                item(each, out)

    return visit


def _over_items(item: Visit) -> Visit:
    def visit(value: Any, out: Collector) -> None:
        if type(value) is list:
            for each in value:
                if each is not None:
                    item(each, out)
        else:
            item(value, out)

    return visit


def _compile_item(node: Node) -> Visit:
    parts: list[Visit] = list(node.sinks)
    if node.children:
        parts.append(_below({key: _child(child) for key, child in node.children.items()}))
    parts.extend(_paired(key, tuple(sinks)) for key, sinks in node.paired.items())
    parts.extend(_behind(guard, compile_node(child)) for guard, child in node.guarded.items())
    if len(parts) == 1:
        return parts[0]
    visits = tuple(parts)

    def visit(value: Any, out: Collector) -> None:
        for part in visits:
            part(value, out)

    return visit


def _child(node: Node) -> tuple[Visit, bool]:
    """Return what visits the values of a key, and whether it takes a list as a whole."""
    return (compile_node(node), True) if node.at else (_compile_item(node), False)


def _below(children: dict[str, tuple[Visit, bool]]) -> Visit:
    find = children.get

    def visit(value: Any, out: Collector) -> None:
        for key, child in value.items():
            found = find(key)
            if found is None:
                continue
            below, takes_lists = found
            if type(child) is not list or takes_lists:
                below(child, out)
            else:
                for each in child:
                    if each is not None:
                        below(each, out)

    return visit


def _paired(key: str, sinks: tuple[Sink, ...]) -> Visit:
    def visit(value: Any, out: Collector) -> None:
        if key in value:
            for sink in sinks:
                sink(value, out)

    return visit


def _behind(guard: Guard, below: Visit) -> Visit:
    passes = _test(guard)

    def visit(value: Any, out: Collector) -> None:
        if passes(value):
            below(value, out)

    return visit


def _test(guard: Guard) -> Callable[[Any], bool]:
    match guard:
        case ResolvesTo(type_name):
            return lambda value: target_type(value) == type_name
        case ElementIs(name, text):
            return lambda value: value.get(name) == text
        case HasExtension(url):
            return lambda value: any(each.get("url") == url for each in value.get("extension", ()))
