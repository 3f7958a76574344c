"""What a CapabilityStatement declares, row by row, so that a step can be sent once for each.

Spec: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from conformance.paths import parse_path, select

Tree = Mapping[str, Any]
Row = Mapping[str, str]

RESOURCES = parse_path('rest[?mode="server"].resource')
SAMPLES: Mapping[str, str] = {
    "number": "1",
    "date": "2020-01-02",
    "string": "conformance",
    "token": "conformance",
    "reference": "conformance",
    "quantity": "1",
    "uri": "http://example.org/fhir-conformance",
}
"""A legal value of each type of search parameter; composite and special ones have none that fits all."""


def _reads(resource: Tree) -> Iterator[Row]:
    if "read" in _codes(resource):
        yield {"type": resource["type"]}


def _searches(resource: Tree) -> Iterator[Row]:
    if "search-type" in _codes(resource):
        yield {"type": resource["type"]}


def _parameters(resource: Tree) -> Iterator[Row]:
    if "search-type" in _codes(resource):
        for parameter in resource.get("searchParam", ()):
            if parameter.get("type") in SAMPLES and isinstance(parameter.get("name"), str):
                value = SAMPLES[parameter["type"]]
                yield {"type": resource["type"], "name": parameter["name"], "value": value}


ROWS: Mapping[str, Callable[[Tree], Iterator[Row]]] = {
    "read": _reads,
    "search-type": _searches,
    "search-parameter": _parameters,
}


def rows(statement: Tree, kind: str) -> list[Row]:
    """Return what a server declares of a kind, a key of `ROWS`: its `type`, `name` and a `value`."""
    resources = [found for found in select(statement, RESOURCES) if isinstance(found, dict)]
    return [row for found in resources if isinstance(found.get("type"), str) for row in ROWS[kind](found)]


def _codes(resource: Tree) -> list[Any]:
    return select(resource, parse_path("interaction.code"))
