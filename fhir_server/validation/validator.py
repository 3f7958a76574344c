"""The whole validation of a resource: its structure, the rules of FHIR, and the profiles that it claims.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from fhir_server.fhirpath import Node
from fhir_server.model.outcome import Issue, Severity
from fhir_server.validation.invariants import Invariants
from fhir_server.validation.profile.bindings import Members
from fhir_server.validation.profile.claims import claims, extensions
from fhir_server.validation.profile.compiler import Profiles
from fhir_server.validation.profile.findings import Findings
from fhir_server.validation.profile.session import Resolve, Session
from fhir_server.validation.report import MAX_ISSUES, ReportFull
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

Level = Literal["structure", "base", "profiles"]
"""How far validation goes: the structure alone, with the rules of FHIR, with profiles and extensions too."""

_MALFORMED = (TypeError, AttributeError, KeyError, IndexError, ValueError, RecursionError)

BaseRule = Callable[[Node, Session], None]
"""A rule about a whole resource, beside structure and invariants: reports to the session."""


@dataclass(frozen=True, slots=True)
class ValidatorOptions:
    """How strict a validator is.

    `strict` is that of StructureValidator.  `best_practice`: whether advice of FHIR (dom-6) is a warning.
    `unknown_profiles`: how bad it is that a profile which another profile names is not here.
    `now` is what `now()` and `today()` of invariants ask.
    """

    strict: bool = False
    best_practice: bool = True
    unknown_profiles: Severity = "warning"
    now: Callable[[], datetime] | None = None


class Validator:
    """The compiled definitions of one Registry.  Safe to share between threads.

    `rules` are asked of every resource whose structure is right, at the levels above `structure`.
    """

    def __init__(
        self,
        registry: Registry,
        concepts: Members,
        options: ValidatorOptions | None = None,
        *,
        structure: StructureValidator | None = None,
        rules: Iterable[BaseRule] = (),
    ) -> None:
        """`structure` is one made of the same Registry, to be shared; without it, one is made."""
        self.options = options or ValidatorOptions()
        self.structure = structure or StructureValidator(registry, self.options.strict)
        self._registry = registry
        self._model = RegistryTypeModel(registry)
        self._rules = tuple(rules)
        self._invariants = Invariants(registry, self._model, self.options.best_practice)
        self._profiles = Profiles(registry, self._model, concepts, self.options.unknown_profiles)

    def validate(
        self,
        resource: Any,
        *,
        profiles: Sequence[str] = (),
        expected_type: str | None = None,
        at: str | None = None,
        resolve: Resolve | None = None,
        level: Level = "profiles",
    ) -> list[Issue]:
        """Return what is wrong with a resource tree, and what is worth a warning; empty: nothing.

        `profiles` are canonicals (`url` or `url|version`) asked for, beside those of `meta.profile`;
        `expected_type` and `at` as in `StructureValidator.validate`; `resolve` finds what a reference names
        outside of the resource.  Never raises, whatever JSON it is given; at most 100 issues, then one
        that says so.
        """
        issues = self.structure.validate(resource, expected_type, at)
        if level == "structure" or type(resource) is not dict:
            return issues
        name = resource.get("resourceType")
        if type(name) is not str or name not in self._registry.resource_types:
            return issues
        if len(issues) > MAX_ISSUES:
            return issues
        report = Findings(issues)
        root = Node(resource, name, name=at or name)
        now = self.options.now() if self.options.now is not None else None
        session = Session(self._profiles, root, report, resolve, now)
        with suppress(ReportFull):
            for part in self._parts(root, session, profiles, level):
                if not issues:
                    part()
                    continue
                with suppress(*_MALFORMED):  # the structure has said why
                    part()
        return report.issues

    def _parts(
        self, root: Node, session: Session, profiles: Sequence[str], level: Level
    ) -> Iterator[Callable[[], None]]:
        yield lambda: self._invariants.check(root, session)
        for rule in self._rules:
            yield partial(rule, root, session)
        yield lambda: self._check_extensions(root, session, level)
        if level != "profiles":
            return
        for canonical in profiles:
            yield partial(self._conform, root, session, canonical, None)
        yield lambda: self._check_claims(root, session)

    def _check_claims(self, root: Node, session: Session) -> None:
        for node, place, canonical in claims(root):
            self._conform(node, session, canonical, place)

    def _check_extensions(self, root: Node, session: Session, level: Level) -> None:
        for node in extensions(root, self._model):
            self._invariants.check(node, session)
            url = node.value.get("url") if type(node.value) is dict else None
            if level != "profiles" or type(url) is not str or self._registry.profile(url) is None:
                continue
            check = self._profiles.profile_check(url)
            if check is not None:
                check(node, session)

    def _conform(self, node: Node, session: Session, canonical: str, claimed: str | None) -> None:
        """Hold a resource to a profile; `claimed` is the place in `meta.profile` that names it, if any."""
        check = self._profiles.profile_check(canonical)
        if check is not None:
            check(node, session)
            return
        severity: Severity = "error" if claimed is None else "warning"
        text = f": the profile {canonical} is not known here, so it was not checked."
        session.fault("unknown-profile", text, claimed or node, severity)
