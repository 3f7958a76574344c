"""Where the path of a discriminator leads in the definitions: elements of profiles, types, parts of patterns.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from fhir_server.fhirpath import TypeModel
from fhir_server.validation.profile.bindings import Members
from fhir_server.validation.profile.route import Step
from fhir_server.validation.profile.session import Check
from fhir_server.validation.profile.tree import Branch, Tree
from profiles.definitions import Profile


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A place in a definition: a branch of a profile's tree, a plain type, or a part of a pattern above."""

    tree: Tree | None
    branch: Branch | None
    type: str | None = None
    part: Any = None


class Library(Protocol):
    """What discriminators ask of the other definitions."""

    model: TypeModel
    members: Members

    def profile(self, canonical: str) -> Profile | None:
        """Return the profile of a canonical, None if there is none."""
        ...

    def lineage(self, canonical: str) -> frozenset[str]:
        """Return the url of a profile and of all that it is derived from."""
        ...

    def tree(self, canonical: str) -> Tree | None:
        """Return the tree of a profile, None if there is no such profile."""
        ...

    def profile_check(self, canonical: str) -> Check | None:
        """Return the check of a whole profile, None if there is no such profile."""
        ...

    def branch_check(self, tree: Tree, branch: Branch) -> Check | None:
        """Return the check of one element of a profile, None if it asks nothing."""
        ...


def spots_after(step: Step, spot: Spot, library: Library) -> Iterator[Spot]:
    """Yield where a step leads in the definitions."""
    if step.kind == "member":
        yield from _parts(step.name, spot)
    if spot.branch is None:
        return
    if step.kind == "member":
        yield from _members(step.name, spot, library)
    elif step.kind == "resolve":
        yield from _resolved(spot.branch, library)
    elif step.kind == "type":
        yield from _chosen(step.name, spot)
    else:
        for found in _members("extension", spot, library):
            if found.branch is not None and step.name in _urls(found.branch):
                yield found


def _parts(name: str, spot: Spot) -> Iterator[Spot]:
    """Yield what the pattern, or fixed value, of the element says of one of its children."""
    whole = spot.part
    if whole is None and spot.branch is not None:
        element = spot.branch.element
        whole = element.fixed if element.fixed is not None else element.pattern
    part = whole.get(name) if type(whole) is dict else None
    if part is not None:
        for each in part if type(part) is list else (part,):
            yield Spot(None, None, part=each)


def _members(name: str, spot: Spot, library: Library) -> Iterator[Spot]:
    assert spot.branch is not None
    group = spot.branch.children.get(name) or spot.branch.children.get(f"{name}[x]")
    if group is not None:
        for branch in group.branches():
            yield Spot(spot.tree, branch)
        return
    for each in spot.branch.element.types:
        for canonical in each.profiles:
            if each.code == "Extension" and name == "url":
                yield Spot(None, None, part=canonical.partition("|")[0])
                continue
            tree = library.tree(canonical)
            if tree is not None:
                yield from _members(name, Spot(tree, tree.root), library)


def _resolved(branch: Branch, library: Library) -> Iterator[Spot]:
    for each in branch.element.types:
        for canonical in each.targets:
            tree = library.tree(canonical)
            if tree is not None:
                yield Spot(tree, tree.root)
            elif library.model.has_type(canonical):
                yield Spot(None, None, canonical)


def _chosen(kind: str, spot: Spot) -> Iterator[Spot]:
    assert spot.branch is not None
    if not spot.branch.element.types or any(each.code == kind for each in spot.branch.element.types):
        yield spot


def is_known(branch: Branch, library: Library) -> bool:
    """Return whether all profiles that an element, and what is below it, speaks of are here."""
    return all(
        library.model.has_type(canonical) or library.profile_check(canonical) is not None
        for each in branch.below()
        for kind in each.element.types
        for canonical in (*kind.profiles, *kind.targets)
    )


def _urls(branch: Branch) -> set[str]:
    found = {profile.partition("|")[0] for each in branch.element.types for profile in each.profiles}
    group = branch.children.get("url")
    fixed = group.main.element.fixed if group is not None and group.main is not None else None
    return found | {fixed} if type(fixed) is str else found
