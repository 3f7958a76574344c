"""The OpenAPI description of the server, made so narrow that what is generated from it gets past the door.

The description is true but wide: a type is any word and a resource any object with a type, so nearly all that
is generated from it would end as an unknown type.  Here the words that exist are named beside those that do not.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Schema = dict[str, Any]

TYPES = ("Patient", "Observation", "Binary", "Nothing")
IDS = ("openapi-1", "openapi-2", "openapi-3")
VERSIONS = ("1", "2", "none")
VARIABLES: dict[str, tuple[str, ...]] = {"resource_type": TYPES, "id": IDS, "version_id": VERSIONS}

TEXT: Schema = {"type": "string"}

# A schema that holds another swallows it, and then only what is wild would be generated: the wild ones here
# begin like nothing that is named, or are of another type.
WILD: Schema = {"type": "string", "pattern": "^[^A-Za-z/_-]"}
ODD: Schema = {
    "anyOf": [{"type": "integer", "nullable": True}, {"type": "array", "maxItems": 2, "items": {}}]
}


def one_of(*words: str) -> Schema:
    """Return the schema of one of these words, or of any text that begins like none of them."""
    return {"anyOf": [{"enum": list(words)}, WILD]}


def nearly(schema: Schema) -> Schema:
    """Return the schema of a value that is mostly right."""
    return {"anyOf": [schema, ODD]}


def closed(required: list[str], **properties: Schema) -> Schema:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


QUERY: dict[str, Schema] = {
    "_count": one_of("0", "1", "20", "501", "-1", "x"),
    "_sort": one_of("_id", "-_lastUpdated", "date", "name", "--name"),
    "_id": one_of(*IDS),
    "_lastUpdated": one_of("ge2020-01-01", "lt2020", "ap2020-01-01T00:00:00Z", "eq"),
    "_summary": one_of("true", "text", "data", "count", "false"),
    "_elements": one_of("id", "name,birthDate", "nothing"),
    "_format": {"enum": ["json", "xml", "application/fhir+xml", "html"]},
    "_include": one_of("Observation:subject", "Patient:organization", "*", "x:y:z"),
    "_has:Observation:patient:code": one_of("x", "http://loinc.org|1-1"),
    "_since": one_of("2020-01-01T00:00:00Z", "2020"),
    "name": TEXT,
    "identifier": one_of("a", "a|b", "|", "|b", "a|"),
    "date": one_of("2020-01-01", "ge2020", "sa2020-13"),
    "subject:Patient.name": TEXT,
    "value-quantity": one_of("5", "gt5.40", "5|http://unitsofmeasure.org|mg", "1e400"),
}

NAME = closed(["family"], family={"type": "string", "pattern": "^[A-Za-zé]{1,20}$"})
PATIENT = closed(
    ["resourceType", "id", "name"],
    resourceType={"enum": ["Patient"]},
    id={"enum": list(IDS)},
    name={"type": "array", "minItems": 1, "maxItems": 2, "items": NAME},
    active={"type": "boolean"},
    gender={"enum": ["female", "other"]},
)
OBSERVATION = closed(
    ["resourceType", "id", "status", "code"],
    resourceType={"enum": ["Observation"]},
    id={"enum": list(IDS)},
    status={"enum": ["final", "amended"]},
    code={"enum": [{"text": "x"}]},
    subject={"enum": [{"reference": "Patient/demo-odile"}]},
    valueQuantity=closed(["value"], value={"type": "number"}),
)
DAMAGED: Schema = closed(
    ["resourceType"],
    resourceType={"enum": ["Patient", "Observation", "Binary", "Nothing"]},
    id=nearly({"enum": list(IDS)}),
    meta=nearly(closed([], tag=nearly({"type": "array", "maxItems": 2, "items": closed([], code=TEXT)}))),
    active=nearly({"type": "boolean"}),
    birthDate=nearly({"type": "string", "format": "date"}),
    name={"type": "array", "maxItems": 2, "items": closed([], family=nearly(TEXT), given=ODD)},
    status=nearly({"enum": ["final"]}),
    code=nearly(closed(["text"], text=TEXT)),
    subject=closed([], reference=one_of("Patient/demo-odile", "urn:uuid:x", "http://[", "Patient?name=x")),
    valueQuantity=closed([], value=nearly({"type": "number"})),
    contentType=one_of("text/plain", "application/fhir+json"),
    data=one_of("aGVsbG8=", "aGVsbG8"),
    contained=ODD,
    unknown=TEXT,
)
RESOURCE: Schema = {"anyOf": [PATIENT, OBSERVATION, DAMAGED]}

BUNDLE: Schema = closed(
    ["resourceType", "type", "entry"],
    resourceType={"enum": ["Bundle"]},
    type={"enum": ["batch", "transaction"]},
    entry={
        "type": "array",
        "maxItems": 3,
        "items": closed(
            ["request", "resource"],
            fullUrl=one_of("urn:uuid:x", "http://["),
            resource=RESOURCE,
            request=closed(
                ["method", "url"],
                method={"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
                url=one_of(
                    "Patient",
                    "Patient/openapi-1",
                    "Patient?name=x",
                    "Binary/openapi-1",
                    "metadata",
                    "_history",
                ),
                ifNoneExist=one_of("name=x", "%"),
                ifMatch=one_of('W/"1"', "W/"),
            ),
        ),
    },
)

PATCH: Schema = {
    "type": "array",
    "maxItems": 3,
    "items": closed(
        ["op", "path"],
        op={"enum": ["add", "remove", "replace", "move", "copy", "test", "none"]},
        path=one_of("/gender", "/name/0/family", "/id", "/meta", "/name/-", "/identifier/0", "/active"),
        value={"anyOf": [{"enum": ["other", "x"]}, {"type": "boolean"}, {"type": "number"}, ODD]},
        **{"from": one_of("/name/0", "/identifier", "/nothing")},
    ),
}


def sharpened(description: Schema) -> Schema:
    """Return a description in which variables, queries and bodies are mostly what the server knows."""
    narrow = deepcopy(description)
    for path, item in narrow["paths"].items():
        for variable in item.get("parameters", []):
            known = VARIABLES.get(variable["name"], ())
            variable["schema"] = {"type": "string", "enum": list(known)} if known else variable["schema"]
        for method, operation in item.items():
            if method == "get":
                operation.setdefault("parameters", []).extend(_query(operation))
            elif method in ("post", "put", "patch"):
                operation["requestBody"] = {"required": True, "content": _content(path, method)}
    return narrow


def _query(operation: Schema) -> list[Schema]:
    known = {parameter.get("name") for parameter in operation["parameters"]}
    return [{"in": "query", "name": name, "schema": s} for name, s in QUERY.items() if name not in known]


def _content(path: str, method: str) -> Schema:
    """Return what is sent, by media type."""
    if method == "patch":
        return {"application/json-patch+json": {"schema": PATCH}}
    if path.endswith("_search"):
        properties = dict.fromkeys(QUERY, TEXT)
        return {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": properties}}}
    if path.rstrip("/") == "/fhir":
        return {"application/fhir+json": {"schema": BUNDLE}}
    return {"application/fhir+json": {"schema": RESOURCE}}
