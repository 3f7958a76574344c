"""Structural validation: whether a resource is what its StructureDefinition says.

Elements, cardinalities, JSON types, primitive formats, choices, required codes, references, contained
resources, Bundles and narratives; invariants that only FHIRPath can express are not looked at.
Spec: https://hl7.org/fhir/R4/validation.html, https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

from contextlib import suppress
from threading import RLock
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.compiler import Compiler
from fhir_server.validation.contained import local_resources
from fhir_server.validation.explain import Explainer, resource_type_issue
from fhir_server.validation.report import Report, ReportFull, json_word
from fhir_server.validation.shapes import Shape
from profiles.registry import Registry


class StructureValidator:
    """The compiled definitions of one Registry; each type is compiled when it is first met.

    Safe to share between threads.  `strict` also refuses what examples of the specification itself get
    wrong: a literal reference to a type that the element may not point to, and a Bundle entry whose
    fullUrl disagrees with the id of its resource.
    """

    def __init__(self, registry: Registry, strict: bool = False) -> None:
        self._registry = registry
        self._lock = RLock()
        self._shapes: dict[str, Shape] = {}
        self._compiler = Compiler(registry, self._shape_of, strict)
        self._twin = self._compiler.shape("Element")

    def validate(self, resource: Any, expected_type: str | None = None, at: str | None = None) -> list[Issue]:
        """Return what is wrong with a resource tree; an empty list says that it is valid.

        `expected_type` is the resource type that the address of the request names.  `at` is the FHIRPath
        that expressions begin with, instead of the type: `Bundle.entry[3].resource`.  Never raises,
        whatever JSON it is given; at most 100 issues, then one that says so.

        Expressions carry indexes (`Patient.name[0].given[1]`); a choice is named without its type
        (`Observation.value`); a missing or unknown element is named below its parent.
        """
        return [] if self.accepts(resource, expected_type) else self.explain(resource, expected_type, at)

    def accepts(self, resource: Any, expected_type: str | None = None) -> bool:
        """Return whether `validate` would find nothing, at the cost of the happy path."""
        if type(resource) is not dict:
            return False
        name = resource.get("resourceType")
        if type(name) is not str or (expected_type is not None and name != expected_type):
            return False
        shape = self._shape_of(name)
        try:
            return shape is not None and shape.accepts(resource, local_resources(resource), 1)
        except TypeError:
            return False  # a check of a primitive met a value of another JSON type

    def explain(self, resource: Any, expected_type: str | None = None, at: str | None = None) -> list[Issue]:
        """Return what `validate` would, without trying the happy path first."""
        report = Report()
        with suppress(ReportFull):
            self._explain(report, resource, expected_type, at)
        return report.issues

    def compile(self, resource_type: str) -> None:
        """Compile a type ahead of its first use.  Raises KeyError if there is no such resource type."""
        if self._shape_of(resource_type) is None:
            raise KeyError(resource_type)

    def _shape_of(self, resource_type: str) -> Shape | None:
        shape = self._shapes.get(resource_type)
        if shape is None and resource_type in self._registry.resource_types:
            with self._lock:
                shape = self._shapes.setdefault(resource_type, self._compiler.shape(resource_type))
        return shape

    def _explain(self, report: Report, resource: Any, expected_type: str | None, at: str | None) -> None:
        root = at or expected_type or "Resource"
        if type(resource) is not dict:
            report.add("wrong-type", f"A resource must be a JSON object, not {json_word(resource)}.", root)
            return
        issue = resource_type_issue(resource, root, self._shape_of)
        if issue is not None:
            report.put(issue)
            return
        name = resource["resourceType"]
        root = at or name
        if expected_type is not None and name != expected_type:
            text = f"{root} is of type {name}; a resource of type {expected_type} is expected here."
            report.add("type-mismatch", text, f"{root}.resourceType")
            return
        shape = self._shape_of(name)
        assert shape is not None
        Explainer(report, self._twin).shape(shape, resource, root, local_resources(resource), 1)
