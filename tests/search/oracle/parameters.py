"""What each search parameter finds in a resource, by its FHIRPath expression; evaluated once and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.fhirpath import Compiled, Environment, FhirPathError, Node, compile
from profiles.definitions import ElementDefinition, SearchParameter
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One value and its FHIR type; of a composite the values of its parts."""

    value: Any
    type: str
    parts: tuple[tuple[Found, ...], ...] = ()


@dataclass
class Values:
    """The values of every parameter, by the definitions alone."""

    registry: Registry
    _model: RegistryTypeModel = field(init=False)
    _compiled: dict[str, Compiled] = field(default_factory=dict)
    _found: dict[tuple[int, str], tuple[Found, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._model = RegistryTypeModel(self.registry)

    def definition(self, resource_type: str, code: str) -> SearchParameter:
        """Return a parameter of a type."""
        return self.registry.parameters[resource_type][code]

    def of(self, resource: Resource, code: str) -> tuple[Found, ...]:
        """Return what a parameter finds; the resource must stay as it is."""
        key = (id(resource), code)
        if key not in self._found:
            definition = self.definition(resource["resourceType"], code)
            self._found[key] = tuple(self._evaluate(resource, definition))
        return self._found[key]

    def systems_of(self, resource_type: str, code: str) -> Mapping[str, frozenset[str]]:
        """Return by code the systems that the required bindings of a token parameter's elements imply."""
        found: dict[str, set[str]] = {}
        for arm in (self.definition(resource_type, code).expression or "").split("|"):
            element = self._element(arm.strip(" ()").split("."), resource_type)
            if element is None or element.binding is None or element.binding.strength != "required":
                continue
            value_set = self.registry.value_sets.get(element.binding.value_set)
            for system, codes in value_set.systems.items() if value_set else ():
                for each in codes:
                    found.setdefault(each, set()).add(system)
        return {each: frozenset(systems) for each, systems in found.items()}

    def _element(self, path: list[str], structure: str) -> ElementDefinition | None:
        """Return the element at a path of plain names, through data types; None where there is none."""
        if path[0] != structure:
            return None
        by_path = {element.path: element for element in self.registry.structures[structure].elements}
        for length in range(len(path), 1, -1):
            element = by_path.get(".".join(path[:length]))
            if element is not None:
                below = path[length:]
                return (
                    element
                    if not below
                    else self._element([element.types[0].code, *below], element.types[0].code)
                )
        return None

    def _evaluate(self, resource: Resource, definition: SearchParameter) -> Iterator[Found]:
        if definition.type != "composite":
            yield from self._plain(resource, definition.expression or "")
            return
        parts = [(part.expression, self._part(part.definition)) for part in definition.components]
        for base in self._run(definition.expression or "").evaluate_typed(resource, _resolving(resource)):
            found = tuple(tuple(self._plain(base, expression)) for expression, _ in parts)
            if all(found):
                yield Found(None, "", found)

    def _part(self, url: str) -> SearchParameter | None:
        return self.registry.parameter_by_url(url)

    def _plain(self, node: Resource | Node, expression: str) -> Iterator[Found]:
        try:
            pairs = self._run(expression).evaluate_pairs(node, _resolving(node))
        except FhirPathError:
            return
        for value, kind in pairs:
            yield Found(value, kind)

    def _run(self, expression: str) -> Compiled:
        if expression not in self._compiled:
            self._compiled[expression] = compile(expression, types=self._model)
        return self._compiled[expression]


def _resolving(_node: Any) -> Environment:
    return Environment(resolve=_target)


def _target(reference: str) -> Resource | None:
    """Return what `resolve() is T` asks for: the type that a literal reference says."""
    pieces = reference.partition("/_history/")[0].split("/")
    return (
        {"resourceType": pieces[-2], "id": pieces[-1]} if len(pieces) > 1 and pieces[-2].isalpha() else None
    )
