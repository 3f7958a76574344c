"""The flat snapshot of a profile as a tree: elements, their children by name, and their slices.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from profiles.definitions import Profile, ProfileElement


@dataclass(slots=True, eq=False)
class Branch:
    """An element with what is below it; `children` by the last step of their path, in order."""

    element: ProfileElement
    children: dict[str, Group] = field(default_factory=dict)

    def below(self) -> Iterator[Branch]:
        """Yield the branch and all under it, slices too."""
        yield self
        for group in self.children.values():
            for branch in group.branches():
                yield from branch.below()


@dataclass(slots=True, eq=False)
class Group:
    """The definitions of one element name: the one for all repetitions, and one for each slice.

    `main` is None where a malformed snapshot has slices only.
    """

    main: Branch | None = None
    slices: dict[str, Branch] = field(default_factory=dict)

    def branches(self) -> Iterator[Branch]:
        """Yield the definition for all repetitions, then those of the slices."""
        if self.main is not None:
            yield self.main
        yield from self.slices.values()


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A profile's elements; `orphans` are elements without a parent in the snapshot."""

    profile: Profile
    root: Branch
    by_id: dict[str, Branch]
    orphans: tuple[ProfileElement, ...]


def tree_of(profile: Profile) -> Tree:
    """Return the tree of a profile's snapshot.

    An element belongs to the last element with the path of its parent, so that ids are not needed.
    """
    first, *rest = profile.elements
    root = Branch(first)
    last: dict[str, Branch] = {first.path: root}
    by_id = {first.id: root}
    orphans: list[ProfileElement] = []
    for element in rest:
        above, _, name = element.path.rpartition(".")
        parent = last.get(above)
        if parent is None:
            orphans.append(element)
            continue
        branch = Branch(element)
        _put(parent.children.setdefault(name, Group()), branch)
        below = element.path + "."
        for path in [path for path in last if path.startswith(below)]:
            del last[path]
        last[element.path] = branch
        by_id.setdefault(element.id, branch)
    return Tree(profile, root, by_id, tuple(orphans))


def _put(group: Group, branch: Branch) -> None:
    name = branch.element.slice_name
    if name is None:
        if group.main is None:
            group.main = branch
        return
    group.slices.setdefault(name, branch)
