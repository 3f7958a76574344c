"""Which features a CapabilityStatement declares."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.capability import BadNeed, lacking, parse_need
from conformance.declared import rows
from conformance.literal_json import decode

STATEMENT: dict[str, Any] = decode("""
{"resourceType": "CapabilityStatement", "format": ["application/fhir+xml", "json"],
 "patchFormat": ["application/json-patch+json"],
 "rest": [
  {"mode": "client", "interaction": [{"code": "history-system"}]},
  {"mode": "server", "security": {"cors": true}, "interaction": [{"code": "transaction"}],
   "operation": [{"name": "export"}], "searchParam": [{"name": "_id", "type": "token"}],
   "resource": [
    {"type": "Resource", "operation": [{"name": "$validate"}]},
    {"type": "Patient", "interaction": [{"code": "read"}, {"code": "search-type"}], "updateCreate": true,
     "conditionalCreate": false, "conditionalRead": "full-support", "conditionalDelete": "multiple",
     "versioning": "versioned", "referencePolicy": ["literal", "enforced"],
     "operation": [{"name": "everything"}],
     "searchParam": [{"name": "name", "type": "string"}, {"name": "near", "type": "special"}]},
    {"type": "Observation", "interaction": [{"code": "create"}], "conditionalRead": "not-match",
     "conditionalDelete": "single", "searchParam": [{"name": "code", "type": "token"}]}]}]}
""")


@pytest.mark.parametrize(("need", "declared"), [
    ("Patient.read", True),
    ("Patient.create", False),
    ("Observation.create", True),
    ("Practitioner.read", False),
    ("system.transaction", True),
    ("system.batch", False),
    ("system.history-system", False),
    ("Patient.updateCreate", True),
    ("Patient.conditionalCreate", False),
    ("Observation.updateCreate", False),
    ("Patient.conditionalRead:not-match", True),
    ("Patient.conditionalRead:modified-since", True),
    ("Observation.conditionalRead:not-match", True),
    ("Observation.conditionalRead:modified-since", False),
    ("Patient.conditionalDelete:single", True),
    ("Patient.conditionalDelete:multiple", True),
    ("Observation.conditionalDelete:multiple", False),
    ("Patient.versioning:versioned-update", False),
    ("Patient.referencePolicy:enforced", True),
    ("Patient?name", True),
    ("Patient?code", False),
    ("Observation?_id", True),
    ("Patient.$everything", True),
    ("Observation.$everything", False),
    ("Patient.$validate", True),
    ("system.$export", True),
    ("system.$reindex", False),
    ("format:json", True),
    ("format:xml", True),
    ("format:ttl", False),
    ("patch:application/json-patch+json", True),
    ("patch:application/fhir+json", False),
    ("cors", True),
    ("!cors", False),
    ("!Patient.create", True),
])  # fmt: skip
def test_a_need_is_declared(need: str, declared: bool) -> None:
    assert parse_need(need)(STATEMENT) is declared


def test_the_first_need_that_is_lacking_is_told() -> None:
    assert lacking(STATEMENT, ("Patient.read", "Patient.create", "system.batch")) == "Patient.create"
    assert lacking(STATEMENT, ("Patient.read",)) is None


@pytest.mark.parametrize("text", ["", "Patient", "Patient.fly", "patient.read", "system.read.all", "!!"])
def test_what_names_no_feature_is_refused(text: str) -> None:
    with pytest.raises(BadNeed):
        parse_need(text)


@pytest.mark.parametrize(("kind", "expected"), [
    ("read", [{"type": "Patient"}]),
    ("search-type", [{"type": "Patient"}]),
    ("search-parameter", [{"type": "Patient", "name": "name", "value": "conformance"}]),
])  # fmt: skip
def test_rows_are_what_is_declared(kind: str, expected: list[dict[str, str]]) -> None:
    assert rows(STATEMENT, kind) == expected
