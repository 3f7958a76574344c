"""What is written, held to profiles where a setting asks for it, and definitions held to their own rules.

Structure is always checked before (`incoming`).  Errors refuse the write; what else is found travels with the
request, and in the answer where the client prefers an OperationOutcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fhir_server.interactions.context import Context
from fhir_server.interactions.definitions_check import Surroundings, definition_faults, is_definition
from fhir_server.interactions.incoming import FATAL
from fhir_server.interactions.request import Request
from fhir_server.interactions.resolving import Resolver
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.validation.base.checker import BaseChecker
from fhir_server.validation.structure import StructureValidator
from fhir_server.validation.validator import Validator, ValidatorOptions
from profiles.registry import Registry
from terminology.local import LocalConcepts

Tree = Mapping[str, Any]

UNPROCESSABLE = 422


def whole_validator(
    registry: Registry,
    structure: StructureValidator,
    now: Callable[[], datetime] | None = None,
    *,
    best_practice: bool = True,
) -> Validator:
    """Return the validator of a Registry with all that is asked beyond structure.

    `structure` is of the same types; `now` answers invariants that ask for the time.
    """
    concepts = LocalConcepts(registry)
    options = ValidatorOptions(best_practice=best_practice, now=now)
    rules = (BaseChecker(registry, concepts).rule,)
    return Validator(registry, concepts, options, structure=structure, rules=rules)


def validated(context: Context, request: Request, resource: Tree) -> Request:
    """Return the request with what was found about its resource that does not stand in its way.

    Costs nothing where no setting asks for more than structure, but for definitions.
    Raises FhirError 422 with every issue, if there is an error among them.
    """
    resource_type = str(resource["resourceType"])
    if not (context.demands.reach_beyond_structure(resource_type) or is_definition(resource)):
        return request
    issues = issues_of(context, resource, Resolver(context, request), Newcomers(context, [resource]))
    refuse_errors(issues)
    return replace(request, findings=(*request.findings, *issues)) if issues else request


def issues_of(context: Context, resource: Tree, resolve: Resolver, newcomers: Newcomers) -> list[Issue]:
    """Return what the settings have to find about a resource of sound structure.

    `newcomers` are the definitions among what is written with it.
    """
    resource_type = str(resource["resourceType"])
    issues = newcomers.faults(resource)
    if context.demands.reach_beyond_structure(resource_type):
        generation = context.definitions.current()
        asked, unusable = generation.usable(context.demands.profiles_of(resource_type))
        issues += unusable
        issues += generation.validator.validate(resource, profiles=asked, resolve=resolve)
    return issues


class Newcomers:
    """The definitions of one commit, held against those in use.

    What was made last is asked first: many definitions are posted at once, and a look at the store for each
    of them would read all that came before.
    """

    def __init__(self, context: Context, resources: Iterable[Tree]) -> None:
        self._definitions = context.definitions
        self._trees = [resource for resource in resources if is_definition(resource)]
        self._around: Surroundings | None = None
        self._is_fresh = False

    def faults(self, resource: Tree) -> list[Issue]:
        """Return what stands against the use of a definition, and what is worth knowing."""
        if not is_definition(resource):
            return []
        if self._around is None:
            self._around = Surroundings(self._definitions.at_hand(), self._trees)
        found = definition_faults(self._around, resource)
        if not found or self._is_fresh:
            return found
        self._definitions.look_again()
        self._around, self._is_fresh = Surroundings(self._definitions.current(), self._trees), True
        return definition_faults(self._around, resource)


def refuse_errors(issues: Sequence[Issue]) -> None:
    """Raise FhirError 422 with all issues, if there is an error among them."""
    if any(issue.severity in FATAL for issue in issues):
        raise FhirError(*issues, status=UNPROCESSABLE)
