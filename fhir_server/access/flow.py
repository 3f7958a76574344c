"""Along which references labels flow: the rows of the policy, compiled to walks over resources.

A row says that a resource *takes* the labels of what it refers to (an Observation those of the document that
it was read from), or *gives* its own to what it points to (a DocumentReference to its Binary).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.access.policy import Direction, Flow
from fhir_server.model.reference import ReferenceKind, parse_reference

ANY = "*"
"""As a type: every one; as a path: every Reference in the resource."""


@dataclass(frozen=True, slots=True)
class _Step:
    path: tuple[str, ...]
    display_only: bool
    passes_class: bool


class Edges:
    """The rows by type; immutable."""

    __slots__ = ("_apart", "_base_url", "_gives", "_takes")

    def __init__(self, rows: Iterable[Flow], *, apart: frozenset[str], base_url: str = "") -> None:
        """`apart` are types that labels never come from: the person and the directory.

        References below `base_url` are local ones.
        """
        rows = tuple(rows)
        self._apart = apart
        self._base_url = base_url
        self._takes = _by_type(rows, "takes")
        self._gives = _by_type(rows, "gives")

    @property
    def is_empty(self) -> bool:
        """Whether no labels flow at all."""
        return not (self._takes or self._gives)

    def takes(self, resource: dict[str, Any]) -> Mapping[str, bool]:
        """Return `Type/id` of all on this server that the resource takes labels from.

        The value says whether the type class passes as well.
        """
        return self._edges(self._takes, resource)

    def gives(self, resource: dict[str, Any]) -> Mapping[str, bool]:
        """Return `Type/id` of all on this server that gets the labels of the resource; values as `takes`."""
        return self._edges(self._gives, resource)

    def _edges(self, table: Mapping[str, tuple[_Step, ...]], resource: dict[str, Any]) -> Mapping[str, bool]:
        resource_type = resource["resourceType"]
        own = f"{resource_type}/{resource.get('id', '')}"
        found: dict[str, bool] = {}
        for step in (*table.get(resource_type, ()), *table.get(ANY, ())):
            for text in _links(resource, step):
                name = self._local(text)
                if name is not None and name != own:
                    found[name] = found.get(name, False) or step.passes_class
        return found

    def _local(self, text: str) -> str | None:
        parsed = parse_reference(text, self._base_url or None)
        if parsed.kind is not ReferenceKind.RELATIVE or parsed.base or parsed.type in self._apart:
            return None
        return parsed.local


def _by_type(rows: Iterable[Flow], direction: Direction) -> Mapping[str, tuple[_Step, ...]]:
    table: dict[str, dict[_Step, None]] = {}
    for row in rows:
        if row.direction == direction:
            step = _Step(tuple(row.path.split(".")), row.display_only, row.passes_class)
            table.setdefault(row.type, {})[step] = None
    return {name: tuple(steps) for name, steps in table.items()}


def _links(resource: dict[str, Any], step: _Step) -> Iterator[str]:
    values = _references(resource) if step.path == (ANY,) else _walk(resource, step.path)
    for value in values:
        if step.display_only and not (type(value) is dict and "display" in value):
            continue
        text = value.get("reference") if type(value) is dict else value
        if type(text) is str:
            yield text


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        yield value
        return
    below = value.get(path[0]) if type(value) is dict else None
    for item in below if type(below) is list else () if below is None else (below,):
        yield from _walk(item, path[1:])
        # Sections hold sections: an element that holds its like is followed all the way.
        if type(item) is dict and path[0] in item:
            yield from _walk(item, path)


def _references(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting: list[Any] = [resource]
    while waiting:
        one = waiting.pop()
        if type(one) is dict:
            if "reference" in one:
                yield one
            waiting.extend(one.values())
        elif type(one) is list:
            waiting.extend(one)
