"""Facts of SearchParameters, CompartmentDefinitions and OperationDefinitions.

Spec: https://hl7.org/fhir/R4/searchparameter.html, https://hl7.org/fhir/R4/compartmentdefinition.html,
https://hl7.org/fhir/R4/operationdefinition.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.model.canonical import without_version

Facts = dict[str, Any]

OWN_TYPE = "{def}"
_EXTENSION = re.compile(r"\b(?:hasE|e)xtension\s*\(")
_INHERITED = frozenset({"Resource", "DomainResource"})
_TYPE = "http://hl7.org/fhir/StructureDefinition/"


def why_left_out(tree: Mapping[str, Any]) -> str | None:
    """Return why a search parameter is not carried, None if it is.

    An official package also holds examples, and parameters over extensions that only some profile uses.
    """
    if tree["id"] == "example" or tree["id"].startswith("example-"):
        return "example"
    if not tree.get("base"):
        return "names no resource type"
    expression = tree.get("expression")
    if expression is None:
        return None if _INHERITED.issuperset(tree["base"]) else "has no expression"
    return "over an extension" if _EXTENSION.search(expression) else None


def parameter_facts(tree: Mapping[str, Any]) -> Facts:
    """Return the facts of a search parameter, in the shape of `definitions.SearchParameter`."""
    facts: Facts = {
        "url": tree["url"],
        "code": tree["code"],
        "type": tree["type"],
        "bases": tree["base"],
        "expression": tree.get("expression"),
    }
    optional = {
        "targets": tree.get("target"),
        "components": [
            {"definition": without_version(part["definition"]), "expression": part["expression"]}
            for part in tree.get("component", ())
        ],
        "modifiers": tree.get("modifier"),
        "comparators": tree.get("comparator"),
    }
    limits = {"multiple_or": tree.get("multipleOr", True), "multiple_and": tree.get("multipleAnd", True)}
    return (
        facts
        | {name: value for name, value in optional.items() if value}
        | {name: value for name, value in limits.items() if not value}
    )


def compartment_facts(tree: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return resource type → codes of the parameters that link, types that are not in it left out.

    The resource that the compartment is about is always in it, whether the definition says so or not.
    """
    links = {entry["code"]: list(entry.get("param", ())) for entry in tree.get("resource", ())}
    own = links.setdefault(tree["code"], [])
    if OWN_TYPE not in own:
        own.insert(0, OWN_TYPE)
    return {name: codes for name, codes in sorted(links.items()) if codes}


def operation_facts(tree: Mapping[str, Any]) -> Facts:
    """Return the facts of an operation, in the shape of `definitions.OperationDefinition`."""
    return {
        "url": tree["url"],
        "code": tree["code"],
        "system": tree["system"],
        "type": tree["type"],
        "instance": tree["instance"],
        "affects_state": tree.get("affectsState", False),
        "resources": tree.get("resource", []),
        "parameters": _parameters(tree.get("parameter", ())),
    }


def _parameters(trees: Sequence[Mapping[str, Any]]) -> list[Facts]:
    return [_parameter(tree) for tree in trees]


def _parameter(tree: Mapping[str, Any]) -> Facts:
    maximum = tree["max"]
    facts: Facts = {
        "name": tree["name"],
        "use": tree["use"],
        "min": tree["min"],
        "max": None if maximum == "*" else int(maximum),
    }
    optional = {
        "type": tree.get("type"),
        "targets": [without_version(target).removeprefix(_TYPE) for target in tree.get("targetProfile", ())],
        "search_type": tree.get("searchType"),
        "parts": _parameters(tree.get("part", ())),
    }
    return facts | {name: value for name, value in optional.items() if value}
