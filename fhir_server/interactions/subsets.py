"""Parts of resources, as `_summary` and `_elements` ask for them, by the facts of the definitions.

Spec: https://hl7.org/fhir/R4/search.html#summary, https://hl7.org/fhir/R4/search.html#elements
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath.types import json_key
from fhir_server.interactions.assemble import OBSERVATION_VALUES, SUBSETTED
from profiles.definitions import ElementDefinition
from profiles.registry import Registry

Tree = dict[str, Any]
Wanted = Callable[[ElementDefinition], bool]

ALWAYS = frozenset({"resourceType", "id", "meta"})
WHOLE_TYPES = frozenset({"Extension", "Resource", "Narrative", "Meta"})
"""Types that are never shortened within: what they say hangs together."""
TAG = {"system": OBSERVATION_VALUES, "code": SUBSETTED}


@dataclass(frozen=True, slots=True)
class Member:
    """One JSON property: its definition and the type or path that says what is in it."""

    element: ElementDefinition
    inner: str


class Subsets:
    """Shortens resources; what was looked up of a type once is remembered.  Shared by all threads."""

    __slots__ = ("_members", "_registry")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._members: dict[str, Mapping[str, Member]] = {}

    def summary(self, resource: Tree) -> Tree:
        """Return the elements that the definitions mark as summary, with all that is mandatory."""
        kept = self._inner(resource, resource["resourceType"])
        return _subset(
            resource, {key: kept.get(key, resource[key]) for key in resource if key in ALWAYS | kept.keys()}
        )

    def text(self, resource: Tree) -> Tree:
        """Return the narrative and the mandatory elements of the top level."""
        return self._top(resource, lambda element: element.name == "text" or element.min > 0)

    def data(self, resource: Tree) -> Tree:
        """Return all but the narrative."""
        return _subset(resource, {key: value for key, value in resource.items() if key != "text"})

    def elements(self, resource: Tree, names: frozenset[str]) -> Tree:
        """Return the elements of these names, with the mandatory ones and those that modify a meaning.

        A choice has the name that the definition gives it (`value`), or the one with its type.
        """

        def is_wanted(element: ElementDefinition) -> bool:
            return element.min > 0 or element.modifier or bool(names & _names(element))

        return self._top(resource, is_wanted)

    def knows(self, resource_type: str, name: str) -> bool:
        """Return whether the type has an element of that name on its top level."""
        return any(name in _names(member.element) for member in self._of(resource_type).values())

    def _top(self, resource: Tree, is_wanted: Wanted) -> Tree:
        members = self._of(resource["resourceType"])
        return _subset(resource, {
            key: value
            for key, value in resource.items()
            if key in ALWAYS or ((member := members.get(key.lstrip("_"))) and is_wanted(member.element))
        })  # fmt: skip

    def _inner(self, tree: Tree, type_name: str) -> Tree:
        members = self._of(type_name)
        kept: Tree = {}
        for key, value in tree.items():
            member = members.get(key.lstrip("_"))
            if member is None or not _in_summary(member.element):
                continue
            whole = key.startswith("_") or member.inner in WHOLE_TYPES
            kept[key] = value if whole else self._shortened(value, member.inner)
        return kept

    def _shortened(self, value: Any, inner: str) -> Any:
        if isinstance(value, list):
            return [self._shortened(each, inner) for each in value]
        if not isinstance(value, dict):
            return value
        # What would be left empty says by its extensions alone what it says: they stay.
        return self._inner(value, inner) or value

    def _of(self, type_name: str) -> Mapping[str, Member]:
        known = self._members.get(type_name)
        if known is None:
            known = self._members[type_name] = self._read(type_name)
        return known

    def _read(self, type_name: str) -> Mapping[str, Member]:
        structure = self._registry.structures.get(type_name.partition(".")[0])
        members: dict[str, Member] = {}
        for element in structure.elements if structure is not None else ():
            if element.path.rpartition(".")[0] != type_name:
                continue
            if element.is_choice:
                for each in element.types:
                    key = json_key(element.name.removesuffix("[x]"), each.code)
                    members[key] = Member(element, each.code)
            else:
                members[element.name] = Member(element, _inner_name(element))
        return members


def _inner_name(element: ElementDefinition) -> str:
    if element.content is not None:
        return element.content
    code = element.types[0].code if element.types else ""
    return element.path if code in ("BackboneElement", "Element") else code


def _in_summary(element: ElementDefinition) -> bool:
    return element.summary or element.modifier or element.min > 0


def _names(element: ElementDefinition) -> frozenset[str]:
    if not element.is_choice:
        return frozenset({element.name})
    name = element.name.removesuffix("[x]")
    return frozenset({name, element.name, *(json_key(name, each.code) for each in element.types)})


def _subset(whole: Tree, kept: Tree) -> Tree:
    """Return what is kept, tagged; contained resources come along where something kept points to one."""
    meta = dict(kept.get("meta") or {})
    tags = list(meta.get("tag") or ())
    if not any(tag.get("system") == OBSERVATION_VALUES and tag.get("code") == SUBSETTED for tag in tags):
        tags.append(TAG)
    meta["tag"] = tags
    with_contained = "contained" in whole and _points_inside(kept)
    first: Tree = {key: kept[key] for key in ("resourceType", "id") if key in kept}
    rest = {
        key: whole[key]
        for key in whole
        if key not in ("meta", *first) and (key in kept or (key == "contained" and with_contained))
    }
    return {**first, "meta": meta, **{key: kept.get(key, value) for key, value in rest.items()}}


def _points_inside(value: Any) -> bool:
    if isinstance(value, list):
        return any(_points_inside(each) for each in value)
    if not isinstance(value, dict):
        return False
    reference = value.get("reference")
    if isinstance(reference, str) and reference.startswith("#"):
        return True
    return any(_points_inside(each) for each in value.values())
