"""One element of a profile as a check: its value, its references, its rules, its children and slices.

What the type says already is left out: the structure of the resource was checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from fhir_server.fhirpath import Node, Slot, TypeModel
from fhir_server.model.outcome import Severity
from fhir_server.validation.profile.assertion import assertion
from fhir_server.validation.profile.bindings import Members, binding_checks
from fhir_server.validation.profile.discriminators import Condition, candidate_of, condition_of
from fhir_server.validation.profile.elements import Child, by_type, children_check
from fhir_server.validation.profile.named import one_profile
from fhir_server.validation.profile.narratives import narrative_checks
from fhir_server.validation.profile.references import reference_check, targets_of
from fhir_server.validation.profile.session import Check, Session
from fhir_server.validation.profile.slicing import Slice, Sliced
from fhir_server.validation.profile.spots import is_known
from fhir_server.validation.profile.tree import Branch, Group, Tree
from fhir_server.validation.profile.values import value_checks
from profiles.definitions import Discriminator, ElementDefinition, Profile, ProfileElement, Slicing, TypeRef

_KEPT = frozenset({"ele-1", "ext-1"})
_BY_URL = Slicing((Discriminator("value", "url"),), "open")
_BY_TYPE = Slicing((Discriminator("type", "$this"),), "open")


class Library(Protocol):
    """What compiling asks of the other definitions; `compiler.Profiles` is one."""

    model: TypeModel
    members: Members
    unknown: Severity

    def profile(self, canonical: str) -> Profile | None: ...
    def tree(self, canonical: str) -> Tree | None: ...
    def profile_check(self, canonical: str) -> Check | None: ...
    def lineage(self, canonical: str) -> frozenset[str]: ...
    def branch_check(self, tree: Tree, branch: Branch) -> Check | None: ...
    def base_element(self, kind: str, name: str) -> ElementDefinition | None: ...
    def keys_of(self, kind: str) -> frozenset[str]: ...
    def expressions(self, kind: str, element: ElementDefinition) -> frozenset[str]: ...


class BranchCompiler:
    """Compiles the elements of one profile; each once for each type, however they refer to each other."""

    def __init__(self, tree: Tree, library: Library) -> None:
        self._tree = tree
        self._library = library
        self._profile = tree.profile
        # Where slices say what is in an element, they do so instead of the one that its content refers to.
        self._spoken_of = {
            group.main
            for branch in tree.root.below()
            for group in branch.children.values()
            if group.main is not None and any(each.children for each in group.slices.values())
        }
        self._known: dict[tuple[int, str], Check | None] = {}
        self._in_work: dict[tuple[int, str], list[Check | None]] = {}

    def root(self) -> Check | None:
        """Return the check of the whole profile, None if it asks nothing beyond its type."""
        faults = [self._fault(element, "its parent is not in the snapshot") for element in self._tree.orphans]
        return together([*faults, *_some(self.element(self._tree.root, self._profile.type, None))])

    def any_type(self, branch: Branch) -> Check | None:
        """Return the check of an element whatever type its values have."""
        by_type: dict[str, Check | None] = {}

        def check(node: Node, session: Session) -> None:
            if node.type not in by_type:
                by_type[node.type] = self.element(branch, node.type, None)
            found = by_type[node.type]
            if found is not None:
                found(node, session)

        return check

    def element(self, branch: Branch, kind: str, base: ElementDefinition | None) -> Check | None:
        """Return the check of an element for values of one type; `base` is how the type around defines it."""
        key = (id(branch), kind)
        if key in self._known:
            return self._known[key]
        if key in self._in_work:
            return _later(self._in_work[key])
        cell = self._in_work[key] = []
        made = together([*self._own(branch.element, kind, base), *self._below(branch, kind)])
        cell.append(made)
        self._known[key] = made
        return made

    def _own(self, element: ProfileElement, kind: str, base: ElementDefinition | None) -> Iterator[Check]:
        yield from value_checks(element)
        if element.binding is not None and (base is None or base.binding != element.binding):
            yield from binding_checks(element.binding, self._library.members)
        for binding in element.further:
            yield from binding_checks(binding, self._library.members)
        yield from narrative_checks(element.narrative)
        reference = next((each for each in element.types if each.code == kind), None)
        if reference is not None:
            yield from self._type_checks(reference, kind, base)
        yield from self._rules(element, kind, base)

    def _type_checks(self, reference: TypeRef, kind: str, base: ElementDefinition | None) -> Iterator[Check]:
        known = next((each for each in base.types if each.code == kind), None) if base is not None else None
        if (
            kind == "Reference"
            and reference.targets
            and (known is None or known.targets != reference.targets)
        ):
            targets = tuple(targets_of(reference.targets, self._library))
            if not any(target.type == "Resource" for target in targets):
                yield reference_check(targets, self._library)
        if reference.profiles and (known is None or known.profiles != reference.profiles):
            yield one_profile(reference.profiles, self._library)

    def _rules(self, element: ProfileElement, kind: str, base: ElementDefinition | None) -> Iterator[Check]:
        library = self._library
        known = library.keys_of(kind)
        if base is not None:
            known |= library.expressions(base.path, base)
        for key in element.constraints:
            rule = self._profile.invariants[key]
            if key not in _KEPT and rule.expression not in known:
                owner = f"{self._profile.url}, element {element.id}"
                yield assertion(rule, kind, library.model, owner, from_around="." in element.path)

    def _below(self, branch: Branch, kind: str) -> Iterator[Check]:
        children = branch.children
        if not children and branch.element.content is not None and branch not in self._spoken_of:
            target = self._tree.by_id.get(branch.element.content)
            if target is None:
                yield self._fault(branch.element, f"there is no element {branch.element.content}")
                return
            children = target.children
        made = [self._child(name, group, kind) for name, group in children.items()]
        found = [child for child in made if isinstance(child, Child)]
        yield from (child for child in made if child is not None and not isinstance(child, Child))
        if found:
            yield children_check(found)

    def _child(self, name: str, group: Group, kind: str) -> Child | Check | None:
        """Return what is to be checked of the children of one name; a bare check says why they cannot be."""
        slots = self._slots(kind, name)
        main = group.main
        element = main.element if main is not None else next(iter(group.slices.values())).element
        if not slots:
            return None if kind == "Resource" else self._fault(element, f"{kind} has no element {name}")
        base = self._library.base_element(kind, name)
        checks: dict[str, Check] = {}
        if main is not None:
            for slot in slots:
                for value_kind in self._kinds(slot, element):
                    found = self.element(main, value_kind, base)
                    if found is not None:
                        checks[value_kind] = found
        child = Child(
            name=name.removesuffix("[x]"),
            slots=slots,
            min=element.min if main is not None else 0,
            max=element.max if main is not None else None,
            checks=checks,
            allowed=self._allowed(slots, element) if main is not None else None,
            sliced=self._sliced(name, group, kind, base),
        )
        is_narrower = base is None or (base.min, base.max) != (child.min, child.max)
        if not (is_narrower or child.checks or child.sliced is not None or child.allowed is not None):
            return None
        return child

    def _slots(self, kind: str, name: str) -> tuple[Slot, ...]:
        model = self._library.model
        found = model.slots(kind, name.removesuffix("[x]"))
        if found:
            return found
        slot = model.slot(kind, name)  # a choice under the name of one of its types
        return () if slot is None else (slot,)

    def _kinds(self, slot: Slot, element: ProfileElement) -> Iterator[str]:
        """Yield the types that a value in a slot can have, as far as the profile says something of them."""
        if slot.type == "Resource":
            yield from dict.fromkeys(each.code for each in element.types)
        elif "." in slot.type or not element.types or self._may_be(slot.type, element):
            yield slot.type

    def _may_be(self, kind: str, element: ProfileElement) -> bool:
        codes = [each.code for each in element.types]
        if kind in codes:
            return True
        # Later publications call the id of a resource an `id`, which R4 calls a string.
        is_subtype = self._library.model.is_subtype
        return not element.path.endswith("[x]") and any(is_subtype(code, kind) for code in codes)

    def _allowed(self, slots: tuple[Slot, ...], element: ProfileElement) -> frozenset[str] | None:
        """Return the types that are left of a choice, None where nothing is taken away."""
        codes = frozenset(each.code for each in element.types)
        model = self._library.model
        if not codes or element.max == 0:
            return None
        if slots[0].type == "Resource":
            if codes & {"Resource", "DomainResource"}:
                return None
            return codes
        if len(slots) > 1 and not {slot.type for slot in slots} <= codes:
            return codes | frozenset(
                slot.type for slot in slots if any(model.is_subtype(slot.type, code) for code in codes)
            )
        return None

    def _sliced(self, name: str, group: Group, kind: str, base: ElementDefinition | None) -> Sliced | None:
        if not group.slices:
            return None
        slicing = group.main.element.slicing if group.main is not None else None
        top = {
            key: branch for key, branch in group.slices.items() if key.rpartition("/")[0] not in group.slices
        }
        return self._slices(slicing or _implied(name), top, group, kind, name, base)

    def _slices(
        self,
        slicing: Slicing,
        branches: dict[str, Branch],
        group: Group,
        kind: str,
        name: str,
        base: ElementDefinition | None,
    ) -> Sliced:
        made = []
        for key, branch in branches.items():
            inner = {below: each for below, each in group.slices.items() if below.rpartition("/")[0] == key}
            again = branch.element.slicing or slicing
            made.append(
                Slice(
                    name=key,
                    min=branch.element.min,
                    max=branch.element.max,
                    condition=self._condition(slicing, branch),
                    candidate=candidate_of(slicing.discriminators, self._tree, branch, self._library),
                    check=self._slice_check(branch, kind, name, base),
                    inner=self._slices(again, inner, group, kind, name, base) if inner else None,
                )
            )
        return Sliced(tuple(made), slicing.rules, slicing.ordered)

    def _slice_check(
        self, branch: Branch, kind: str, name: str, base: ElementDefinition | None
    ) -> Check | None:
        checks: dict[str, Check] = {}
        for slot in self._slots(kind, name):
            for value_kind in self._kinds(slot, branch.element):
                found = self.element(branch, value_kind, base)
                if found is not None:
                    checks[value_kind] = found
        return by_type(checks)

    def _condition(self, slicing: Slicing, branch: Branch) -> Condition:
        found = [condition_of(each, self._tree, branch, self._library) for each in slicing.discriminators]
        conditions = [each for each in found if each is not None]
        if not conditions or len(conditions) < len(found):
            conditions.append(self._trial(branch) if is_known(branch, self._library) else _not_known)
        if len(conditions) == 1:
            return conditions[0]
        return _every(conditions)

    def _trial(self, branch: Branch) -> Condition:
        """Where the discriminators say nothing, an element is of the slice if it is right for it."""
        check = self.any_type(branch)
        return lambda node, session: check is None or session.passes(check, node)

    def _fault(self, element: ProfileElement, reason: str) -> Check:
        text = f" cannot be held to {self._profile.url}, element {element.id}: {reason}."
        return lambda node, session: session.fault("faulty-profile", text, node, "warning")


def together(checks: Iterable[Check]) -> Check | None:
    """Return one check that runs all, None if there is none."""
    found = tuple(checks)
    if len(found) < 2:
        return found[0] if found else None

    def check(node: Node, session: Session) -> None:
        for each in found:
            each(node, session)

    return check


def _some(check: Check | None) -> tuple[Check, ...]:
    return () if check is None else (check,)


def _later(cell: list[Check | None]) -> Check:
    def check(node: Node, session: Session) -> None:
        found = cell[0]
        if found is not None:
            found(node, session)

    return check


def _not_known(_node: Node, _session: Session) -> bool | None:
    return None


def _every(conditions: list[Condition]) -> Condition:
    def holds(node: Node, session: Session) -> bool | None:
        is_open = False
        for condition in conditions:
            answer = condition(node, session)
            if answer is False:
                return False
            is_open = is_open or answer is None
        return None if is_open else True

    return holds


def _implied(name: str) -> Slicing:
    """How extensions and choices are sliced where a definition does not say it."""
    return _BY_URL if name in ("extension", "modifierExtension") else _BY_TYPE
