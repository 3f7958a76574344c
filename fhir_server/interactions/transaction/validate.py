"""Between rewriting and indexing: what is about to be written, held to what settings and definitions ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.definitions_check import is_definition
from fhir_server.interactions.entries import inside
from fhir_server.interactions.request import Request
from fhir_server.interactions.resolving import Found, Resolver
from fhir_server.interactions.transaction.plan import MAX_ISSUES, Planned
from fhir_server.interactions.transaction.resolve import Resolved
from fhir_server.interactions.validating import UNPROCESSABLE, Newcomers, issues_of
from fhir_server.model.outcome import FhirError, Issue

Findings = Mapping[int, tuple[Issue, ...]]
"""By position: what was found that does not stand in the way."""
NOTHING_FOUND: Final[Findings] = MappingProxyType({})


def validate(
    context: Context,
    request: Request,
    planned: Planned,
    resolved: Resolved,
    resources: Mapping[int, dict[str, Any]],
) -> Findings:
    """Return what was found about the resources; references lead to other entries first.

    Raises FhirError 422 with what is wrong with any of them, each at its entry.
    """
    demands = context.demands
    asked = {
        position: resource
        for position, resource in resources.items()
        if demands.reach_beyond_structure(resource["resourceType"]) or is_definition(resource)
    }
    if not asked:
        return NOTHING_FOUND
    resolver = Resolver(context, request, _together(planned, resolved, resources))
    newcomers = Newcomers(context, resources.values())
    findings: dict[int, tuple[Issue, ...]] = {}
    errors: list[Issue] = []
    for position, resource in asked.items():
        issues = issues_of(context, resource, resolver, newcomers)
        findings[position] = tuple(issues)
        if issues:
            placed = inside(FhirError(*issues), planned.entries[position]).issues
            errors.extend(issue for issue in placed if issue.severity in ("fatal", "error"))
    if errors:
        raise FhirError(*errors[:MAX_ISSUES], status=UNPROCESSABLE)
    return findings


def _together(
    planned: Planned, resolved: Resolved, resources: Mapping[int, dict[str, Any]]
) -> Mapping[str, Found]:
    found: dict[str, Found] = {}
    for entry in planned.of("delete"):
        for reference in _deleted(resolved, entry.position):
            found[reference] = None
    for position, resource in resources.items():
        found[resolved.targets[position].reference] = resource
    return found


def _deleted(resolved: Resolved, position: int) -> Sequence[str]:
    target = resolved.targets[position]
    others = [f"{one.resource_type}/{one.id}" for one in target.others]
    return [target.reference, *others] if target.id else others
