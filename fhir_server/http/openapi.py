"""What the OpenAPI document says of a row: bodies, answers and the query of operations.

Resources are described by their type alone: their structure is in the definitions of FHIR.
Spec: https://spec.openapis.org/oas/v3.0.3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_server.http.formats import FORM
from fhir_server.interactions.dispatch import Interaction
from profiles.definitions import OperationDefinition, OperationParameter

FHIR_JSON = "application/fhir+json"
DOCUMENT_TYPES = ("application/xml", "text/xml", "application/octet-stream")
"""In which a document is sent alone."""
SCHEMAS = "#/components/schemas/"

OF_BUNDLES = frozenset(
    {
        "search-type",
        "search-system",
        "history-instance",
        "history-type",
        "history-system",
        "batch",
        "transaction",
    }
)
COMPONENTS: Mapping[str, Mapping[str, Any]] = {
    "Resource": {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string"}, "id": {"type": "string"}},
        "additionalProperties": True,
    },
    "Bundle": {
        "type": "object",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": {"type": "string", "enum": ["Bundle"]},
            "type": {"type": "string"},
            "total": {"type": "integer", "minimum": 0},
            "link": {"type": "array", "items": {"type": "object"}},
            "entry": {"type": "array", "items": {"type": "object"}},
        },
        "additionalProperties": True,
    },
    "OperationOutcome": {
        "type": "object",
        "required": ["resourceType", "issue"],
        "properties": {
            "resourceType": {"type": "string", "enum": ["OperationOutcome"]},
            "issue": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["severity", "code"],
                    "properties": {
                        "severity": {"type": "string", "enum": ["fatal", "error", "warning", "information"]},
                        "code": {"type": "string"},
                        "diagnostics": {"type": "string"},
                        "expression": {"type": "array", "items": {"type": "string"}},
                    },
                    "additionalProperties": True,
                },
            },
        },
        "additionalProperties": True,
    },
}
SIMPLE: Mapping[str, str] = {"boolean": "boolean", "integer": "integer", "decimal": "number"}
"""FHIR primitive → JSON schema type, where it is no string."""


def operation_schemas(operation: OperationDefinition) -> Mapping[str, Mapping[str, Any]]:
    """Return the component schemas of an operation's call and answer, by name."""
    return {name_of(operation, use): _parameters(operation, use) for use in ("in", "out")}


def name_of(operation: OperationDefinition, use: str) -> str:
    """Return the name of a component: `meta-add-in`, for instance."""
    return f"{operation.code}-{use}"


def described(row: Interaction, operation: OperationDefinition | None) -> dict[str, Any]:
    """Return the part of an OpenAPI operation that a row of the table knows."""
    doc: dict[str, Any] = {
        "operationId": "-".join([row.name.lstrip("$"), row.level, row.method.lower()]),
        "responses": {
            "200": _answer("The answer.", _answer_schema(row, operation)),
            "default": _answer("A refusal.", "OperationOutcome"),
        },
    }
    body = _body(row, operation)
    if body is not None:
        doc["requestBody"] = {"content": body}
    if operation is not None and row.method == "GET":
        doc["parameters"] = [
            {"in": "query", "name": one.name, "required": one.min > 0, "schema": _simple(one)}
            for one in operation.parameters
            if one.use == "in" and one.type is not None and one.type[0].islower()
        ]
    return doc


def _answer_schema(row: Interaction, operation: OperationDefinition | None) -> str:
    if operation is None:
        return "Bundle" if row.name in OF_BUNDLES else "Resource"
    out = [one for one in operation.parameters if one.use == "out"]
    # A single resource called `return` is the answer itself, in no Parameters.
    if len(out) == 1 and out[0].name == "return" and out[0].type == "OperationOutcome":
        return "OperationOutcome"
    return name_of(operation, "out")


def _body(row: Interaction, operation: OperationDefinition | None) -> dict[str, Any] | None:
    if row.takes == "form":
        return {FORM: {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}}
    if row.takes == "document":
        parameters = {} if operation is None else {"$ref": SCHEMAS + name_of(operation, "in")}
        alone: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
        return {**dict.fromkeys(DOCUMENT_TYPES, alone), FHIR_JSON: {"schema": parameters}}
    if row.takes != "resource":
        return None
    name = "Resource" if operation is None else name_of(operation, "in")
    return {FHIR_JSON: {"schema": {"$ref": SCHEMAS + name}}}


def _answer(text: str, schema: str) -> dict[str, Any]:
    return {"description": text, "content": {FHIR_JSON: {"schema": {"$ref": SCHEMAS + schema}}}}


def _parameters(operation: OperationDefinition, use: str) -> dict[str, Any]:
    members = [_member(one) for one in operation.parameters if one.use == use]
    items: dict[str, Any] = {"oneOf": members} if members else {"type": "object"}
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": {"type": "string", "enum": ["Parameters"]},
            "parameter": {"type": "array", "items": items},
        },
    }


def _member(parameter: OperationParameter) -> dict[str, Any]:
    properties: dict[str, Any] = {"name": {"type": "string", "enum": [parameter.name]}}
    kind = parameter.type or ""
    if kind in ("Resource", "OperationOutcome"):
        properties["resource"] = {"$ref": SCHEMAS + "Resource"}
    elif kind:
        key = f"value{kind[0].upper()}{kind[1:]}"
        properties[key] = _simple(parameter) if kind[0].islower() else {"type": "object"}
    return {"type": "object", "required": list(properties), "properties": properties}


def _simple(parameter: OperationParameter) -> dict[str, Any]:
    return {"type": SIMPLE.get(parameter.type or "", "string")}
