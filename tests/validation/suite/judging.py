"""Whether this validator finds an error where the reference validator does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fhir_server.http.xml.reader import XmlReader
from fhir_server.http.xml.shapes import Shapes
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.validation.base.checker import BaseChecker
from fhir_server.validation.base.options import STRICT, BaseOptions
from fhir_server.validation.validator import Validator, ValidatorOptions
from profiles.registry import Registry
from terminology.local import LocalConcepts
from tests.validation.suite.material import Comparison
from tests.validation.suite.resolving import Resolver
from tests.validation.suite.shelf import Texts, packages_of, registry_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ERRORS = frozenset({"error", "fatal"})
_EXAMPLES = ("http://example.org/", "http://acme.com/")
_TOOLS = "http://hl7.org/fhir/tools/"
"""A package that the reference validator always has, and that is not to be had here."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; `agrees` is None where there is nothing to compare with.

    That is where the suite holds no outcome for R4, or the corpus not all packages: `missing` are those.
    """

    comparison: Comparison
    issues: tuple[Issue, ...]
    missing: tuple[str, ...]

    @property
    def has_error(self) -> bool:
        return any(issue.severity in ERRORS for issue in self.issues)

    @property
    def agrees(self) -> bool | None:
        expected = self.comparison.error_expected
        return None if expected is None or self.missing else expected is self.has_error


class Judge:
    """Validates comparisons with the definitions that they ask for."""

    def __init__(self, corpus: Path, core: Registry) -> None:
        self._corpus = corpus
        self._core = core
        self._xml = XmlReader(Shapes(core))
        self._registries: dict[tuple[str, ...], tuple[Registry, list[str]]] = {}

    def judge(self, comparison: Comparison) -> Verdict:
        """Return the verdict of one comparison."""
        texts, missing = packages_of(self._corpus, comparison.packages)
        brought, trees = Texts(), []
        for path in comparison.definitions:
            tree, _ = self._read(path)
            if tree is not None:
                trees.append(tree)
                brought.add(exact_json.encode(tree))
        registry = registry_of(self._core, brought.over(texts), set(brought.profiles.values()))
        tree, issues = self._read(comparison.file)
        if not issues:
            resolve = Resolver(comparison, trees, self._read, brought.over(texts))
            issues = self._validate(registry, comparison, tree, resolve)
        return Verdict(comparison, tuple(issues), tuple(missing))

    def _read(self, path: Path) -> tuple[Any, list[Issue]]:
        data = path.read_bytes()
        try:
            read = self._xml.read if path.suffix == ".xml" else exact_json.decode
            return read(data), []
        except FhirError as error:
            return None, list(error.issues)

    def _validate(
        self, registry: Registry, comparison: Comparison, tree: Any, resolve: Resolver
    ) -> list[Issue]:
        concepts = LocalConcepts(registry)
        checker = BaseChecker(registry, concepts, _options(comparison.options))
        options = ValidatorOptions(strict=True, unknown_profiles="error", now=lambda: NOW)
        validator = Validator(registry, concepts, options, rules=[checker.rule])
        profiles: list[str] = []
        if comparison.profile is not None:
            definition, issues = self._read(comparison.profile)
            if issues:
                return issues
            profiles.append(definition["url"])
        return [
            *validator.validate(tree, profiles=profiles, resolve=resolve),
            *_of_one_entry(validator, comparison.options.get("bundle-param"), tree),
        ]


def _of_one_entry(validator: Validator, asked: Any, bundle: Any) -> list[Issue]:
    """Return what a profile finds in one entry: `Patient:0` is the first Patient of the Bundle."""
    if asked is None:
        return []
    kind, _, index = asked["rule"].partition(":")
    resources = [entry["resource"] for entry in bundle["entry"]]
    entry = [resource for resource in resources if resource["resourceType"] == kind][int(index)]
    return validator.validate(entry, profiles=[asked["profile"]])


def _options(case: Mapping[str, Any]) -> BaseOptions:
    """Return what the manifest switches, over the defaults of the reference validator's tests."""
    domain = case.get("allowed-extension-domain")
    domains = _EXAMPLES if case.get("examples", True) else ()
    return replace(
        STRICT,
        extension_domains=(_TOOLS, *domains, *((domain,) if domain else ())),
        wrong_displays="warning" if case.get("wrong-displays") == "warning" else "error",
        example_urls=None if case.get("examples", True) else "error",
        html_in_texts="error" if case.get("security-checks") else None,
        unresolved="error" if str(case.get("validateReference")).startswith("CHECK_") else None,
    )
