"""Definitions of our own making, as clients post them."""

from __future__ import annotations

from typing import Any

from tests.http.calls import new_id

R4 = "http://hl7.org/fhir/StructureDefinition/"
OUR = "http://example.org/fhir"


def own_url(kind: str = "StructureDefinition") -> str:
    """Return a canonical that no other test uses."""
    return f"{OUR}/{kind}/{new_id()}"


def profile(
    url: str, resource_type: str, *elements: dict[str, Any], base: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return a profile with a differential; the id of an element is made of its path and slice."""
    rows = [{"id": row["path"], **row} for row in elements]
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Own",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": resource_type,
        "baseDefinition": base or f"{R4}{resource_type}",
        "derivation": "constraint",
        **({"differential": {"element": rows}} if rows else {}),
        **more,
    }


def rule(key: str, expression: str, severity: str = "error") -> dict[str, Any]:
    """Return a constraint of an element."""
    return {"key": key, "severity": severity, "human": f"rule {key}", "expression": expression}


def with_birth_date(url: str, **more: Any) -> dict[str, Any]:
    """Return a profile of Patient that asks for a birth date."""
    return profile(url, "Patient", {"path": "Patient.birthDate", "min": 1}, **more)


def value_set(url: str, *includes: dict[str, Any]) -> dict[str, Any]:
    """Return a value set."""
    return {
        "resourceType": "ValueSet",
        "url": url,
        "status": "active",
        "compose": {"include": list(includes)},
    }


def code_system(url: str, *codes: str) -> dict[str, Any]:
    """Return a complete code system."""
    return {
        "resourceType": "CodeSystem",
        "url": url,
        "status": "active",
        "content": "complete",
        "concept": [{"code": code} for code in codes],
    }
