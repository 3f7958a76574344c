"""Calls of the operations of the person, and what their answers say."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from tests.governed import Speaker

KEYS = {
    "actor": "Reference", "identifier": "Identifier", "relation": "code", "role": "code", "switch": "code",
    "label": "code", "category": "code", "country": "code", "client": "string", "reason": "string",
    "end": "dateTime", "all": "boolean", "future": "boolean", "on": "boolean", "allowed": "boolean",
    "remove": "boolean",
}  # fmt: skip
"""The type of each parameter."""


def call(**given: Any) -> dict[str, Any]:
    """Return the Parameters resource of a call; a list repeats its parameter."""
    parameters = []
    for name, values in given.items():
        kind = KEYS[name]
        for value in values if isinstance(values, list) else [values]:
            parameters.append({"name": name, f"value{kind[0].upper()}{kind[1:]}": value})
    return {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}


def identifier(text: str) -> dict[str, str]:
    """Return `system|value` as an Identifier."""
    system, _, value = text.rpartition("|")
    return {"system": system, "value": value}


def party(text: str) -> dict[str, Any]:
    """Return `system|value` as a logical reference."""
    return {"identifier": identifier(text)}


def in_force(answer: TestResponse) -> list[tuple[str, str, str]]:
    """Return what an answer says is in force: kind, English, French."""
    assert answer.status_code == 200, answer.text
    found = []
    for parameter in answer.get_json()["parameter"]:
        if parameter["name"] == "in-force":
            values = {
                part["name"]: next(v for k, v in part.items() if k != "name") for part in parameter["part"]
            }
            found.append((values["kind"], values["en"], values["fr"]))
    return found


def version(answer: TestResponse) -> int:
    """Return the version of the choices that an answer names."""
    assert answer.status_code == 200, answer.text
    [number] = [one["valueUnsignedInt"] for one in answer.get_json()["parameter"] if one["name"] == "version"]
    assert answer.headers["ETag"] == f'W/"{number}"'
    return int(number)


def consents(reader: Speaker, owner: str) -> list[dict[str, Any]]:
    """Return the Consents that a reader finds of a person, in a fixed order."""
    found = reader.get(f"/Consent?patient={owner}&_count=500")
    assert found.status_code == 200, found.text
    entries = [one["resource"] for one in found.get_json().get("entry", [])]
    return sorted(entries, key=lambda one: str(one["id"]))
