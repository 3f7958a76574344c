"""A CapabilityStatement that declares everything that a suite may ask for."""

from __future__ import annotations

from typing import Any

INTERACTIONS = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
OPERATIONS = ("validate", "meta", "meta-add", "meta-delete", "everything", "expand", "lookup", "validate-code",
              "subsumes", "export")  # fmt: skip
TYPES = ("Patient", "Observation", "Organization", "Binary", "Bundle", "CodeSystem", "ValueSet")


def everything_declared() -> dict[str, Any]:
    """Return the statement."""
    return {
        "resourceType": "CapabilityStatement",
        "format": ["json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/xml-patch+xml"],
        "rest": [{
            "mode": "server",
            "security": {"cors": True},
            "interaction": [{"code": code} for code in
                            ("transaction", "batch", "history-system", "search-system")],
            "operation": [{"name": name} for name in OPERATIONS],
            "resource": [_type(name) for name in TYPES],
        }],
    }  # fmt: skip


def without(statement: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return the statement with other flags on every type."""
    for resource in statement["rest"][0]["resource"]:
        resource.update(changed)
    return statement


def _type(name: str) -> dict[str, Any]:
    return {
        "type": name, "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update", "updateCreate": True, "conditionalCreate": True,
        "conditionalUpdate": True, "conditionalRead": "full-support", "conditionalDelete": "multiple",
        "referencePolicy": ["enforced"],
        "searchParam": [{"name": parameter, "type": "token"} for parameter in ("identifier", "_id", "name")],
    }  # fmt: skip
