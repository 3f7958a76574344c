"""Finds the element that a row of a differential is about, walking into types, profiles and contents."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from profiles.definitions import Discriminator, ProfileElement, Slicing, TypeRef
from profiles.differential import DifferentialRow, Step
from profiles.snapshot_tree import Node, copy_of, size_of, without_slices

_BY_TYPE = Slicing((Discriminator("type", "$this"),), "open")
_ONLY_THESE_TYPES = Slicing((Discriminator("type", "$this"),), "closed")
_BY_URL = Slicing((Discriminator("value", "url"),), "open")
_EXTENSIONS = frozenset({"extension", "modifierExtension"})

MOST_ELEMENTS = 50_000
"""Elements of a snapshot in the making.  Slices within slices multiply: a few rows can ask for millions."""
DEEPEST = 64
"""Steps of a path: no resource is nested more deeply."""


class Known(Protocol):
    """Where the other definitions come from: `library.Library` is one."""

    def tree(self, canonical: str) -> Node | None:
        """Return the snapshot of a type (by name or canonical) or a profile, None if it is not known."""
        ...

    def is_below(self, type_code: str, base: str) -> bool:
        """Return whether one type is another or specialises it."""
        ...

    def is_open(self, canonical: str) -> bool:
        """Return whether the snapshot of that definition is just being made."""
        ...

    def base_of(self, canonical: str) -> str | None:
        """Return what a definition is based on, None if that is not known."""
        ...


class Walker:
    """The snapshot in the making: a copy of the base, and how to get around in it."""

    def __init__(self, base: Node, known: Known) -> None:
        self._room = MOST_ELEMENTS
        self.root = self._copied(base)
        self.known = known
        self._base = base
        self._short_forms: dict[int, list[str]] = {}
        self._narrowed: dict[int, Node] = {}
        self._short: set[str] = set()

    def find(self, row: DifferentialRow) -> Node:
        """Return the element of the row; slices and walked-into types are made on the way.

        Raises ValueError if there is no such element.
        """
        if len(row.steps) > DEEPEST:
            raise ValueError(f"the path has more than {DEEPEST} steps")
        (first, _), *rest = row.steps
        if first != self.root.name:
            raise ValueError(f"the differential begins with {first!r}, the base is a {self.root.name}")
        node, path = self.root, self.root.name
        for number, step in enumerate(rest):
            is_last = number == len(rest) - 1
            node = self._step(node, path, step, row if is_last else None)
            path += f".{step[0]}"
        return node

    def _step(self, parent: Node, path: str, step: Step, row: DifferentialRow | None) -> Node:
        name, slice_name = step
        self.walk_into(parent)
        child = parent.child(name)
        if child is None:
            child, slice_name = self._choice(parent, path, step)
        elif slice_name is not None and name.endswith("[x]") and child.element.slicing is None:
            child.element = replace(child.element, slicing=_BY_TYPE)
        if slice_name is None:
            return child
        return self._slice(child, slice_name, row)

    def _choice(self, parent: Node, path: str, step: Step) -> tuple[Node, str | None]:
        """The choice that a short form (`valueQuantity`) means, and the slice that it is."""
        name, slice_name = step
        for child in parent.children or ():
            stem = child.name.removesuffix("[x]")
            if child.name.endswith("[x]") and name.startswith(stem) and name != stem:
                code = _typed(child, name[len(stem) :])
                if code is None:
                    break
                if len(child.element.types) == 1 and not child.slices:
                    return child, slice_name if slice_name != name else None
                self._narrow(child, code)
                self._short.add(slice_name or name)
                return child, slice_name or name
        raise ValueError(f"{path} has no element {name!r}")

    def _narrow(self, choice: Node, code: str) -> None:
        """A short form says that the value has no types but those that short forms name."""
        if choice.element.slicing is None:
            self._short_forms[id(choice)] = []
            choice.element = replace(choice.element, slicing=_ONLY_THESE_TYPES)
        codes = self._short_forms.get(id(choice))
        if codes is not None and code not in codes:
            codes.append(code)
            self._narrowed[id(choice)] = choice

    def finish(self) -> None:
        """Take the types away that no short form named."""
        for key, choice in self._narrowed.items():
            codes = self._short_forms[key]
            kept = tuple(kind for kind in choice.element.types if kind.code in codes)
            choice.element = replace(choice.element, types=kept)

    def _slice(self, sliced: Node, name: str, row: DifferentialRow | None) -> Node:
        found = sliced.slice(name)
        if found is not None:
            return found
        if sliced.element.slicing is None:
            if sliced.name not in _EXTENSIONS:
                raise ValueError(f"{name!r} is a slice, but {sliced.name} is not sliced")
            sliced.element = replace(sliced.element, slicing=_BY_URL)
        if row is None and name not in self._short:
            raise ValueError(f"{sliced.name} has no slice {name!r}")
        outer = sliced.slice(name.rpartition("/")[0]) if "/" in name else None
        made = _new_slice(self._copied(without_slices(outer or sliced)), name)
        _put_slice(sliced, made, outer)
        return made

    def walk_into(self, node: Node) -> None:
        """Give the node the children of its content, its profile or its type, if it has none yet."""
        if node.children is not None:
            return
        if node.element.content is not None:
            self._walk_into_content(node)
            return
        source = self._type_tree(node.element)
        if source is None:
            raise ValueError(f"the type of {node.name} is not known or has nothing inside")
        node.children = self._copied(source).children or []

    def _walk_into_content(self, node: Node) -> None:
        target: Node | None = self._base
        for name in (node.element.content or "").split(".")[1:]:
            target = None if target is None else target.child(name.partition(":")[0])
        if target is None:
            raise ValueError(f"{node.name} repeats {node.element.content}, which does not exist")
        node.children = self._copied(target).children or []
        node.element = replace(node.element, content=None, types=target.element.types)

    def _copied(self, node: Node) -> Node:
        """Return a copy.  Raises ValueError where the snapshot gets more elements than any can have."""
        self._room -= size_of(node, self._room)
        if self._room < 0:
            raise ValueError(f"the snapshot would have more than {MOST_ELEMENTS} elements")
        return copy_of(node)

    def _type_tree(self, element: ProfileElement) -> Node | None:
        kinds = element.types
        profiled = self.profile_tree(kinds)
        if profiled is not None:
            return profiled
        codes = {kind.code for kind in kinds}
        return self.known.tree(codes.pop() if len(codes) == 1 else "Element")

    def profile_tree(self, kinds: tuple[TypeRef, ...]) -> Node | None:
        """Return the snapshot of the one profile that a value of these types has to conform to, else None.

        A definition that contains itself is there with what it is based on.
        """
        profiles = [profile for kind in kinds for profile in kind.profiles]
        if len(kinds) != 1 or len(profiles) != 1:
            return None
        canonical: str | None = profiles[0]
        seen: set[str] = set()
        while canonical is not None and self.known.is_open(canonical) and canonical not in seen:
            seen.add(canonical)
            canonical = self.known.base_of(canonical)
        return None if canonical is None else self.known.tree(canonical)


def _typed(choice: Node, suffix: str) -> str | None:
    codes = (kind.code for kind in choice.element.types)
    return next((code for code in codes if code[0].upper() + code[1:] == suffix), None)


def _new_slice(made: Node, name: str) -> Node:
    """A slice as the sliced element defines it, until the differential says more: nothing of it must be.

    `made` is a copy of the sliced element, which becomes the slice.
    """
    types: tuple[TypeRef, ...] = made.element.types
    if made.name.endswith("[x]"):
        code = _typed(made, name[len(made.name) - 3 :]) if name.startswith(made.name[:-3]) else None
        types = tuple(kind for kind in types if code is None or kind.code == code)
    made.element = replace(
        made.element, slice_name=name, slicing=None, min=0, types=types, must_support=False
    )
    return made


def _put_slice(sliced: Node, made: Node, outer: Node | None) -> None:
    """A reslice stands right behind its slice and that slice's other reslices."""
    if outer is None:
        sliced.slices.append(made)
        return
    prefix = f"{outer.element.slice_name}/"
    last = max(
        number
        for number, each in enumerate(sliced.slices)
        if each is outer or (each.element.slice_name or "").startswith(prefix)
    )
    sliced.slices.insert(last + 1, made)
