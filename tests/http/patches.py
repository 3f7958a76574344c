"""Patches of every kind that say the same, for tests of the PATCH interaction."""

from __future__ import annotations

import base64
import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.http.calls import FHIR_JSON, send

JSON_PATCH = "application/json-patch+json"
XML_PATCH = "application/xml-patch+xml"
FHIR_XML = "application/fhir+xml"


def fhirpath(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return Parameters; an operation is a mapping from part to its `value[x]` object or plain text."""
    keys = {"type": "valueCode", "path": "valueString", "name": "valueString"}
    described = [
        {
            "name": "operation",
            "part": [
                {
                    "name": name,
                    **(value if isinstance(value, dict) else {keys.get(name, "valueInteger"): value}),
                }
                for name, value in operation.items()
            ],
        }
        for operation in operations
    ]
    return {"resourceType": "Parameters", "parameter": described}


def replace_family(family: str) -> dict[str, bytes]:
    """Return, by Content-Type, patches that change the family name of a Patient."""
    operation = {"type": "replace", "path": "Patient.name.family", "value": {"valueString": family}}
    return {
        JSON_PATCH: json.dumps([{"op": "replace", "path": "/name/0/family", "value": family}]).encode(),
        FHIR_JSON: json.dumps(fhirpath(operation)).encode(),
        FHIR_XML: f"""<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
            <part><name value="type"/><valueCode value="replace"/></part>
            <part><name value="path"/><valueString value="Patient.name.family"/></part>
            <part><name value="value"/><valueString value="{family}"/></part>
            </parameter></Parameters>""".encode(),
        XML_PATCH: f"""<diff xmlns:f="http://hl7.org/fhir">
            <replace sel="f:Patient/f:name/f:family/@value">{family}</replace></diff>""".encode(),
    }


def patch(
    client: FlaskClient, path: str, described: Any, content_type: str = "", **headers: str
) -> TestResponse:
    """Return the response to a PATCH; a list is a JSON Patch, an object a FHIRPath Patch."""
    if not content_type:
        content_type = JSON_PATCH if isinstance(described, list) else FHIR_JSON
    return send(client, "PATCH", path, described, {"Content-Type": content_type, **headers})


def as_binary(content_type: str, described: bytes) -> dict[str, Any]:
    """Return the Binary that carries the body of a patch inside a Bundle."""
    data = base64.b64encode(described).decode("ascii")
    return {"resourceType": "Binary", "contentType": content_type, "data": data}
