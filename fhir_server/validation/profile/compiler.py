"""From profiles to checks: what a snapshot asks beyond its type, compiled when it is first met."""

from __future__ import annotations

from threading import RLock
from typing import Any

from fhir_server.fhirpath import Node, TypeModel
from fhir_server.model.outcome import Severity
from fhir_server.validation.profile.bindings import Members, is_member
from fhir_server.validation.profile.branches import BranchCompiler
from fhir_server.validation.profile.claims import lineage_of
from fhir_server.validation.profile.session import Check, Session
from fhir_server.validation.profile.tree import Branch, Tree, tree_of
from profiles.definitions import ElementDefinition, Profile
from profiles.registry import Registry

_TYPES = "http://hl7.org/fhir/StructureDefinition/"


class Profiles:
    """The compiled profiles of one Registry.  Safe to share between threads."""

    def __init__(
        self, registry: Registry, model: TypeModel, members: Members, unknown: Severity = "warning"
    ) -> None:
        """`unknown`: how bad it is that a profile which another one names is not here."""
        self.unknown = unknown
        self.model = model
        self.members = members
        self._registry = registry
        self._lock = RLock()
        self._trees: dict[str, Tree] = {}
        self._checks: dict[str, Check] = {}
        self._branches: dict[Branch, Check | None] = {}
        self._elements: dict[str, dict[str, ElementDefinition]] = {}
        self._lineages: dict[str, frozenset[str]] = {}

    def profile(self, canonical: str) -> Profile | None:
        """Return the profile of a canonical, with or without a version; None if there is none."""
        return self._registry.profile(canonical)

    def lineage(self, canonical: str) -> frozenset[str]:
        """Return the url of a profile and of all that it is derived from."""
        known = self._lineages.get(canonical)
        if known is None:
            known = lineage_of(canonical, self.profile)
            # Only what is here is kept: data can name as many profiles as it likes.
            if self.profile(canonical) is not None:
                self._lineages[canonical] = known
        return known

    def tree(self, canonical: str) -> Tree | None:
        """Return the elements of a profile as a tree, None if there is no such profile."""
        profile = self.profile(canonical)
        if profile is None:
            return None
        label = label_of(profile)
        with self._lock:
            if label not in self._trees:
                self._trees[label] = tree_of(profile)
            return self._trees[label]

    def profile_check(self, canonical: str) -> Check | None:
        """Return the check of a whole profile, or of a type by its canonical; None if there is neither."""
        known = self._checks.get(canonical)
        if known is not None:
            return known
        tree = self.tree(canonical)
        if tree is None:
            name = canonical.partition("|")[0].removeprefix(_TYPES)
            return self._of_type(name) if name in self._registry.structures else None
        with self._lock:
            return self._checks.setdefault(canonical, self._whole(tree))

    def branch_check(self, tree: Tree, branch: Branch) -> Check | None:
        """Return the check of one element of a profile, None if it asks nothing."""
        with self._lock:
            if branch not in self._branches:
                self._branches[branch] = BranchCompiler(tree, self).any_type(branch)
            return self._branches[branch]

    def member_of(self, value: Any, value_set: str) -> bool | None:
        """Return whether the raw JSON of a code, Coding or CodeableConcept is in the set; None: not known."""
        return is_member(value, value_set.partition("|")[0], self.members)

    def base_element(self, kind: str, name: str) -> ElementDefinition | None:
        """Return how the type (or the element defined in place) itself defines a child; None: it does not."""
        return self._elements_of(kind).get(f"{kind}.{name}")

    def keys_of(self, kind: str) -> frozenset[str]:
        """Return the expressions of the rules that every element of a type keeps already."""
        element = self._elements_of(kind).get(kind)
        return frozenset() if element is None else self.expressions(kind, element)

    def expressions(self, kind: str, element: ElementDefinition) -> frozenset[str]:
        """Return the expressions of the rules of an element of a type."""
        structure = self._registry.structures[kind.partition(".")[0]]
        return frozenset(structure.invariants[key].expression for key in element.constraints)

    def _elements_of(self, kind: str) -> dict[str, ElementDefinition]:
        name = kind.partition(".")[0]
        if name not in self._elements:
            structure = self._registry.structures.get(name)
            found = structure.elements if structure is not None else ()
            self._elements[name] = {element.path: element for element in found}
        return self._elements[name]

    def _of_type(self, name: str) -> Check:
        def check(node: Node, session: Session) -> None:
            if not self.model.is_subtype(node.type, name):
                session.fault("profile-mismatch", f" is a {node.type}, not a {name}.", node)

        return check

    def _whole(self, tree: Tree) -> Check:
        """Return the check of a profile; its elements are compiled when an instance first comes."""
        profile, label = tree.profile, label_of(tree.profile)
        compiled: list[Check | None] = []

        def body(node: Node, session: Session) -> None:
            if not compiled:
                with self._lock:
                    if not compiled:
                        compiled.append(BranchCompiler(tree, self).root())
            if not self.model.is_subtype(node.type, profile.type):
                text = f" is a {node.type}; the profile {label} is for {profile.type}."
                session.fault("profile-mismatch", text, node)
            elif compiled[0] is not None:
                compiled[0](node, session)

        return lambda node, session: session.once(body, node, label)


def label_of(profile: Profile) -> str:
    """Return what an issue calls the profile: `url|version`."""
    return profile.url if profile.version is None else f"{profile.url}|{profile.version}"
