"""From definitions to shapes, once per type and generation of the Registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fhir_server.validation.accept import any_resource, link
from fhir_server.validation.bindings import BOUND_TYPES, bound_primitive
from fhir_server.validation.primitives import PRIMITIVES
from fhir_server.validation.references import reference_rule
from fhir_server.validation.rules import CONTAINED_RULES, CONTAINER_RULES, EXACTLY_ONE, RULES, STRICT_RULES
from fhir_server.validation.shapes import RESOURCE_TYPE, AnyResource, Group, Primitive, Rule, Shape, Slot
from profiles.definitions import ElementDefinition, StructureDefinition, TypeRef, ValueSet
from profiles.registry import Registry


class Compiler:
    """Shapes by name, each compiled when it is first asked for.  Not safe for threads: the caller locks."""

    def __init__(
        self, registry: Registry, shape_of_resource: Callable[[str], Shape | None], strict: bool
    ) -> None:
        self._registry = registry
        self._strict = strict
        self._linked: dict[str, Shape] = {}
        self._fresh: dict[str, Shape] = {}
        self._codes: dict[str, Primitive] = {}
        self._resource = any_resource(False, shape_of_resource, ())
        self._contained = any_resource(True, shape_of_resource, CONTAINED_RULES)

    def shape(self, type_name: str) -> Shape:
        """Return the shape of a type.  Raises KeyError if the Registry has no such type."""
        try:
            twin = self._type("Element")
            shape = self._type(type_name)
            link(self._fresh.values(), twin)
            self._linked.update(self._fresh)
        finally:
            self._fresh = {}
        return shape

    def _known(self, name: str) -> Shape | None:
        return self._linked.get(name) or self._fresh.get(name)

    def _new(self, name: str) -> Shape:
        shape = self._fresh[name] = Shape(name)
        return shape

    def _type(self, name: str) -> Shape:
        known = self._known(name)
        if known is not None:
            return known
        outline = _outline(self._registry.structures[name])
        shape = self._new(name)
        self._fill(shape, outline)
        if outline.structure.kind == "resource":
            shape.slots[RESOURCE_TYPE] = _resource_type_slot(name)
        return shape

    def _backbone(self, outline: _Outline, path: str) -> Shape:
        known = self._known(path)
        if known is not None:
            return known
        shape = self._new(path)
        self._fill(shape, outline)
        return shape

    def _fill(self, shape: Shape, outline: _Outline) -> None:
        shape.rules = RULES.get(shape.name, ())
        if self._strict:
            shape.rules += STRICT_RULES.get(shape.name, ())
        exactly_one = EXACTLY_ONE.get(shape.name, ())
        for element in outline.children[shape.name]:
            if element.max == 0:
                continue
            bit = _bit(shape.groups, element, exactly_one)
            for slot in self._slots(outline, element, bit):
                shape.slots[slot.key] = slot
        if "contained" in shape.slots:
            shape.rules = (*CONTAINER_RULES, *shape.rules)

    def _slots(self, outline: _Outline, element: ElementDefinition, bit: int) -> Iterator[Slot]:
        name = element.name.removesuffix("[x]")
        many = element.max is None or element.max > 1
        if element.content is not None:
            holds = self._backbone(outline, element.content)
            yield Slot(name, name, holds, many, element.min, element.max, bit)
        for reference in element.types:
            key = name + reference.code[0].upper() + reference.code[1:] if element.is_choice else name
            yield Slot(
                key, name, self._holds(outline, element, reference), many, element.min, element.max, bit
            )

    def _holds(
        self, outline: _Outline, element: ElementDefinition, reference: TypeRef
    ) -> Primitive | Shape | AnyResource:
        code = reference.code
        if code in PRIMITIVES:
            return self._primitive(outline.structure, element, code)
        if element.path in outline.children:
            return self._backbone(outline, element.path)
        if code == "Resource":
            return self._contained if element.name == "contained" else self._resource
        if code == "Reference":
            return self._reference(reference.targets)
        value_set = self._required(element)
        if value_set is not None and code in BOUND_TYPES:
            return self._bound(code, value_set)
        return self._type(code)

    def _primitive(self, structure: StructureDefinition, element: ElementDefinition, code: str) -> Primitive:
        if structure.kind == "resource" and element.path == f"{structure.name}.id":
            return PRIMITIVES["id"]
        value_set = self._required(element)
        if value_set is None or code != "code":
            return PRIMITIVES[code]
        if value_set.url not in self._codes:
            self._codes[value_set.url] = bound_primitive(PRIMITIVES[code], value_set)
        return self._codes[value_set.url]

    def _required(self, element: ElementDefinition) -> ValueSet | None:
        binding = element.binding
        if binding is None or binding.strength != "required":
            return None
        return self._registry.value_sets.get(binding.value_set)

    def _bound(self, code: str, value_set: ValueSet) -> Shape:
        return self._variant(code, f"{code}<{value_set.url}>", lambda: BOUND_TYPES[code](value_set))

    def _reference(self, targets: tuple[str, ...]) -> Shape:
        allowed = self._targets(targets)
        name = f"Reference<{'|'.join(sorted(allowed))}>"
        return self._variant(
            "Reference", name, lambda: reference_rule(allowed, self._registry.resource_types)
        )

    def _targets(self, targets: tuple[str, ...]) -> frozenset[str]:
        resource_types = self._registry.resource_types
        named = frozenset(targets)
        # A profile of another package narrows what cannot be seen from the reference alone.
        return named if self._strict and named and named <= resource_types else resource_types

    def _variant(self, code: str, name: str, make_rule: Callable[[], Rule]) -> Shape:
        """Return the shape of a data type with a rule of its own, sharing its slots."""
        plain = self._type(code)
        known = self._known(name)  # only now: to compile the plain type may have met this variant inside
        if known is not None:
            return known
        variant = self._new(name)
        variant.slots, variant.groups = plain.slots, plain.groups
        variant.rules = (*plain.rules, make_rule())
        return variant


@dataclass(frozen=True, slots=True)
class _Outline:
    """A StructureDefinition with its elements by the path of their parent."""

    structure: StructureDefinition
    children: Mapping[str, list[ElementDefinition]]


def _outline(structure: StructureDefinition) -> _Outline:
    children: dict[str, list[ElementDefinition]] = {}
    for element in structure.elements:
        parent = element.path.rpartition(".")[0]
        if parent:
            children.setdefault(parent, []).append(element)
    return _Outline(structure, children)


def _bit(groups: list[Group], element: ElementDefinition, exactly_one: tuple[str, ...]) -> int:
    """Return the bit of the element's group, made if there is none yet; 0 where no count is needed."""
    name = element.name.removesuffix("[x]")
    elements = exactly_one if name in exactly_one else (name,)
    for group in groups:
        if group.elements == elements:
            return group.bit
    required = element.min > 0 or name in exactly_one
    if not (required or element.is_choice):
        return 0
    groups.append(Group(1 << len(groups), elements, required))
    return groups[-1].bit


def _resource_type_slot(name: str) -> Slot:
    """The caller has chosen the shape by the value of this key, so that it need not be looked at again."""
    holds = Primitive(RESOURCE_TYPE, (str,), (name,).__contains__, name)
    return Slot(RESOURCE_TYPE, RESOURCE_TYPE, holds, False, 1, 1, 0)
