"""Features as a CapabilityStatement declares them, so that a case is not asked of a server that says no.

A need is written `Patient.update`, `Patient.updateCreate`, `Patient.conditionalDelete:single`,
`Patient?identifier`, `Patient.$validate`, `system.transaction`, `format:xml`,
`patch:application/json-patch+json`, `cors`; with `!` before it, that the feature is not declared.
Spec: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from conformance.literal_json import text_of
from conformance.paths import parse_path, select

Tree = Mapping[str, Any]
Feature = Callable[[Tree], bool]

FORMATS: Mapping[str, frozenset[str]] = {
    "json": frozenset({"json", "application/fhir+json", "application/json"}),
    "xml": frozenset({"xml", "application/fhir+xml", "application/xml", "text/xml"}),
}
COVERS: Mapping[str, frozenset[str]] = {
    "not-match": frozenset({"not-match", "full-support"}),
    "modified-since": frozenset({"modified-since", "full-support"}),
    "single": frozenset({"single", "multiple"}),
}
"""Which declared codes include a code that a case needs; the others only themselves."""


class BadNeed(ValueError):
    """A text names no feature."""


def parse_need(text: str) -> Feature:
    """Return the question that a need asks of a CapabilityStatement.  Raises BadNeed."""
    if text.startswith("!"):
        asked = parse_need(text[1:])
        return lambda statement: not asked(statement)
    for pattern, make in NEEDS:
        if found := pattern.fullmatch(text):
            return make(*found.groups())
    raise BadNeed(f"{text!r} names no feature of a CapabilityStatement")


def lacking(statement: Tree, needs: tuple[str, ...]) -> str | None:
    """Return the first need that a server does not declare, or None."""
    return next((need for need in needs if not parse_need(need)(statement)), None)


def _system_interaction(code: str) -> Feature:
    return _among('rest[?mode="server"].interaction.code', {code})


def _interaction(resource_type: str, code: str) -> Feature:
    return _among(f"{_resource(resource_type)}.interaction.code", {code})


def _flag(resource_type: str, name: str) -> Feature:
    return _among(f"{_resource(resource_type)}.{name}", {"true"})


def _coded(resource_type: str, name: str, code: str) -> Feature:
    return _among(f"{_resource(resource_type)}.{name}", COVERS.get(code, frozenset({code})))


def _parameter(resource_type: str, name: str) -> Feature:
    own = _among(f"{_resource(resource_type)}.searchParam.name", {name})
    shared = _among('rest[?mode="server"].searchParam.name', {name})
    return lambda statement: own(statement) or shared(statement)


def _operation(resource_type: str, name: str) -> Feature:
    own = _among(f"{_resource(resource_type)}.operation.name", {name, f"${name}"})
    every = _among('rest[?mode="server"].resource[?type="Resource"].operation.name', {name, f"${name}"})
    system = _among('rest[?mode="server"].operation.name', {name, f"${name}"})
    return lambda statement: own(statement) or every(statement) or system(statement)


def _format(name: str) -> Feature:
    return _among("format", FORMATS.get(name, frozenset({name})))


def _patch_format(media_type: str) -> Feature:
    return _among("patchFormat", {media_type})


def _cors() -> Feature:
    return _among('rest[?mode="server"].security.cors', {"true"})


def _resource(resource_type: str) -> str:
    return f'rest[?mode="server"].resource[?type="{resource_type}"]'


def _among(path: str, wanted: set[str] | frozenset[str]) -> Feature:
    steps = parse_path(path)
    return lambda statement: any(text_of(value) in wanted for value in select(statement, steps))


INTERACTIONS = (
    "read|vread|update|patch|delete|history-instance|history-type|create|search-type"
    "|history-system|search-system|transaction|batch"
)
NEEDS: tuple[tuple[re.Pattern[str], Callable[..., Feature]], ...] = (
    (re.compile(rf"system\.({INTERACTIONS})"), _system_interaction),
    (re.compile(r"(system)\.\$([a-z-]+)"), _operation),
    (re.compile(rf"([A-Z]\w+)\.({INTERACTIONS})"), _interaction),
    (re.compile(r"([A-Z]\w+)\.(updateCreate|conditionalCreate|conditionalUpdate|readHistory)"), _flag),
    (re.compile(r"([A-Z]\w+)\.(conditionalRead):(not-match|modified-since)"), _coded),
    (re.compile(r"([A-Z]\w+)\.(conditionalDelete):(single|multiple)"), _coded),
    (re.compile(r"([A-Z]\w+)\.(versioning):(versioned|versioned-update|no-version)"), _coded),
    (re.compile(r"([A-Z]\w+)\.(referencePolicy):(enforced)"), _coded),
    (re.compile(r"([A-Z]\w+)\?([A-Za-z_-]+)"), _parameter),
    (re.compile(r"([A-Z]\w+)\.\$([a-z-]+)"), _operation),
    (re.compile(r"format:(\S+)"), _format),
    (re.compile(r"patch:(\S+)"), _patch_format),
    (re.compile(r"cors"), _cors),
)
