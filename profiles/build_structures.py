"""Facts of a StructureDefinition that defines a type.

Spec: https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_server.model.canonical import without_version

Facts = dict[str, Any]

_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = _FHIR + "structuredefinition-fhir-type"
_REGEX = _FHIR + "regex"
_MAX_VALUE_SET = _FHIR + "elementdefinition-maxValueSet"
_SYSTEM_TYPES: Mapping[str, str] = {
    "http://hl7.org/fhirpath/System.Boolean": "boolean",
    "http://hl7.org/fhirpath/System.Date": "date",
    "http://hl7.org/fhirpath/System.DateTime": "dateTime",
    "http://hl7.org/fhirpath/System.Decimal": "decimal",
    "http://hl7.org/fhirpath/System.Integer": "integer",
    "http://hl7.org/fhirpath/System.String": "string",
    "http://hl7.org/fhirpath/System.Time": "time",
}
"""For the few elements (`xhtml.id`) whose type does not say which primitive it stands for."""


def is_type(tree: Mapping[str, Any]) -> bool:
    """Return whether the StructureDefinition defines a type: neither a profile nor a logical model."""
    return tree.get("derivation") != "constraint" and tree["kind"] != "logical"


def structure_facts(tree: Mapping[str, Any]) -> Facts:
    """Return the facts of a type, in the shape of `definitions.StructureDefinition`.

    Raises KeyError, TypeError or ValueError if the tree is no StructureDefinition with a snapshot.
    """
    elements = tree["snapshot"]["element"]
    invariants: dict[str, Facts] = {}
    for element in elements:
        for constraint in element.get("constraint", ()):
            _add_invariant(invariants, constraint, tree["type"])
    facts = {
        "name": tree["type"],
        "url": tree["url"],
        "kind": tree["kind"],
        "base": _base(tree),
        "abstract": tree["abstract"],
        "pattern": _pattern(elements) if tree["kind"] == "primitive-type" else None,
    }
    return {
        **facts,
        "invariants": dict(sorted(invariants.items())),
        "elements": [_element(element) for element in elements],
    }


def shorten_targets(structure: Facts, type_names: Mapping[str, str]) -> None:
    """Replace, in place, the canonicals of types by their names (`type_names`: canonical → name)."""
    for element in structure["elements"]:
        for kind in element["types"]:
            if "targets" in kind:
                kind["targets"] = [type_names.get(target, target) for target in kind["targets"]]


def type_code(kind: Mapping[str, Any]) -> str:
    """Return the FHIR type that an `ElementDefinition.type` stands for.  Raises KeyError, ValueError."""
    code = extension_value(kind, _FHIR_TYPE, "valueUrl") or _SYSTEM_TYPES.get(kind["code"], kind["code"])
    if not isinstance(code, str):
        raise ValueError("the code of a type is no text")
    return code


def extension_value(holder: Mapping[str, Any], url: str, value: str) -> str | None:
    """Return the value of the first extension of that url, as text; None if there is none."""
    for extension in holder.get("extension", ()):
        if extension.get("url") == url:
            found = extension.get(value)
            return None if found is None else str(found)
    return None


def _base(tree: Mapping[str, Any]) -> str | None:
    base = tree.get("baseDefinition")
    return None if base is None else str(base).rpartition("/")[2]


def _add_invariant(invariants: dict[str, Facts], constraint: Mapping[str, Any], name: str) -> None:
    expression = constraint.get("expression")
    if expression is None:
        return
    facts = {"severity": constraint["severity"], "expression": expression}
    if invariants.setdefault(constraint["key"], facts) != facts:
        raise ValueError(f"two constraints of {name} are called {constraint['key']}")


def _element(element: Mapping[str, Any]) -> Facts:
    maximum = element["max"]
    facts: Facts = {
        "path": element["path"],
        "min": element["min"],
        "max": None if maximum == "*" else int(maximum),
        "types": [_type(kind) for kind in element.get("type", ())],
    }
    optional = {
        "binding": _binding(element.get("binding")),
        "content": _content(element.get("contentReference")),
        "summary": element.get("isSummary", False),
        "modifier": element.get("isModifier", False),
        "constraints": [c["key"] for c in element.get("constraint", ()) if "expression" in c],
    }
    return facts | {name: value for name, value in optional.items() if value}


def _type(kind: Mapping[str, Any]) -> Facts:
    optional = {
        "targets": [without_version(target) for target in kind.get("targetProfile", ())],
        "profiles": [without_version(profile) for profile in kind.get("profile", ())],
    }
    return {"code": type_code(kind)} | {name: value for name, value in optional.items() if value}


def _binding(binding: Mapping[str, Any] | None) -> Facts | None:
    # A binding without a value set (only a description) says nothing that a program could use.
    if binding is None or "valueSet" not in binding:
        return None
    facts: Facts = {"strength": binding["strength"], "value_set": without_version(binding["valueSet"])}
    maximum = extension_value(binding, _MAX_VALUE_SET, "valueCanonical")
    return facts if maximum is None else facts | {"max_value_set": without_version(maximum)}


def _content(reference: str | None) -> str | None:
    return None if reference is None else reference.rpartition("#")[2]


def _pattern(elements: list[dict[str, Any]]) -> str | None:
    for element in elements:
        if element["path"].endswith(".value"):
            return extension_value(element["type"][0], _REGEX, "valueString")
    return None
