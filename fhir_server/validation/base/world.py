"""What the base rules may ask: definitions, codes, and where references lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.fhirpath import FhirPathError, compile
from fhir_server.model.outcome import Issue
from fhir_server.validation.base.anchors import anchors_of
from fhir_server.validation.base.bundle_index import BundleIndex
from fhir_server.validation.base.options import BaseOptions, Level
from fhir_server.validation.base.walk import Place, Scope
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel
from terminology.ports import Concepts

Resolve = Callable[[str], Mapping[str, Any] | None]


@dataclass(slots=True)
class World:
    """The surroundings of one validation; not shared between threads.

    `resolve` returns the resource that a reference or canonical names outside of what is validated.
    """

    registry: Registry
    concepts: Concepts
    options: BaseOptions
    resolve: Resolve | None = None
    root: Mapping[str, Any] = field(default_factory=dict)
    _indexes: dict[int, BundleIndex] = field(default_factory=dict)
    _selected: dict[tuple[int, str], frozenset[int | str] | None] = field(default_factory=dict)
    _anchors: dict[int, set[str]] = field(default_factory=dict)

    def parameter_named(self, reference: str) -> Mapping[str, Any] | None:
        """Return the resource `Type/id` among those that the Parameters under validation hold, if any."""
        if self.root.get("resourceType") != "Parameters":
            return None
        waiting: list[Any] = [self.root.get("parameter")]
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting.extend(node)
            elif isinstance(node, dict):
                waiting.append(node.get("part"))
                resource = node.get("resource")
                if isinstance(resource, dict) and reference == _name(resource):
                    return resource
        return None

    def selected(self, expression: str, scope: Scope) -> frozenset[int | str] | None:
        """Return what a FHIRPath selects in a resource: identities of objects, paths of the rest.

        None: nobody can evaluate it, so that it forbids nothing.
        """
        key = (id(scope.resource), expression)
        if key not in self._selected:
            self._selected[key] = self._select(expression, scope)
        return self._selected[key]

    def _select(self, expression: str, scope: Scope) -> frozenset[int | str] | None:
        try:
            found = compile(expression, types=RegistryTypeModel(self.registry)).evaluate_typed(scope.resource)
        except FhirPathError:
            return None
        return frozenset(id(node.value) if isinstance(node.value, dict) else node.path for node in found)

    def anchors_of(self, scope: Scope) -> set[str]:
        """Return what `#…` can name in the resource of a scope, or in the one that contains it."""
        resource = scope.outer.resource
        known = self._anchors.get(id(resource))
        if known is None:
            known = self._anchors[id(resource)] = anchors_of(resource)
        return known

    def index_of(self, bundle: Scope) -> BundleIndex:
        """Return the entries of a Bundle by what they can be referred to."""
        known = self._indexes.get(id(bundle.resource))
        if known is None:
            known = self._indexes[id(bundle.resource)] = BundleIndex.of(bundle.resource)
        return known


def _name(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def fault(level: Level, situation: str, text: str, place: Place | str, below: str = "") -> Issue:
    """Return an issue at a place, or at the element `below` it (`.url`); the level must not be None."""
    path = (place if isinstance(place, str) else place.path) + below
    return Issue(situation, f"{path}: {text}", path, severity=level or "information")
