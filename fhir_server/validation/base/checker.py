"""The base rules over one resource.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeAlias

from fhir_server.fhirpath import Node
from fhir_server.model.outcome import Issue
from fhir_server.validation.base.options import BaseOptions
from fhir_server.validation.base.rules import ON_ELEMENT, ON_RESOURCE, ON_TYPE, BaseRule
from fhir_server.validation.base.vital_signs import vital_sign_profiles
from fhir_server.validation.base.walk import Place, Walker
from fhir_server.validation.base.world import Resolve, World, fault
from fhir_server.validation.profile.session import Session
from fhir_server.validation.report import Report, ReportFull
from profiles.registry import Registry
from terminology.ports import Concepts

_Rules: TypeAlias = tuple[BaseRule, ...]
_MALFORMED = (TypeError, AttributeError, KeyError, IndexError, ValueError, RecursionError)


class BaseChecker:
    """The base rules of one Registry; safe to share between threads.

    `issues` never raises, whatever JSON it is given: a rule ends where it meets what the structure of the
    resource forbids.
    """

    def __init__(self, registry: Registry, concepts: Concepts, options: BaseOptions | None = None) -> None:
        self._registry = registry
        self._concepts = concepts
        self._options = options or BaseOptions()
        self._on_resource = self._asked(ON_RESOURCE)
        self._on_element = {path: self._asked(rows) for path, rows in ON_ELEMENT.items()}
        self._on_type = {name: self._asked(rows) for name, rows in ON_TYPE.items()}
        self._walker = Walker(registry, self._rules_of)

    def issues(self, resource: Any, *, at: str | None = None, resolve: Resolve | None = None) -> list[Issue]:
        """Return what breaks a base rule, at most 100 issues and one that says so; see `BaseOptions`.

        `at` is the FHIRPath that expressions begin with, instead of the resource type.
        """
        if not isinstance(resource, dict):
            return []
        world = World(self._registry, self._concepts, self._options, resolve, resource)
        report = Report()

        def visit(place: Place, rules: _Rules) -> None:
            for rule in rules:
                try:
                    for issue in rule(place, world):
                        report.put(issue)
                except _MALFORMED:  # what is shaped otherwise than defined: structure says so
                    continue

        with suppress(ReportFull):
            self._walker.walk(resource, at or str(resource.get("resourceType")), visit)
        return report.issues

    def rule(self, root: Node, session: Session) -> None:
        """Report to a session: what a `Validator` takes among its `rules`."""
        resolve = session.environment.resolve
        for issue in self.issues(root.value, at=root.path, resolve=resolve):
            session.put(issue)
        self._check_vital_signs(root, session)

    def _check_vital_signs(self, root: Node, session: Session) -> None:
        conforms = session.environment.conforms_to
        if self._options.vital_signs is None or conforms is None:
            return
        for canonical in vital_sign_profiles(root.value):
            if conforms(root, canonical) is False:
                text = f"is by its code a vital sign, and does not conform to {canonical}."
                # A warning at most: the profile binds units that the specification's own words leave open.
                session.put(fault("warning", "profile-mismatch", text, root.path))

    def _asked(self, rows: tuple[tuple[str, BaseRule], ...]) -> _Rules:
        return tuple(rule for level, rule in rows if getattr(self._options, level) is not None)

    def _rules_of(self, kind: str, path: str) -> _Rules:
        """What is asked of an element of a type at a path of definitions."""
        rules = self._on_type.get(kind, ())
        if kind == "BackboneElement":
            return self._on_element.get(path, rules)
        return rules + self._on_resource if kind == path else rules
