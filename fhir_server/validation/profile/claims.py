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
_Trail: TypeAlias = "tuple[_Trail | None, str, int]"
"""What leads to a value: the trail of the object that it is in, None for the root; its key; its index, -1 for
what is in no list."""
_Place: TypeAlias = tuple[int, str, int]
"""The same with the identity of the trail above."""


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


def claims_profile(node: Node, canonical: str, lineage: Callable[[str], frozenset[str]]) -> bool:
    """Return whether `meta.profile` names the profile, or one that is derived from it."""
    meta = node.value.get("meta") if type(node.value) is dict else None
    claimed = meta.get("profile") if type(meta) is dict else None
    url = canonical.partition("|")[0]
    return type(claimed) is list and any(type(each) is str and url in lineage(each) for each in claimed)


def lineage_of(canonical: str, find: Callable[[str], Profile | None]) -> frozenset[str]:
    """Return the url of a profile, and of all that it is derived from as far as they are here."""
    found: set[str] = set()
    url = canonical.partition("|")[0]
    while url and url not in found:
        found.add(url)
        profile = find(canonical)
        canonical = "" if profile is None else profile.base
        url = canonical.partition("|")[0]
    return frozenset(found)


def _inner(node: Node) -> Iterator[Node]:
    """Yield the resources right inside of another."""
    value = node.value
    contained = value.get("contained")
    for index, each in enumerate(contained if type(contained) is list else ()):
        if type(each) is dict:
            yield Node(each, resource_type(each), node, "contained", index)
    if node.type == "Bundle":
        for entry in _rows(value.get("entry"), "Bundle.entry", node, "entry"):
            yield from _whole(entry, "resource")
            response = entry.value.get("response")
            if type(response) is dict:
                yield from _whole(Node(response, "Bundle.entry.response", entry, "response"), "outcome")
    elif node.type == "Parameters":
        yield from _of_parameters(value.get("parameter"), node, "parameter")


def _of_parameters(value: Any, above: Node, name: str) -> Iterator[Node]:
    for parameter in _rows(value, "Parameters.parameter", above, name):
        yield from _whole(parameter, "resource")
        yield from _of_parameters(parameter.value.get("part"), parameter, "part")


def _rows(value: Any, kind: str, above: Node, name: str) -> Iterator[Node]:
    for index, row in enumerate(value if type(value) is list else ()):
        if type(row) is dict:
            yield Node(row, kind, above, name, index)


def _whole(holder: Node, name: str) -> Iterator[Node]:
    resource = holder.value.get(name)
    if type(resource) is dict:
        yield Node(resource, resource_type(resource), holder, name)


def extensions(root: Node, model: TypeModel) -> Iterator[Node]:
    """Yield every extension in a resource, the outer before the inner."""
    trails: list[_Trail] = []
    _collect(root.value, None, trails)
    made: dict[_Place, Node | None] = {}
    for trail in trails:
        node = _at(trail, root, made, model)
        if node is not None and node.type == "Extension":
            yield node


def _collect(value: dict[str, Any], trail: _Trail | None, out: list[_Trail]) -> None:
    for key, child in value.items():
        kind = type(child)
        if kind is dict:
            _collect(child, (trail, key, -1), out)
        elif kind is list:
            is_extension = key in _EXTENSIONS
            for index, each in enumerate(child):
                if type(each) is dict:
                    below = (trail, key, index)
                    if is_extension:
                        out.append(below)
                    _collect(each, below, out)


def _at(trail: _Trail | None, root: Node, made: dict[_Place, Node | None], model: TypeModel) -> Node | None:
    """Return the node at the end of a trail, None where the types know no such element.

    The nodes beside it are made at once: each for itself would be quadratic in the length of a list.
    """
    if trail is None:
        return root
    above, key, index = trail
    place = (id(above), key, index)
    if place not in made:
        parent = _at(above, root, made, model)
        if parent is not None:
            made.update(((id(above), key, node.index), node) for node in _step(parent, key, model))
        made.setdefault(place, None)
    return made[place]


def _step(parent: Node, key: str, model: TypeModel) -> list[Node]:
    holder = parent.value if type(parent.value) is dict else parent.sibling
    slot = model.slot(parent.type, key.removeprefix("_"))
    if slot is None or holder is None:
        return []
    found: Items = []
    add_slot(parent, holder, slot, found)
    return [node for node in found if isinstance(node, Node)]
