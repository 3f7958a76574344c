"""A snapshot as a tree: each element with its children and its slices, taken apart and put together again.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#id, https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from profiles.definitions import ElementDefinition, Invariant, ProfileElement, StructureDefinition
from profiles.read_profile import placed_rule


@dataclass(slots=True)
class Node:
    """One element while a snapshot is being made.

    `name` is the last step of its path.  `children` is None as long as nobody walked into the element's
    type.  `rules` are its constraints by key.
    """

    name: str
    element: ProfileElement
    rules: dict[str, Invariant] = field(default_factory=dict)
    children: list[Node] | None = None
    slices: list[Node] = field(default_factory=list)
    touched: bool = False
    """Whether the differential said something about this very element."""

    def child(self, name: str) -> Node | None:
        """Return the child of that name, None if it has none."""
        return next((each for each in self.children or () if each.name == name), None)

    def slice(self, name: str) -> Node | None:
        """Return the slice of that name, None if there is none."""
        return next((each for each in self.slices if each.element.slice_name == name), None)


def copy_of(node: Node) -> Node:
    """Return a copy that shares nothing that can change."""
    return Node(
        name=node.name,
        element=node.element,
        rules=dict(node.rules),
        children=None if node.children is None else [copy_of(child) for child in node.children],
        slices=[copy_of(each) for each in node.slices],
    )


def without_slices(node: Node) -> Node:
    """Return the same element without its slices; the children are those of the node itself."""
    return replace(node, slices=[])


def size_of(node: Node, most: int) -> int:
    """Return how many elements a tree has, or `most` + 1 where there are more."""
    count, waiting = 0, [node]
    while waiting and count <= most:
        each = waiting.pop()
        count += 1
        waiting.extend(each.children or ())
        waiting.extend(each.slices)
    return count


def grown(elements: Sequence[ProfileElement], rules: Mapping[str, Invariant]) -> Node:
    """Return the tree of a snapshot; `rules` are the invariants that its elements name.

    Raises ValueError, with the id, if an element stands below one that is not there.
    """
    root = _node(elements[0], rules)
    root.name = elements[0].path
    open_nodes: list[Node] = [root]
    for element in elements[1:]:
        depth = element.path.count(".")
        del open_nodes[depth:]
        if not depth or len(open_nodes) < depth:
            raise ValueError(f"{element.id} stands below nothing")
        parent = open_nodes[-1]
        node = _node(element, rules)
        if parent.children is None:
            parent.children = []
        open_nodes.append(_placed(parent, node))
    return root


def _node(element: ProfileElement, rules: Mapping[str, Invariant]) -> Node:
    held = {rules[key].key: rules[key] for key in element.constraints if key in rules}
    return Node(element.path.rpartition(".")[2], element, held)


def _placed(parent: Node, node: Node) -> Node:
    """Put the node below its parent, as a slice of a child where it is one, and return it."""
    assert parent.children is not None
    sliced = parent.child(node.name)
    if node.element.slice_name is None or sliced is None:
        parent.children.append(node)
    else:
        sliced.slices.append(node)
    return node


def type_tree(structure: StructureDefinition) -> Node:
    """Return the tree of a type."""
    elements = tuple(type_element(element) for element in structure.elements)
    return grown(elements, structure.invariants)


def type_element(element: ElementDefinition) -> ProfileElement:
    """Return an element of a type as one of a profile."""
    return ProfileElement(
        id=element.path,
        path=element.path,
        min=element.min,
        max=element.max,
        types=element.types,
        binding=element.binding,
        content=element.content,
        summary=element.summary,
        modifier=element.modifier,
        constraints=element.constraints,
    )


def flattened(root: Node) -> tuple[tuple[ProfileElement, ...], dict[str, Invariant]]:
    """Return the elements of a tree in snapshot order with their ids and paths, and their invariants."""
    found: dict[str, Invariant] = {}
    elements = tuple(_emitted(root, "", "", found))
    return elements, found


def _emitted(
    node: Node, above_id: str, above_path: str, found: dict[str, Invariant]
) -> Iterator[ProfileElement]:
    path = f"{above_path}.{node.name}" if above_path else node.name
    suffix = f":{node.element.slice_name}" if node.element.slice_name and above_path else ""
    id = (f"{above_id}.{node.name}" if above_id else node.name) + suffix
    keys = tuple(placed_rule(found, rule) for rule in node.rules.values())
    yield replace(node.element, id=id, path=path, constraints=keys)
    for child in node.children or ():
        yield from _emitted(child, id, path, found)
    for each in node.slices:
        yield from _emitted(each, above_id, above_path, found)
