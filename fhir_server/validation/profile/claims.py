"""What in a resource asks for a definition: resources that claim profiles, and extensions.

Both are looked for in the raw JSON; nodes are made only of what is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from fhir_server.fhirpath import Node, TypeModel
from fhir_server.fhirpath.navigation import add_slot
from fhir_server.fhirpath.node import Items, resource_type
from profiles.definitions import Profile

_EXTENSIONS = frozenset({"extension", "modifierExtension"})
_Trail: TypeAlias = tuple[tuple[str, int], ...]
"""Keys and indexes from the root down; -1 for what is no list."""


def claims(root: Node) -> Iterator[tuple[Node, str, str]]:
    """Yield (resource, place of the claim, canonical) for the resource and all in it."""
    value = root.value
    meta = value.get("meta")
    claimed = meta.get("profile") if type(meta) is dict else None
    for index, canonical in enumerate(claimed if type(claimed) is list else ()):
        if type(canonical) is str:
            yield root, f"{root.path}.meta.profile[{index}]", canonical
    for node in _inner(root):
        yield from claims(node)


def claims_profile(node: Node, canonical: str, find: Callable[[str], Profile | None]) -> bool:
    """Return whether `meta.profile` names the profile, or one that is derived from it."""
    meta = node.value.get("meta") if type(node.value) is dict else None
    claimed = meta.get("profile") if type(meta) is dict else None
    url = canonical.partition("|")[0]
    return type(claimed) is list and any(
        type(each) is str and url in _lineage(each, find) for each in claimed
    )


def _lineage(canonical: str, find: Callable[[str], Profile | None]) -> set[str]:
    found: set[str] = set()
    url = canonical.partition("|")[0]
    while url and url not in found:
        found.add(url)
        profile = find(canonical)
        canonical = "" if profile is None else profile.base
        url = canonical.partition("|")[0]
    return found


def _inner(node: Node) -> Iterator[Node]:
    """Yield the resources right inside of another."""
    value = node.value
    contained = value.get("contained")
    for index, each in enumerate(contained if type(contained) is list else ()):
        if type(each) is dict:
            yield Node(each, resource_type(each), node, "contained", index)
    if node.type not in _CARRIERS:
        return
    name, kind = _CARRIERS[node.type]
    rows = value.get(name)
    for index, row in enumerate(rows if type(rows) is list else ()):
        resource = row.get("resource") if type(row) is dict else None
        if type(resource) is dict:
            yield Node(resource, resource_type(resource), Node(row, kind, node, name, index), "resource")


_CARRIERS = {
    "Bundle": ("entry", "Bundle.entry"),
    "Parameters": ("parameter", "Parameters.parameter"),
}


def extensions(root: Node, model: TypeModel) -> Iterator[Node]:
    """Yield every extension in a resource, the outer before the inner."""
    if not _has_extensions(root.value):
        return
    made: dict[_Trail, Node | None] = {(): root}
    for trail in _trails(root.value, ()):
        node = _at(trail, made, model)
        if node is not None and node.type == "Extension":
            yield node


def _has_extensions(value: Any) -> bool:
    if type(value) is dict:
        for key, child in value.items():
            kind = type(child)
            if kind is list:
                if key in _EXTENSIONS or (
                    type(child[0] if child else None) is not str and _has_extensions(child)
                ):
                    return True
            elif kind is dict and _has_extensions(child):
                return True
        return False
    return any(_has_extensions(child) for child in value if type(child) is dict)


def _trails(value: dict[str, Any], trail: _Trail) -> Iterator[_Trail]:
    for key, child in value.items():
        if type(child) is dict:
            yield from _trails(child, (*trail, (key, -1)))
        elif type(child) is list:
            for index, each in enumerate(child):
                if type(each) is dict:
                    below = (*trail, (key, index))
                    if key in _EXTENSIONS:
                        yield below
                    yield from _trails(each, below)


def _at(trail: _Trail, made: dict[_Trail, Node | None], model: TypeModel) -> Node | None:
    """Return the node at the end of a trail, None where the types know no such element.

    The nodes beside it are made at once: each for itself would be quadratic in the length of a list.
    """
    if trail not in made:
        above, key = trail[:-1], trail[-1][0]
        parent = _at(above, made, model)
        if parent is not None:
            made.update(((*above, (key, node.index)), node) for node in _step(parent, key, model))
        made.setdefault(trail, None)
    return made[trail]


def _step(parent: Node, key: str, model: TypeModel) -> list[Node]:
    holder = parent.value if type(parent.value) is dict else parent.sibling
    slot = model.slot(parent.type, key.removeprefix("_"))
    if slot is None or holder is None:
        return []
    found: Items = []
    add_slot(parent, holder, slot, found)
    return [node for node in found if isinstance(node, Node)]
