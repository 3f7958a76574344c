"""Whether a definition can be used: asked when one is written, so that none is kept that breaks later.

A profile that cannot be compiled, a value set that includes itself and a code system that says a code twice
are refused.  What refers to something that is not here yet is kept, with a warning.
Spec: https://hl7.org/fhir/R4/profiling.html, https://hl7.org/fhir/R4/valueset.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from fhir_server.fhirpath import FhirPathSyntaxError, compile
from fhir_server.interactions.definitions import Generation
from fhir_server.interactions.definitions_posted import is_profile, made_by
from fhir_server.interactions.definitions_source import CODE_SYSTEM, STRUCTURE, VALUE_SET
from fhir_server.model.canonical import without_version
from fhir_server.model.outcome import Issue
from fhir_server.validation.profile.branches import BranchCompiler
from fhir_server.validation.profile.compiler import Profiles
from fhir_server.validation.profile.tree import tree_of
from profiles.definitions import Profile
from profiles.library import Library
from profiles.package import DefinitionError
from profiles.read_profile import FAULTS, type_name
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel
from terminology.local import LocalConcepts

Tree = Mapping[str, Any]
Check = Callable[["Surroundings", Tree], Iterator[Issue]]

SITUATION: Final = "faulty-profile"
_PARTS: Final = ("differential", "snapshot")


class Surroundings:
    """What definitions are held against: those in use, and those that are written with them."""

    def __init__(self, generation: Generation, incoming: Sequence[Tree]) -> None:
        """`incoming` are all the definitions that are looked at, and written in one commit."""
        self.registry = generation.registry
        self.trees = [*generation.trees, *incoming]
        profiles = {tree["url"]: tree for tree in self.trees if is_profile(tree) and _has_url(tree)}
        self.profiles: Mapping[str, Tree] = profiles
        self.library = Library(generation.registry, profiles.values())

    def base_of(self, canonical: str) -> str | None:
        """Return what a profile is based on, None for a type and for what is not known."""
        tree = self.profiles.get(without_version(canonical))
        if tree is not None:
            return str(tree.get("baseDefinition", ""))
        known = self.registry.profile(canonical)
        return None if known is None else known.base

    def is_known(self, canonical: str) -> bool:
        """Return whether a canonical names a type or a profile that is here."""
        url = without_version(canonical)
        is_type = type_name(url) in self.registry.structures
        return is_type or url in self.profiles or self.registry.profile(canonical) is not None


def definition_faults(around: Surroundings, resource: Tree) -> list[Issue]:
    """Return what stands against the use of a definition whose structure is right, and what is worth knowing.

    The definition is among the incoming ones of `around`.  Nothing is said of other resources.
    """
    check = CHECKS.get(str(resource.get("resourceType")))
    if check is None or not _has_url(resource):
        return []
    return list(check(around, resource))


def is_definition(resource: Tree) -> bool:
    """Return whether a resource is one that is looked at here."""
    name = resource.get("resourceType")
    return type(name) is str and name in CHECKS


def _profile_faults(around: Surroundings, tree: Tree) -> Iterator[Issue]:
    if not is_profile(tree):
        return
    faults = list(_base_faults(around, tree))
    yield from faults
    if faults:
        return
    yield from _rule_faults(tree)
    try:
        profile = made_by(around.library, tree["url"])
        yield from _type_faults(around, tree, profile)
        _compiled(around.registry, profile)
    except DefinitionError as fault:
        yield _definition_fault(tree, fault)


def _base_faults(around: Surroundings, tree: Tree) -> Iterator[Issue]:
    """What is based on itself is an error; what is based on something unknown can wait for it."""
    place = f"{STRUCTURE}.baseDefinition"
    step, seen = around.base_of(tree["url"]), [tree["url"]]
    while step:
        url = without_version(step)
        if url in seen:
            yield Issue(SITUATION, f"The definition is based on itself: {' → '.join([*seen, url])}.", place)
            return
        seen.append(url)
        if not around.is_known(step):
            text = (
                f"The definition is based on {step}, which is not here: until it is, no resource is checked."
            )
            yield Issue(SITUATION, text, place, "warning")
            return
        step = around.base_of(step)


def _type_faults(around: Surroundings, tree: Tree, profile: Profile) -> Iterator[Issue]:
    if profile.type not in around.registry.structures:
        text = f"The definition is of the type {profile.type}, which R4 does not have."
        yield Issue(SITUATION, text, f"{STRUCTURE}.type")
        return
    base = around.library.tree(profile.base)
    root = profile.elements[0].path
    if root != profile.type or (base is not None and base.name != root):
        text = f"The definition is of the type {profile.type}; its elements or its base are of another one."
        yield Issue(SITUATION, text, f"{STRUCTURE}.type")
    if not tree.get("snapshot"):
        return
    try:
        around.library.generated(tree["url"])
    except DefinitionError as fault:
        found = _definition_fault(tree, fault)
        text = f"The differential does not fit ({found.text}) The snapshot counts."
        yield Issue(SITUATION, text, found.expression, "warning")


def _rule_faults(tree: Tree) -> Iterator[Issue]:
    part = next((name for name in _PARTS if tree.get(name)), None)
    known: dict[str, str | None] = {}
    for position, element in enumerate(tree[part].get("element", ()) if part is not None else ()):
        for number, rule in enumerate(element.get("constraint", ())):
            expression = rule.get("expression")
            if expression is None:
                continue
            if expression not in known:
                known[expression] = _syntax_fault(expression)
            fault = known[expression]
            if fault is not None:
                text = (
                    f"Element {element.get('id')}: the invariant {rule.get('key')} does not compile: {fault}."
                )
                place = f"{STRUCTURE}.{part}.element[{position}].constraint[{number}].expression"
                yield Issue(SITUATION, text, place)


def _syntax_fault(expression: str) -> str | None:
    try:
        compile(expression)
    except (FhirPathSyntaxError, RecursionError) as fault:
        return str(fault) or "it is too deep"
    return None


def _compiled(registry: Registry, profile: Profile) -> None:
    """Raise DefinitionError where no assertions can be made of a profile."""
    profiles = Profiles(registry, RegistryTypeModel(registry), LocalConcepts(registry))
    try:
        BranchCompiler(tree_of(profile), profiles).root()
    except (*FAULTS, RecursionError) as fault:
        raise DefinitionError(profile.url, None, "cannot be compiled") from fault


def _definition_fault(tree: Tree, fault: DefinitionError) -> Issue:
    if fault.definition != tree["url"]:
        return Issue(SITUATION, f"A definition that this one needs: {fault}", f"{STRUCTURE}.baseDefinition")
    return Issue(SITUATION, str(fault), _place_of(tree, fault.element))


def _place_of(tree: Tree, element: str | None) -> str:
    """Return the FHIRPath of the element of that id, or path, in the part that was read."""
    for part in _PARTS:
        for position, row in enumerate((tree.get(part) or {}).get("element", ())):
            if element is not None and element in (row.get("id"), row.get("path")):
                return f"{STRUCTURE}.{part}.element[{position}]"
    return STRUCTURE


def _value_set_faults(around: Surroundings, tree: Tree) -> Iterator[Issue]:
    sources = {
        one["url"]: one for one in around.trees if one.get("resourceType") == VALUE_SET and _has_url(one)
    }
    for place, url in _included(tree):
        if url not in sources and url not in around.registry.value_sets:
            text = f"{tree['url']} is made of {url}, whose codes are not known here."
            yield Issue("unresolved-reference", text, f"{VALUE_SET}.compose.{place}", "information")
        waiting, seen = [url], set[str]()
        while waiting:
            step = waiting.pop()
            if step == tree["url"]:
                text = f"{tree['url']} includes itself: its codes can never be told."
                yield Issue("illegal-value", text, f"{VALUE_SET}.compose.{place}")
                break
            if step not in seen:
                seen.add(step)
                waiting.extend(further for _, further in _included(sources.get(step, {})))


def _included(tree: Tree) -> Iterator[tuple[str, str]]:
    """Return the value sets that one is made of, with their places."""
    compose = tree.get("compose") or {}
    for part in ("include", "exclude"):
        for position, include in enumerate(compose.get(part, ())):
            for number, url in enumerate(include.get("valueSet", ())):
                if url is not None:
                    yield f"{part}[{position}].valueSet[{number}]", without_version(url)


def _code_system_faults(_around: Surroundings, tree: Tree) -> Iterator[Issue]:
    seen: set[str] = set()
    waiting: list[tuple[str, Any]] = [(CODE_SYSTEM, tree)]
    while waiting:
        path, holder = waiting.pop()
        inside = [
            (f"{path}.concept[{position}]", concept)
            for position, concept in enumerate(holder.get("concept", ()))
        ]
        for place, concept in inside:
            code = concept.get("code")
            if code is None:
                continue  # an extension says why
            if code in seen:
                yield Issue("illegal-value", "The code system has this code already.", f"{place}.code")
            seen.add(code)
        waiting.extend(reversed(inside))


def _has_url(tree: Tree) -> bool:
    return isinstance(tree.get("url"), str)


CHECKS: Mapping[str, Check] = {
    STRUCTURE: _profile_faults,
    VALUE_SET: _value_set_faults,
    CODE_SYSTEM: _code_system_faults,
}
