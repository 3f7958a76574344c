"""Instances made from definitions alone: of any type, as full or as bare as its structure allows.

They keep the structure (elements, cardinalities, formats, required codes), not the invariants that only
FHIRPath expresses.  All content is invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgspec import Raw

from profiles.definitions import ElementDefinition, StructureDefinition, TypeRef
from profiles.registry import Registry

PRIMITIVES: Mapping[str, Any] = {
    "base64Binary": "SGVsbG8=",
    "boolean": True,
    "canonical": "https://example.org/fhir/canonical|1.0",
    "code": "code",
    "date": "2024-02-29",
    "dateTime": "2024-02-29T08:15:30.125+01:00",
    "decimal": Raw(b"1.50"),
    "id": "example",
    "instant": "2024-02-29T08:15:30.125+01:00",
    "integer": -12,
    "markdown": "Some *text*, précis",
    "oid": "urn:oid:1.2.250.1",
    "positiveInt": 2147483647,
    "string": "Texte précis",
    "time": "08:15:30",
    "unsignedInt": 0,
    "uri": "https://example.org/uri",
    "url": "https://example.org/url",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Résumé &amp; plus</p></div>',
}
"""A legal value of each primitive type."""

CODES: Mapping[str, str] = {
    "contentType": "text/plain",
    "currency": "EUR",
    "language": "fr",
    "Expression.language": "text/fhirpath",
}
"""Codes by path or name of the element, where no value set is required or it cannot be enumerated."""

BUNDLE_TYPES: Mapping[str, tuple[str, ...]] = {
    "history": ("search",),
    "searchset": ("request", "response"),
    "transaction": ("response", "search"),
    "transaction-response": ("request", "search"),
    "collection": ("request", "response", "search"),
}
"""Types of Bundle → the parts of an entry that they exclude."""

_PLUMBING = frozenset({"id", "extension", "modifierExtension", "contained", "meta", "implicitRules"})


def maximal(registry: Registry, type_name: str, variant: int = 0) -> dict[str, Any]:
    """Return an instance in which every element is present, down to a data type within itself.

    Each choice takes type number `variant`, modulo how many it has; `choices` says how many variants
    show all of them.  Odd variants carry an extension on every primitive, and arrays with holes.
    """
    instance = _Maker(registry, variant).instance(type_name)
    return _as_bundle(instance, variant) if type_name == "Bundle" else instance


def minimal(registry: Registry, type_name: str) -> dict[str, Any]:
    """Return an instance of nothing but the required elements; a data type has at least one element."""
    maker = _Maker(registry, 0)
    instance = maker.least(_At(registry.structures[type_name], type_name))
    if registry.structures[type_name].kind == "resource":
        return {"resourceType": type_name, **instance}
    return instance


def choices(registry: Registry, type_name: str) -> int:
    """Return the largest number of types that a choice of the type itself has; at least 2."""
    elements = registry.structures[type_name].elements
    return max([2, *(len(element.types) for element in elements if element.is_choice)])


@dataclass(frozen=True, slots=True)
class _At:
    """A place in a StructureDefinition."""

    structure: StructureDefinition
    path: str

    def children(self) -> Iterator[ElementDefinition]:
        for element in self.structure.elements:
            if element.path.rpartition(".")[0] == self.path and element.max != 0:
                yield element


@dataclass(slots=True)
class _Maker:
    registry: Registry
    variant: int
    within: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def instance(self, type_name: str) -> dict[str, Any]:
        structure = self.registry.structures[type_name]
        made = self.full(_At(structure, type_name))
        return {"resourceType": type_name, **made} if structure.kind == "resource" else made

    def full(self, at: _At) -> dict[str, Any]:
        self.within.append(at.path)
        made: dict[str, Any] = {}
        for element in at.children():
            if at.path != "Extension" or element.name != "extension":
                self.put(made, at, element, self.value_full)
        self.within.pop()
        return made

    def least(self, at: _At) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in at.children():
            if element.min > 0 or (at.path == "Extension" and element.name == "value[x]"):
                self.put(made, at, element, self.value_least)
        if not made and (at.structure.kind != "resource" or "." in at.path):
            first = next(element for element in at.children() if element.name not in _PLUMBING)
            self.put(made, at, first, self.value_least)
        return made

    def put(
        self,
        made: dict[str, Any],
        at: _At,
        element: ElementDefinition,
        value_of: Callable[[_At, ElementDefinition, TypeRef | None], Any],
    ) -> None:
        reference = self.chosen(element)
        name = element.name.removesuffix("[x]")
        key = name
        if element.is_choice and reference is not None:
            key += reference.code[0].upper() + reference.code[1:]
        value = value_of(at, element, reference)
        is_many = element.max is None or element.max > 1
        made[key] = [value] * max(element.min, 1) if is_many else value
        is_primitive = reference is not None and reference.code in PRIMITIVES
        if is_primitive and value_of == self.value_full and self.variant % 2 and name != "id":
            self.add_twin(made, key, is_many)

    def add_twin(self, made: dict[str, Any], key: str, is_many: bool) -> None:
        twin = {"id": f"t{next(self.numbers)}", "extension": [_extension()]}
        made["_" + key] = [None, twin] if is_many else twin
        if is_many:
            made[key] = [made[key][0], None]

    def chosen(self, element: ElementDefinition) -> TypeRef | None:
        if not element.types:
            return None
        return element.types[self.variant % len(element.types)]

    def value_full(self, at: _At, element: ElementDefinition, reference: TypeRef | None) -> Any:
        if element.content is not None:
            place = _At(at.structure, element.content)
            return self.least(place) if element.content in self.within else self.full(place)
        assert reference is not None
        if reference.code in PRIMITIVES:
            return self.primitive(at, element, reference.code)
        if reference.code == "Extension":
            is_root = "." not in at.path and at.structure.kind == "resource" and element.name == "extension"
            return self.full(self.type("Extension")) if is_root else _extension()
        special = self.special(element, reference)
        if special is not None and reference.code != "Reference":
            return special
        place = self.place(at, element, reference)
        if place.path in self.within:
            return special or self.least(place)
        return self.full(place) | (special or {})

    def value_least(self, at: _At, element: ElementDefinition, reference: TypeRef | None) -> Any:
        if element.content is not None:
            return self.least(_At(at.structure, element.content))
        assert reference is not None
        if reference.code in PRIMITIVES:
            return self.primitive(at, element, reference.code)
        special = self.special(element, reference)
        if special is None and reference.code == "CodeableConcept":
            return {"text": PRIMITIVES["string"]}
        return special or self.least(self.place(at, element, reference))

    def type(self, name: str) -> _At:
        return _At(self.registry.structures[name], name)

    def place(self, at: _At, element: ElementDefinition, reference: TypeRef) -> _At:
        inline = _At(at.structure, element.path)
        return inline if any(inline.children()) else self.type(reference.code)

    def primitive(self, at: _At, element: ElementDefinition, code: str) -> Any:
        if element.name == "id":
            is_resource = at.structure.kind == "resource" and "." not in at.path
            return "example" if is_resource else f"e{next(self.numbers)}"
        if code != "code":
            return PRIMITIVES[code]
        member = self.member(element)
        if member is not None:
            return member[1]
        return CODES.get(element.path) or CODES.get(element.name) or PRIMITIVES["code"]

    def member(self, element: ElementDefinition) -> tuple[str, str] | None:
        """Return a (system, code) of the element's required binding, None if it has none."""
        if element.binding is None or element.binding.strength != "required":
            return None
        value_set = self.registry.value_sets.get(element.binding.value_set)
        if value_set is None:
            return None
        return min((system, code) for system, codes in value_set.systems.items() for code in codes)

    def special(self, element: ElementDefinition, reference: TypeRef) -> dict[str, Any] | None:
        """Return what must agree with something else: references, bound concepts, whole resources."""
        if reference.code == "Resource":
            return _contained() if element.name == "contained" else _resource()
        if reference.code == "Reference":
            targets = [target for target in reference.targets if target in self.registry.resource_types]
            target = targets[0] if targets else "Patient"
            return {"reference": f"{target}/example", "type": target}
        member = self.member(element)
        if reference.code == "CodeableConcept" and member is not None:
            return {"coding": [{"system": member[0], "code": member[1]}]}
        return None


def _extension() -> dict[str, Any]:
    return {"url": "https://example.org/fhir/StructureDefinition/note", "valueString": "Une note"}


def _contained() -> dict[str, Any]:
    return {
        "resourceType": "Basic",
        "id": "inside",
        "code": {"text": "Contenu"},
        "subject": {"reference": "#"},
    }


def _resource() -> dict[str, Any]:
    return {"resourceType": "Basic", "id": "example", "code": {"text": "Contenu"}}


def _as_bundle(bundle: dict[str, Any], variant: int) -> dict[str, Any]:
    kind, excluded = list(BUNDLE_TYPES.items())[variant % len(BUNDLE_TYPES)]
    bundle["type"] = kind
    if kind not in ("history", "searchset"):
        bundle.pop("total")
        bundle.pop("_total", None)
    entry = bundle["entry"][0]
    for part in excluded:
        entry.pop(part)
    entry["fullUrl"] = "https://example.org/fhir/Basic/example"
    return bundle
